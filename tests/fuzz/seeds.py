"""Small valid files of every kind, as bytes."""

import io
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import nrrd
import numpy as np
from scipy.io import savemat

from engine.musse.artefact import store
from engine.musse.artefact.facts import key_of
from engine.musse.artefact.store import Artefact
from tests.tools.formats.rf_samples import band_noise
from tests.tools.formats.test_scanner_files import description, raw, ultrasonix
from tests.tools.tape.tapes import bmode_parts, fused_parts, rf_parts, strain_parts, write_parts
from tools.formats import Acquisition, write_recording
from tools.results.taped import convert_results
from tools.tape.reader import Tape

CONSTANTS: Final[dict[str, Any]] = {"fs": 40e6, "pitch": 0.3e-3, "probe_type": "linear", "frame_rate": 20.0}
MHA: Final = """ObjectType = Image
NDims = 3
DimSize = 16 256 2
ElementType = MET_SHORT
ElementSpacing = 0.3 0.01925 1
SamplingFrequency = 40e6
CompressedData = True
CompressedDataSize = {size}
Seq_Frame0000_Timestamp = 0.0
Seq_Frame0001_Timestamp = 0.05
ElementDataFile = LOCAL
"""


def recordings(folder: Path) -> Mapping[str, bytes]:
    """Two frames of 256 samples x 16 lines in each format, by the file's ending."""
    rf = (1000 * band_noise((2, 256, 16))).astype(np.int16)
    packed = zlib.compress(rf.tobytes())
    (folder / "seed.mha").write_bytes(MHA.format(size=len(packed)).encode() + packed)
    np.savez(folder / "seed.npz", rf=rf, **CONSTANTS)
    np.save(folder / "seed.npy", rf)
    savemat(folder / "seed.mat", {"acq": {"rf": rf, **CONSTANTS}}, do_compression=True)
    nrrd.write(str(folder / "seed.nrrd"), rf, {"encoding": "gzip"}, index_order="F")
    (folder / "seed.rf").write_bytes(ultrasonix(rf, frames=2))
    (folder / "seed.raw").write_bytes(raw(rf, 2))
    with tarfile.open(folder / "seed.tar", "w") as package:
        for name, content in (("a_rf.raw", raw(rf, 2)), ("a_rf.yml", description().encode())):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            package.addfile(member, io.BytesIO(content))
    constants = Acquisition(
        sampling_frequency=40e6, center_frequency=4.8e6, probe_type="linear", line_pitch=3e-4
    )
    with write_recording(folder / "seed.h5", constants) as writer:
        for k, frame in enumerate(rf):
            writer.append(frame, t_acq=k)
    endings = ("mha", "npz", "npy", "mat", "nrrd", "rf", "raw", "tar", "h5")
    return {ending: (folder / f"seed.{ending}").read_bytes() for ending in endings}


def tape(folder: Path) -> bytes:
    """RF, pairs, fused images and B-mode of three frames."""
    kinds = (rf_parts, strain_parts, fused_parts, bmode_parts)
    return write_parts(folder / "seed.mcap", [make(k) for k in range(3) for make in kinds]).read_bytes()


def results(folder: Path) -> bytes:
    """The pairs of that tape as a file of results."""
    opened = Tape(write_parts(folder / "pairs.mcap", [strain_parts(k) for k in range(1, 4)]))
    try:
        (written,) = convert_results(opened, folder / "results.h5")
    finally:
        opened.close()
    return written.read_bytes()


def rf_header() -> bytes:
    """The header of an RF message."""
    return bytes(rf_parts(1)[1])


def message() -> bytes:
    """A pair's message: length of the header, header, two arrays of one size."""
    _, header, *arrays = (bytes(part) for part in strain_parts(1))
    return len(header).to_bytes(2, "little") + header + b"".join(arrays)


def compiled_engine(folder: Path) -> Path:
    """The folder of a compiled engine."""
    facts = {"graph": "g", "card": "RTX 4060", "shapes": [["torch.float32", 2, 3]]}
    artefact = Artefact(
        key=key_of(facts),
        facts=facts,
        status="verified",
        inputs={"a": 0},
        outputs=("b",),
        subject={"policy": "fp32"},
    )
    return store.write(folder / "engines", artefact, bytes(64), {"pairs": 64}, {"p99_ms": 1.0})
