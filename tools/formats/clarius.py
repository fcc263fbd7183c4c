"""Reading raw data of Clarius scanners: NAME.raw beside NAME.yml, NAME.raw.lzo, or a .tar of both.

A .raw file is five uint32 (id, frames, lines, samples, bytes per sample) and, for every frame, its time in ns
(uint64) and its samples line by line: RF as int16, IQ as pairs of int16 (Clarius, repository `raw`). The .yml
beside it is no strict YAML; it states frame rate, transmit frequency, sampling rate, delay and the lines.
"""

import re
import tarfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tools.damage import naming_damage
from tools.errors import RecordingError
from tools.formats.acquisition import PartialAcquisition
from tools.formats.contents import Contents, Layout
from tools.formats.lzop import decompress
from tools.formats.samples import handed_out_dtype

_UNITS: Final = {"hz": 1.0, "khz": 1e3, "mhz": 1e6, "m": 1.0, "cm": 1e-2, "mm": 1e-3, "um": 1e-6, "µm": 1e-6}
_LINE: Final = re.compile(r"rx element:\s*([-+.\deE]+).*?angle:\s*([-+.\deE]+)")
_FRAME_TIME: Final = np.dtype("<u8")
_HEADER: Final = np.dtype([(name, "<u4") for name in ("id", "frames", "lines", "samples", "bytes")])


@dataclass(frozen=True, slots=True)
class _Pair:
    """The samples and the description of one recording."""

    name: str
    raw: bytes
    description: str


def read_clarius(path: Path, layout: Layout) -> Contents:
    """The RF or IQ at `path`, all in memory; --variable names one of several in a .tar.

    Raises RecordingError for a file that is damaged, has no description beside it, or holds envelopes.
    """
    with naming_damage(path, "file of a Clarius scanner"):
        pair = _from_tar(path, layout.variable) if path.suffix.lower() == ".tar" else _from_file(path)
        if pair.raw.startswith(b"\x89LZO"):
            pair = _Pair(pair.name, decompress(path, pair.raw), pair.description)
        return _contents(path, pair)


def _contents(path: Path, pair: _Pair) -> Contents:
    if len(pair.raw) < _HEADER.itemsize:
        raise RecordingError(f"{path}: {pair.name} is too short for its header")
    header = np.frombuffer(pair.raw, _HEADER, 1)[0]
    n_lines, n_samples, size = (int(header[name]) for name in ("lines", "samples", "bytes"))
    if size not in {2, 4} or min(n_lines, n_samples) < 1:
        raise RecordingError(
            f"{path}: {pair.name} has {n_lines} lines of {n_samples} samples of {size} bytes; RF has 2, "
            "IQ 4 bytes, and envelopes (_env.raw) are no RF"
        )
    frame = np.dtype([("time", _FRAME_TIME), ("samples", "<i2", (n_lines, n_samples * size // 2))])
    body = pair.raw[_HEADER.itemsize :]
    n_frames = min(int(header["frames"]), len(body) // frame.itemsize)
    if n_frames == 0:
        raise RecordingError(f"{path}: {pair.name} ends within its first frame")
    frames = np.frombuffer(body, frame, n_frames)
    notes = []
    if n_frames < header["frames"]:
        notes.append(f"frames: {n_frames} whole ones in the file, its header describes {header['frames']}")
    stated, more = _stated(pair.description)
    is_iq = size == 4
    if is_iq:
        notes.append("samples: int16 I and Q in the file")
    return Contents(
        frames=_ClariusFrames(frames["samples"], is_iq=is_iq),
        stated=PartialAcquisition(**stated),
        t_acq=frames["time"].astype(np.int64),
        notes=(*notes, *more),
    )


def _stated(text: str) -> tuple[dict[str, Any], list[str]]:
    """Constants of the description, SI units, and what they were made of."""
    stated: dict[str, Any] = {}
    names = {
        "sampling_frequency": "sampling rate",
        "center_frequency": "transmit frequency",
        "frame_rate": "frame rate",
        "probe_radius": "radius",
    }
    for field, name in names.items():
        value = _quantity(text, name)
        if value is not None and not (field == "probe_radius" and value == 0):
            stated[field] = value
    delay = re.search(r"delay samples:\s*([-\d.]+)", text)
    if delay and "sampling_frequency" in stated:
        stated["initial_time"] = float(delay[1]) / stated["sampling_frequency"]
    lines = np.array([[float(number) for number in found] for found in _LINE.findall(text)])
    if len(lines) < 2:
        return stated, []
    step, angle = (float(np.diff(column).mean()) for column in lines.T)
    pitch, radius = _quantity(text, "pitch"), stated.get("probe_radius")
    notes = []
    if angle or radius:
        stated["probe_type"] = "curved" if radius else "phased"
        if angle:
            stated["line_pitch"] = abs(np.deg2rad(angle))
        elif pitch and radius:
            stated["line_pitch"] = step * pitch / radius
    else:
        notes.append(f"probe_type: assumed linear, because its lines are parallel, {step:.4g} elements apart")
        stated["probe_type"] = "linear"
        if pitch:
            stated["line_pitch"] = step * pitch
    return stated, notes


def _quantity(text: str, name: str) -> float | None:
    found = re.search(rf"\b{name}:\s*([-+.\deE]+)\s*([a-zµ]+)", text, re.IGNORECASE)
    unit = None if found is None else _UNITS.get(found[2].lower())
    return None if found is None or unit is None else float(found[1]) * unit


def _from_file(path: Path) -> _Pair:
    stem = path.name.removesuffix(".lzo").removesuffix(".raw")
    description = path.with_name(f"{stem}.yml")
    if not description.is_file():
        raise RecordingError(
            f"{path} has no {description.name} beside it, which describes the raw data of a Clarius scanner. "
            "The data file of a MetaImage header is opened by its .mhd"
        )
    return _Pair(path.name, path.read_bytes(), description.read_text(encoding="utf-8", errors="replace"))


def _from_tar(path: Path, wanted: str | None) -> _Pair:
    """The pair of a package; members are read, never unpacked."""
    with tarfile.open(path) as package:
        members = {PurePosixPath(member.name).name: member for member in package if member.isfile()}

        def read(name: str) -> bytes:
            stream = package.extractfile(members[name])
            return b"" if stream is None else stream.read()

        raws = [name for name in members if re.search(r"_(rf|iq)\.raw(\.lzo)?$", name)]
        picked = [name for name in raws if wanted in {None, name}]
        if len(picked) != 1:
            found = ", ".join(raws) or "neither _rf.raw nor _iq.raw: switch raw data on in the app"
            remedy = "; name one with --variable" if raws else ""
            raise RecordingError(f"{path} holds {found}{remedy}")
        name = f"{picked[0].removesuffix('.lzo').removesuffix('.raw')}.yml"
        if name not in members:
            raise RecordingError(f"{path} has no {name}, which describes {picked[0]}")
        return _Pair(picked[0], read(picked[0]), read(name).decode("utf-8", "replace"))


class _ClariusFrames:
    """(frames, lines, samples) int16, turned so that rows are depth."""

    def __init__(self, lines: NDArray[np.int16], *, is_iq: bool) -> None:
        self._lines, self._is_iq = lines, is_iq
        self.n_frames = len(lines)
        self.shape: tuple[int, int] = (lines.shape[2] // (2 if is_iq else 1), lines.shape[1])
        self.dtype = np.dtype(np.complex64) if is_iq else handed_out_dtype(lines.dtype)[0]

    def read(self, index: int) -> NDArray[Any]:
        """Frame `index`: see `Frames.read`."""
        lines = np.ascontiguousarray(self._lines[index])
        samples = lines.astype(np.float32).view(np.complex64) if self._is_iq else lines
        return np.array(samples.T, self.dtype, order="C")

    def close(self) -> None:
        """Let go of the samples."""
        self._lines = self._lines[:0]
