"""`musse-stream process`: every pair in a file, in the units and at the places the file states."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from engine.device import device_note
from tests.echo_frames import STRAIN, echoes, rf_header
from tests.tools.process.processed import MAPS, contents, empty, process
from tests.tools.programs import STEPS
from tools.errors import RecordingError
from tools.formats import Acquisition, write_recording
from tools.results.zea import IMAGE


def test_every_pair_is_a_row(trivial: dict[str, Any]) -> None:
    assert list(trivial["post_index"]) == list(range(len(STEPS)))
    assert list(trivial["pre_index"]) == list(range(-1, len(STEPS) - 1))
    assert list(trivial["rejection"]) == [b"first"] + [b""] * (len(STEPS) - 1)
    np.testing.assert_allclose(trivial["interval"][1:], 0.02)
    applied = -STRAIN * np.diff(STEPS)
    np.testing.assert_allclose(trivial["mean_strain"][1:], applied, rtol=0.1)
    assert (np.abs(trivial["mean_strain"][1:] + applied) > STRAIN).all()  # the control: the other sign


def test_rejected_rows_hold_no_number_and_the_others_do(press: Path, tmp_path: Path) -> None:
    """Strain above 0.45 % is too much here: with 0.5 % steps every pair is rejected, at 0.6 % none."""
    for limit, rejected in ((0.0045, True), (0.006, False)):
        settings = tmp_path / "a.toml"
        settings.write_text(f"[quality]\nmax_strain = {limit}\n[pairing]\nmode = 'sequential'\n")
        output = tmp_path / f"{limit}.h5"
        process(press, output, "--engine", "trivial", "--config", str(settings))
        found = contents(output)
        assert (found["rejection"][1:] == b"too_much_motion").all() == rejected
        for name in MAPS:
            assert empty(found[name])[0]
            assert empty(found[name])[1:].all() == rejected, name
        assert np.isfinite(found["mean_strain"][1:]).all()  # why, also where there is no value
        assert np.isnan(found["mean_strain"][0])


def test_no_value_within_an_image_is_nan_in_every_map(press: Path, tmp_path: Path) -> None:
    process(press, tmp_path / "a.h5", "--engine", "reference")
    found = contents(tmp_path / "a.h5")
    unknown = np.isnan(found["axial_strain"][1:])
    assert 0 < unknown.mean() < 0.9
    for name in MAPS:
        np.testing.assert_array_equal(np.isnan(found[name][1:]), unknown)
    assert (found["strain_std"][1:][~unknown] <= 0.02).all()


def test_npz_holds_what_hdf5_holds(press: Path, tmp_path: Path) -> None:
    for name in ("a.h5", "a.npz"):
        process(press, tmp_path / name, "--engine", "trivial")
    expected = contents(tmp_path / "a.h5")
    attributes = expected.pop("attributes")
    with h5py.File(tmp_path / "a.h5") as file:
        units = {
            f"unit_{name}": values.attrs["unit"] for name, values in file.items() if "unit" in values.attrs
        }
    with np.load(tmp_path / "a.npz") as packed:
        found = {name: packed[name] for name in packed.files}
    for name in ("rejection", "session_id"):
        assert [text.decode() for text in expected.pop(name)] == list(found.pop(name))
    for name, values in expected.items():
        np.testing.assert_array_equal(found.pop(name), values)
    found.pop("attribute_created")
    for name in attributes.keys() - {"created", "zea_version"}:
        assert found.pop(f"attribute_{name}").item() == attributes[name]
    assert {name: found.pop(name).item() for name in units} == units
    assert found == {}  # nothing else is in it
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.h5", "a.npz"]


def test_the_file_states_units_sign_engine_windows_and_versions(trivial: dict[str, Any], press: Path) -> None:
    about = trivial["attributes"]
    assert (about["format"], about["format_version"]) == ("musse-strain", 1)
    assert (about["strain_unit"], about["strain_sign"]) == ("1", "compression negative")
    assert (about["engine"], about["precision"], about["model_hash"]) == ("trivial", "float32", "")
    assert about["device"] == "cpu"
    assert about["engine_note"] == f"trivial: as asked; {device_note('auto')}"
    assert (about["axial_window"], about["lateral_window"], about["window_unit"]) == (2e-3, 1e-3, "m")
    assert (about["region"], about["probe_type"], about["source_id"]) == ("whole frame", "linear", "replay")
    assert "numpy" in about["versions"]
    assert "torch" in about["versions"]
    assert about["musse_stream_version"]
    with h5py.File(press.with_name("strain.h5")) as file:
        for name in (
            *MAPS,
            "lateral_std",
            "axial_position",
            "relative_strain",
            "fused_lateral_position",
            "interval",
        ):
            assert file[name].attrs["unit"]
        assert file["axial_displacement"].attrs["unit"].startswith("m,")


def test_displacement_is_in_metres(trivial: dict[str, Any]) -> None:
    """du/dz of the displacement over the positions is the strain: only with both in one unit."""
    for row in range(1, len(STEPS)):
        slope = np.gradient(trivial["axial_displacement"][row], trivial["axial_position"], axis=0)
        np.testing.assert_allclose(slope, trivial["axial_strain"][row], rtol=0.02)
    assert trivial["axial_position"][-1] == pytest.approx(511 * 1540 / 2 / 40e6)
    assert trivial["lateral_position"][[0, -1]] == pytest.approx([-7.5 * 3e-4, 7.5 * 3e-4])
    assert empty(trivial["lateral_std"]).all()  # this engine does not look sideways


def test_without_fusion_there_is_no_fused_image(press: Path, tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("[fusion]\ntime_constant = 0.0\n")
    process(press, tmp_path / "a.h5", "--engine", "trivial", "--config", str(tmp_path / "a.toml"))
    found = contents(tmp_path / "a.h5")
    assert found["relative_strain"].shape == (len(STEPS), 0, 0)
    assert np.isnan(found["effective_pairs"]).all()


def test_refused_frames_are_reported_and_make_no_pair(tmp_path: Path) -> None:
    frames = [echoes(STRAIN * step).astype(np.float32) for step in STEPS]
    frames[2][100, 3] = np.nan
    frames[4] = np.clip(frames[4], -200, 200)
    header = rf_header(0, dtype="<f4")
    with write_recording(tmp_path / "a.h5", Acquisition.from_header(header)) as recording:
        for index, frame in enumerate(frames):
            lifted = "LIFTED" if index == 6 else "OK"
            recording.append(frame, t_acq=index * 20_000_000, frame_index=index, status=lifted)
    output = process(tmp_path / "a.h5", tmp_path / "strain.h5", "--engine", "trivial")
    assert "5 pairs, 1 with values, 3 frames refused" in output
    for words in ("frame 2 refused: not_finite", "frame 4 refused: saturated", "frame 6 refused: bad_status"):
        assert words in output
    found = contents(tmp_path / "strain.h5")
    assert list(found["post_index"]) == [0, 1, 3, 5, 7]
    assert list(found["rejection"]) == [b"first", b"", b"gap", b"gap", b"gap"]


def test_a_file_without_a_single_value_is_still_a_file(tmp_path: Path) -> None:
    with write_recording(tmp_path / "a.h5", Acquisition.from_header(rf_header(0))) as recording:
        for k, status in enumerate(("OK", "BAD")):
            recording.append(echoes(STRAIN * k), t_acq=k * 20_000_000, status=status)
    output = process(tmp_path / "a.h5", tmp_path / "a.npz", "--engine", "trivial")
    assert "1 pairs, 0 with values, 1 frames refused" in output
    with np.load(tmp_path / "a.npz") as packed:
        assert packed["axial_strain"].shape == (1, 0, 0)
        assert packed["axial_position"].shape == (0,)


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("a.txt", r"written as \.h5 or \.npz"),
        ("there.h5", "exists.*--overwrite"),
        ("no/a.h5", "cannot write"),
    ],
)
def test_a_file_that_cannot_be_written_is_named(press: Path, tmp_path: Path, output: str, words: str) -> None:
    (tmp_path / "there.h5").write_text("precious")
    with pytest.raises(RecordingError, match=words):
        process(press, tmp_path / output, "--engine", "trivial")
    assert [path.name for path in tmp_path.iterdir()] == ["there.h5"]
    assert (tmp_path / "there.h5").read_text() == "precious"
    process(press, tmp_path / "there.h5", "--engine", "trivial", "--overwrite")
    assert len(contents(tmp_path / "there.h5")["post_index"]) == len(STEPS)


def test_bmode_is_added_where_it_is_asked_for(press: Path, trivial: dict[str, Any], tmp_path: Path) -> None:
    process(press, tmp_path / "a.h5", "--engine", "trivial", "--bmode")
    with h5py.File(tmp_path / "a.h5") as file, h5py.File(press.with_name("strain.h5")) as without:
        images = file[f"{IMAGE}/values"]
        assert images.shape[0] == len(STEPS)
        assert file[f"{IMAGE}/held"][:].all()
        assert np.std(images[3]) > 10  # speckle, and not one grey level
        np.testing.assert_array_equal(images[3], images[5])  # the hand is where it was: STEPS[3] == STEPS[5]
        assert (images[3] != images[4]).any()
        assert IMAGE not in without
