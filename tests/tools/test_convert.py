"""A recording in another format is the same recording."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import SimpleITK
from numpy.typing import NDArray
from typer.testing import CliRunner

from tests.tools.formats.rf_samples import band_noise
from tools.cli import app
from tools.convert import convert
from tools.errors import RecordingError
from tools.formats import Acquisition, Recording, open_recording, write_recording

LINEAR = Acquisition(
    sampling_frequency=40e6, center_frequency=4.8e6, probe_type="linear", line_pitch=0.3e-3,
    initial_time=2e-6, clock="unix", orientation="UF", steering_angles=(-0.1, 0.1), sound_speed=1500.0,
    assumed=("sound_speed: assumed, 1500 m/s", "samples: uint8 in the file, int16 here, exact"),
)  # fmt: skip
CURVED_IQ = Acquisition(
    sampling_frequency=10e6, center_frequency=4.9e6, probe_type="curved", line_pitch=0.0102,
    probe_radius=0.05, kind="iq", demodulation_frequency=5e6, sound_speed=1540.0,
)  # fmt: skip


def samples_of(acquisition: Acquisition) -> NDArray[Any]:
    signal = band_noise((3, 128, 16)) * 500
    if acquisition.kind == "iq":
        return np.asarray(signal + 1j * band_noise((3, 128, 16), seed=1) * 500, np.complex64)
    return signal.astype(np.int16)


def write(path: Path, acquisition: Acquisition) -> NDArray[Any]:
    frames = samples_of(acquisition)
    with write_recording(path, acquisition) as writer:
        for k, frame in enumerate(frames):  # one frame was lost, one is bad, the date is of today
            number = k + (k == 2)
            writer.append(
                frame,
                t_acq=1_790_000_000_123_456_789 + number * 50_000_000,
                frame_index=number,
                status="OK" if k else "UNSURE",
            )
    return frames


def converted(source: Path, target: Path, **options: Any) -> Recording:
    with open_recording(source) as recording:
        assert convert(recording, target, **options) == 3
    return open_recording(target)


@pytest.mark.parametrize("acquisition", [LINEAR, CURVED_IQ], ids=["linear rf", "curved iq"])
@pytest.mark.parametrize(("suffix", "layout"), [(".mha", "musse"), (".h5", "musse"), (".hdf5", "zea")])
def test_nothing_is_lost_on_the_way(
    tmp_path: Path, acquisition: Acquisition, suffix: str, layout: str
) -> None:
    frames = write(tmp_path / "a.h5", acquisition)
    with converted(tmp_path / "a.h5", tmp_path / f"b{suffix}", layout=layout) as recording:
        for k, frame in enumerate(frames):
            assert np.array_equal(recording.frame(k), frame)
        assert recording.dtype == frames.dtype or layout == "zea"  # which stores float32
        assert recording.t_acq.tolist() == [1_790_000_000_123_456_789 + n * 50_000_000 for n in (0, 1, 3)]
        assert recording.frame_index.tolist() == [0, 1, 3]
        assert recording.status == ("UNSURE", "OK", "OK")
        got = recording.acquisition.header_fields()
        wanted = acquisition.header_fields()
        got["assumed"] = tuple(note for note in got["assumed"] if not note.startswith("samples: float32"))
        for name, value in wanted.items():
            if layout == "zea" and isinstance(value, float):  # zea's numbers are float32
                assert got[name] == pytest.approx(value, rel=1e-4, abs=1e-9), name
            elif name != "orientation":
                assert got[name] == value, name
        assert got["orientation"] == wanted["orientation"] or suffix == ".mha"
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize("orientation", ["", "left", "MF", "UF", "FU", "MFA"])
@pytest.mark.parametrize("acquisition", [LINEAR, CURVED_IQ], ids=["linear rf", "curved iq"])
def test_metaimage_states_the_probes_mark_only_where_it_is_known(
    tmp_path: Path, acquisition: Acquisition, orientation: str
) -> None:
    write(tmp_path / "a.h5", replace(acquisition, orientation=orientation))
    with converted(tmp_path / "a.h5", tmp_path / "b.mha") as there, open_recording(tmp_path / "a.h5") as here:
        marks = [recording.header(0, source_id="a", session_id="b").mark for recording in (here, there)]
    assert marks[0] == marks[1]
    assert (marks[1] == "") == (orientation in {"", "left"})


def test_itk_reads_the_same_image(tmp_path: Path) -> None:
    frames = write(tmp_path / "a.h5", LINEAR)
    converted(tmp_path / "a.h5", tmp_path / "b.mha").close()
    image = SimpleITK.ReadImage(tmp_path / "b.mha")
    assert np.array_equal(SimpleITK.GetArrayFromImage(image), frames)
    assert image.GetSpacing()[:2] == pytest.approx((0.3, 1500 / 2 / 40e6 * 1e3))  # mm
    assert image.GetMetaData("sampling_frequency") == "40000000.0"


def test_what_cannot_be_written_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    source = tmp_path / "a.h5"
    write(source, LINEAR)
    before = source.read_bytes()
    with open_recording(source) as recording:
        with pytest.raises(RecordingError, match=r"\.h5, \.hdf5, \.mha"):
            convert(recording, tmp_path / "a.nii")
        with pytest.raises(RecordingError, match="is the input itself"):
            convert(recording, tmp_path / "." / "a.h5", overwrite=True)
        convert(recording, tmp_path / "b.mha")
        with pytest.raises(RecordingError, match="--overwrite"):
            convert(recording, tmp_path / "b.mha")
        convert(recording, tmp_path / "b.mha", overwrite=True)
        (tmp_path / "file").touch()
        for name in ("c.mha", "c.h5"):
            with pytest.raises(RecordingError, match="cannot write"):
                convert(recording, tmp_path / "file" / name)
    assert source.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.h5", "b.mha", "file"]


def test_what_another_program_will_not_find_is_stated(tmp_path: Path) -> None:
    write(tmp_path / "gap.h5", LINEAR)
    with write_recording(tmp_path / "known.h5", LINEAR, truth_attributes={"unit": "m"}) as writer:
        for k, frame in enumerate(samples_of(LINEAR)):
            writer.append(frame, t_acq=k * 50_000_000, truth={"axial_displacement": np.zeros((2, 2))})

    def printed(source: str, target: str, *options: str) -> str:
        result = CliRunner().invoke(
            app, ["convert", str(tmp_path / source), str(tmp_path / target), *options]
        )
        assert result.exit_code == 0, result.output
        return result.output

    zea = ("--layout", "zea")
    assert "missing frames: 1; zea takes the frames beside them as neighbours" in printed(
        "gap.h5", "a.h5", *zea
    )
    assert "missing" not in printed("gap.h5", "a.mha") + printed("gap.h5", "b.h5") + printed(
        "known.h5", "c.h5", *zea
    )
    assert "without the known motion" in printed("known.h5", "d.h5", *zea)
    assert "without the known motion" in printed("known.h5", "e.mha")
    assert "without" not in printed("known.h5", "f.h5")
    assert "without the known motion" in printed("known.h5", "g.h5", "--no-names")


def test_a_zea_file_that_was_cut_elsewhere_does_not_take_the_old_numbers(tmp_path: Path) -> None:
    write(tmp_path / "a.h5", LINEAR)
    converted(tmp_path / "a.h5", tmp_path / "b.hdf5", layout="zea").close()
    with h5py.File(tmp_path / "b.hdf5", "r+") as file:
        numbers = file["custom/musse_stream/frame_index"][:2]
        del file["custom/musse_stream/frame_index"]
        file["custom/musse_stream/frame_index"] = numbers
    with open_recording(tmp_path / "b.hdf5") as recording:
        assert recording.frame_index.tolist() == [0, 1, 2]
        assert any("another number of frames" in note for note in recording.assumed)
