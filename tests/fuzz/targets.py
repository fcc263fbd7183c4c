"""What is fed with broken inputs: everything that reads a file or a message of somebody else."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from engine.errors import EngineUnavailable
from engine.factory import shipped_weights
from engine.musse.artefact import store
from engine.musse.artefact.facts import key_of
from engine.musse.artefact.store import MANIFEST, SEAL
from engine.musse.checkpoint import load_published
from engine.musse.runtimes.onnx import OnnxRuntime
from streamer.curve import read_allowed
from streamer.errors import ConfigError, MessageRefused
from streamer.wire import decode, unpack_header
from tests.engine.musse.published_weights import small_published
from tests.fuzz import seeds
from tests.root import ROOT
from tests.tools.formats.test_scanner_files import description
from tools.configuration import load_config
from tools.errors import ToolError
from tools.formats import open_recording
from tools.measure.published import published_frames, published_pairing
from tools.results.description import describe_results, holds_results
from tools.results.pairs import read_pairs
from tools.tape.reader import Tape

REFUSED: Final = (ToolError, ConfigError, MessageRefused, EngineUnavailable)
"""How a reader refuses; any other exception is a finding."""
GIVEN: Final[dict[str, Any]] = {
    "sampling_frequency": 40e6,
    "line_pitch": 3e-4,
    "probe_type": "linear",
    "frame_axis": 0,
    "frame_rate": 20.0,
}
"""What formats without constants are opened with."""
OPEN: Final = {"npy", "nrrd", "rf", "raw", "tar"}
TEXT: Final = {"mha", "nrrd"}
_BETWEEN: Final = b"\0\0\0\0"  # manifest and tensors
_UNSEALED: Final = {SEAL, "format", "format_version"}


@dataclass(frozen=True)
class Target:
    """One reader and a valid input of it."""

    seed: bytes
    feed: Callable[[bytes], object]
    """Reads an input to its end. Raises one of REFUSED where it refuses it."""
    text: bool = False


def targets(folder: Path) -> dict[str, Target]:
    """All targets by name; their inputs are written in this folder."""
    (folder / "input.yml").write_text(description(), encoding="utf-8")  # beside a Clarius file
    made = {
        f"recording {ending}": Target(
            seed,
            partial(_recording, folder / f"input.{ending}", GIVEN if ending in OPEN else {}),
            text=ending in TEXT,
        )
        for ending, seed in seeds.recordings(folder).items()
    }
    defaults = (ROOT / "configs" / "default.toml").read_bytes()
    keys = b"".join(b"%064x ward-%d\n" % (7**k, k) for k in range(5))
    tensors = small_published(folder)
    manifest = tensors.with_suffix(".json").read_bytes()
    manifest = manifest.replace(hashlib.sha256(tensors.read_bytes()).hexdigest().encode(), b"DIGEST")
    program = shipped_weights().with_suffix(".onnx").read_bytes()
    engine = seeds.compiled_engine(folder)
    return made | {
        "tape": Target(seeds.tape(folder), partial(_tape, folder / "input.mcap")),
        "results": Target(seeds.results(folder), partial(_results, folder / "results-input.h5")),
        "configuration": Target(defaults, partial(_configuration, folder / "input.toml"), text=True),
        "allowed keys": Target(keys, partial(_allowed, folder / "allowed"), text=True),
        "RF header": Target(seeds.rf_header(), unpack_header),
        "results message": Target(seeds.message(), _message),
        "weights": Target(
            manifest + _BETWEEN + tensors.read_bytes(), partial(_weights, folder / "a.safetensors"), text=True
        ),
        "program": Target(program, partial(_program, folder / "input.onnx")),
        "compiled engine": Target((engine / MANIFEST).read_bytes(), partial(_engine, engine), text=True),
    }


def _recording(path: Path, given: dict[str, Any], content: bytes) -> None:
    path.write_bytes(content)
    with open_recording(path, overrides=given) as recording:
        for k in range(recording.n_frames):
            recording.header(k, source_id="a", session_id="b")
            recording.frame(k)


def _tape(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    tape = Tape(path)
    try:
        for _ in tape.messages():
            pass
    finally:
        tape.close()
    _recording(path, {}, content)


def _results(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    if holds_results(path):
        describe_results(path)
        read_pairs(path)
        published_pairing(path)
        for _ in published_frames(path, with_bmode=True):
            pass


def _configuration(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    load_config(path)


def _allowed(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    read_allowed(path)


def _message(content: bytes) -> None:
    size = int.from_bytes(content[:2], "little")  # of the header
    header, arrays = content[2 : 2 + size], content[2 + size :]
    half = len(arrays) // 2
    decode([b"strain/bridge/", header, arrays[:half], arrays[half:]])


def _weights(path: Path, content: bytes) -> None:
    """The digest is made right: it protects from mix-ups, not from an author."""
    manifest, _, tensors = content.partition(_BETWEEN)
    path.write_bytes(tensors)
    right = hashlib.sha256(tensors).hexdigest().encode()
    path.with_suffix(".json").write_bytes(manifest.replace(b"DIGEST", right))
    load_published(path)


def _program(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    OnnxRuntime(path)


def _engine(folder: Path, content: bytes) -> None:
    """The seal is made right wherever the manifest is a JSON object."""
    try:
        raw = json.loads(content)
        raw[SEAL] = key_of({name: value for name, value in raw.items() if name not in _UNSEALED})
        content = json.dumps(raw).encode()
    except (ValueError, TypeError, RecursionError):
        pass  # as it is
    (folder / MANIFEST).write_bytes(content)
    store.read(folder)
