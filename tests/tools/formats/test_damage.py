"""Whatever happens to a file, opening it ends in a recording or in a RecordingError."""

import time
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import nrrd
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.io import savemat

from tests.tools.formats.rf_samples import MetaWriter
from tests.tools.formats.test_scanner_files import description, raw, ultrasonix
from tools.errors import RecordingError
from tools.formats import Acquisition, open_recording, write_recording

SECONDS = 1.0  # of the processor for one file
MEMORY = 32 * 2**20  # bytes beside one and a half times the file: a header may name gigabytes
CONSTANTS: dict[str, Any] = {"fs": 40e6, "pitch": 0.3e-3, "probe_type": "linear", "frame_rate": 20.0}


GIVEN: dict[str, Any] = {"sampling_frequency": 40e6, "line_pitch": 3e-4, "probe_type": "linear"}
BARE = {".npy", ".nrrd", ".rf", ".raw"}
"""Formats that leave constants open."""


# Random bytes are no test of HDF5: its C library may crash on them, which no reader can catch.
@pytest.fixture(params=["mha", "npz", "npy", "mat", "nrrd", "rf", "raw"])
def intact(
    request: pytest.FixtureRequest, tmp_path: Path, rf: NDArray[np.int16], write_mhd: MetaWriter
) -> Path:
    path = tmp_path / f"intact.{request.param}"
    writers: dict[str, Callable[[], object]] = {
        "mha": lambda: write_mhd(rf[:3], name=path.name),
        "npz": lambda: np.savez(path, rf=rf[:3], **CONSTANTS),
        "npy": lambda: np.save(path, rf[:3]),
        "mat": lambda: savemat(path, {"acq": {"rf": rf[:3], **CONSTANTS}}, do_compression=True),
        "nrrd": lambda: nrrd.write(str(path), rf[:3], {"encoding": "gzip"}, index_order="F"),
        "rf": lambda: path.write_bytes(ultrasonix(rf[:3], frames=3)),
        "raw": lambda: path.write_bytes(raw(rf[:3], 3)),
    }
    writers[request.param]()
    for name in ("intact", "damaged"):  # beside a Clarius file
        (tmp_path / f"{name}.yml").write_text(description(), encoding="utf-8")
    return path


@pytest.fixture
def hdf5(tmp_path: Path, rf: NDArray[np.int16]) -> Path:
    constants = Acquisition(
        sampling_frequency=40e6, center_frequency=4.8e6, probe_type="linear", line_pitch=3e-4
    )
    with write_recording(tmp_path / "intact.h5", constants) as writer:
        for k, frame in enumerate(rf[:3]):
            writer.append(frame, t_acq=k, truth={"axial_displacement": np.zeros((8, 8))})
    return tmp_path / "intact.h5"


def attempt(path: Path) -> bool:
    """Whether the file opens and every frame reads; raises only what is no RecordingError."""
    try:
        given = GIVEN | {"frame_axis": 0, "frame_rate": 20.0} if path.suffix in BARE else {}
        with open_recording(path, overrides=given) as recording:
            for k in range(recording.n_frames):
                recording.header(k, source_id="a", session_id="b")
                assert recording.frame(k).shape == recording.shape
    except RecordingError:
        return False
    return True


@pytest.mark.parametrize("kind", ["npy", "npz"])
def test_a_header_of_numpy_takes_no_memory_that_it_only_states(
    tmp_path: Path, rf: NDArray[np.int16], kind: str
) -> None:
    np.save(tmp_path / "rf.npy", rf[:3])
    content = bytearray((tmp_path / "rf.npy").read_bytes())
    content[6] = 3  # a version whose length has four bytes, and its header 600 MB
    path = tmp_path / f"damaged.{kind}"
    if kind == "npy":
        path.write_bytes(content)
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("rf.npy", bytes(content))
    tracemalloc.start()
    try:
        assert not attempt(path)
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()


# NumPy and SciPy may warn before they raise: a damaged file is allowed both.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("rounds", [60, pytest.param(20_000, marks=pytest.mark.long)])
def test_damaged_files(intact: Path, rounds: int) -> None:
    assert attempt(intact)
    tracemalloc.start()
    try:
        _damage(intact, rounds)
    finally:
        tracemalloc.stop()


def _damage(intact: Path, rounds: int) -> None:
    original = intact.read_bytes()
    rng = np.random.default_rng(7)
    opened = 0
    damaged = intact.with_name(f"damaged{intact.suffix}")
    for round_ in range(rounds):
        content = bytearray(original)
        if round_ % 3 == 0:
            content = content[: rng.integers(0, len(content))]
        else:  # mostly in the header, where a byte means something
            reach = len(content) if round_ % 3 == 1 else min(len(content), 2000)
            for position in rng.integers(0, reach, size=8):
                content[position] = rng.integers(0, 256)
        damaged.write_bytes(content)
        tracemalloc.reset_peak()
        before, begun = tracemalloc.get_traced_memory()[0], time.process_time()
        opened += attempt(damaged)
        assert time.process_time() - begun < SECONDS
        assert tracemalloc.get_traced_memory()[1] - before < 1.5 * len(content) + MEMORY
    assert opened < rounds  # the control: some of this was real damage


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.6, 0.9, 0.999])
def test_truncated_hdf5(hdf5: Path, share: float) -> None:
    assert attempt(hdf5)
    content = hdf5.read_bytes()
    hdf5.write_bytes(content[: int(share * len(content))])
    with pytest.raises(RecordingError, match=r"intact\.h5"):
        open_recording(hdf5)


def _set(name: str, value: object) -> Callable[[h5py.File], None]:
    return lambda file: file.attrs.__setitem__(name, value)


def _replace(name: str, value: object) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        del file[name]
        file[name] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_set("sampling_frequency", "fast"), "sampling_frequency = 'fast'"),
        (_set("sampling_frequency", [1.0, 2.0]), "sampling_frequency"),
        (_set("sampling_frequency", 40.0), "give it in Hz"),
        (_set("probe_type", 7), "probe_type"),
        (_set("kind", "iq"), None),
        (_set("steering_angles", "none"), "readable"),
        (_set("clock", "sundial"), None),
        (_set("center_frequency", 30e6), "below half"),
        (_replace("rf", np.zeros((3, 4))), "no dataset rf"),
        (_replace("rf", np.zeros((3, 256, 32), "S4")), "no RF"),
        (_replace("rf", np.zeros((0, 256, 32), "i2")), "no frame|not one integer"),
        (_replace("rf", np.zeros((3, 32, 32), "i2")), "32 samples x 32 lines"),
        (_replace("t_acq", np.zeros(2, "i8")), "not one integer"),
        (_replace("t_acq", np.zeros(3, "i8")), "do not rise"),
        (_replace("t_acq", np.arange(3.0)), "not one integer"),
        (_replace("frame_index", np.array([0, 2, 1])), "numbers do not rise"),
        (_replace("status", np.array([b"OK"])), "status"),
        (_replace("status", np.arange(3)), "readable"),
        (_replace("truth/axial_displacement", np.zeros((2, 8, 8), "f4")), "truth/axial_displacement"),
    ],
)
def test_hdf5_with_nonsensical_constants(
    hdf5: Path, change: Callable[[h5py.File], None], message: str | None
) -> None:
    with h5py.File(hdf5, "r+") as file:
        change(file)
    if message is None:  # the samples and the reader know better
        assert attempt(hdf5)
        return
    with pytest.raises(RecordingError, match=message):
        open_recording(hdf5)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.95])
def test_truncated_zea_files(tmp_path: Path, share: float) -> None:
    content = (Path(__file__).parent / "data" / "zea-0.1.8.hdf5").read_bytes()
    path = tmp_path / "a.hdf5"
    path.write_bytes(content)
    assert attempt(path)
    path.write_bytes(content[: int(share * len(content))])
    assert not attempt(path)
