"""`musse-stream process`: every pair in a file, in the units and at the places the file states."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from engine.device import device_note
from engine.factory import open_estimator
from engine.simulation import Inclusion
from engine.simulation.scenario import SimulationSettings
from tests.echo_frames import STRAIN, echoes, rf_header
from tests.root import ROOT
from tests.tools.programs import STEPS, write_press
from tools.cli import app
from tools.errors import RecordingError
from tools.formats import Acquisition, open_recording, write_recording
from tools.results.description import describe_results
from tools.results.zea import IMAGE
from tools.simulate import simulate_recording

MAPS = ("axial_strain", "strain_std", "axial_displacement", "lateral_displacement")


def process(recording: Path, output: Path, *options: str) -> str:
    if "--config" not in options:  # a few small frames: all of each, and neighbours as pairs
        options = (*options, "--config", "fine")
    arguments = ["process", str(recording), "--output", str(output), *options]
    result = CliRunner().invoke(app, arguments)
    if result.exception is not None:
        raise result.exception
    return result.output


def contents(path: Path) -> dict[str, Any]:
    with h5py.File(path) as file:
        arrays = {name: item[()] for name, item in file.items() if isinstance(item, h5py.Dataset)}
        return arrays | {"attributes": dict(file.attrs)}


def empty(maps: NDArray[Any]) -> NDArray[np.bool_]:
    """Which rows hold no number at all."""
    return np.asarray(np.isnan(maps).all(axis=(1, 2)))


@pytest.fixture(scope="module")
def press(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_press(tmp_path_factory.mktemp("press") / "press.h5")


@pytest.fixture(scope="module")
def trivial(press: Path) -> dict[str, Any]:
    process(press, press.with_name("strain.h5"), "--engine", "trivial")
    return contents(press.with_name("strain.h5"))


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


def test_the_deviation_of_lateral_displacement_is_that_of_the_pairs_own_frames(phantom: Path) -> None:
    output = phantom.with_name("lateral.h5")
    process(phantom, output, "--engine", "reference")
    found = contents(output)
    with open_recording(phantom) as recording:
        frames = [recording.frame(k) for k in (1, 2)]
        spec = recording.header(0, source_id="a", session_id="0").acquisition
        estimator = open_estimator(
            "reference",
            shape=spec.shape,
            sampling_frequency=spec.sampling_frequency,
            center_frequency=spec.center_frequency,
            line_pitch=spec.line_pitch,
        )
        result = estimator.step(*frames)
    assert result.lateral_std is not None
    valid = np.isfinite(found["lateral_displacement"][2])
    np.testing.assert_array_equal(np.isfinite(found["lateral_std"][2]), valid)
    wanted = result.lateral_std() * spec.line_pitch
    np.testing.assert_allclose(found["lateral_std"][2][valid], wanted[valid], rtol=1e-4)
    assert not np.allclose(found["lateral_std"][3][valid], wanted[valid], rtol=1e-2)  # another pair's


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hard inclusion at 6 mm, 1.5 mm to the left."""
    hard = Inclusion(depth=6e-3, lateral=-1.5e-3, radius=2.2e-3, stiffness=5.0)
    settings = SimulationSettings(
        frames=5, shape=(800, 40), inclusions=(hard,), frame_rate=20.0, period=0.8, compression=0.02
    )
    path = tmp_path_factory.mktemp("phantom") / "phantom.h5"
    simulate_recording(path, settings)
    return path


def hardest(maps: NDArray[Any], rows: NDArray[Any], cols: NDArray[Any]) -> tuple[float, float]:
    """Centre of the hardest tenth, (depth, lateral) in metres."""
    hard = maps < np.nanquantile(maps, 0.1)
    weight = hard.sum()
    return float(hard.sum(axis=1) @ rows / weight), float(hard.sum(axis=0) @ cols / weight)


@pytest.mark.parametrize(("delay", "shift"), [(0.0, 0.0), (4e-6, 4e-6 * 1540 / 2)])
def test_an_inclusion_lies_where_it_is(phantom: Path, tmp_path: Path, delay: float, shift: float) -> None:
    process(phantom, tmp_path / "a.h5", "--engine", "reference", "--initial-time", str(delay))
    found = contents(tmp_path / "a.h5")
    best = np.nanargmax(np.where(found["rejection"] == b"", found["predicted_snre"], -1.0))
    single = found["axial_strain"][best] / found["mean_strain"][best]
    last = found["relative_strain"][~empty(found["relative_strain"])][-1]
    places = [
        hardest(single, found["axial_position"], found["lateral_position"]),
        hardest(last, found["fused_axial_position"], found["fused_lateral_position"]),
    ]
    for depth, lateral in places:
        assert depth == pytest.approx(6e-3 + shift, abs=0.6e-3)
        assert lateral == pytest.approx(-1.5e-3, abs=0.6e-3)
    # the control: it is nowhere near there in an image upside down
    depth, _ = hardest(single[::-1], found["axial_position"], found["lateral_position"])
    assert depth != pytest.approx(6e-3 + shift, abs=0.6e-3)


def test_the_fused_image_is_kept_beside_the_pairs(phantom: Path, tmp_path: Path) -> None:
    process(phantom, tmp_path / "a.h5", "--engine", "reference")
    found = contents(tmp_path / "a.h5")
    accepted = found["rejection"] == b""
    assert accepted.sum() >= 3
    n_pairs, n_rows, n_cols = found["relative_strain"].shape
    assert (n_pairs, n_rows, n_cols) == found["relative_std"].shape
    assert (n_rows, n_cols) == (found["fused_axial_position"].size, found["fused_lateral_position"].size)
    np.testing.assert_array_equal(empty(found["relative_strain"]), ~accepted)
    np.testing.assert_array_equal(np.isnan(found["effective_pairs"]), ~accepted)
    pairs = found["effective_pairs"][accepted]
    assert pairs[0] == 1.0
    assert (np.diff(pairs) > 0).all()
    middle = np.nanmedian(found["relative_strain"][accepted], axis=(1, 2))
    np.testing.assert_allclose(middle, 1.0, atol=0.15)  # 1 is the average, in press and release


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


def test_a_file_without_a_single_value_is_still_a_file(press: Path, tmp_path: Path) -> None:
    output = process(press, tmp_path / "a.npz", "--engine", "trivial", "--frames", "1")
    assert "1 pairs, 0 with values" in output
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


@pytest.fixture
def results(press: Path, trivial: dict[str, Any]) -> Path:
    return press.with_name("strain.h5")


def test_pairs_of_a_file_are_computed_again(press: Path, results: Path, tmp_path: Path) -> None:
    process(press, tmp_path / "a.h5", "--engine", "trivial", "--pairs-from", str(results))
    first, again = contents(results), contents(tmp_path / "a.h5")
    for name in (*MAPS, "relative_strain", "effective_pairs", "rejection", "interval"):
        np.testing.assert_array_equal(first[name], again[name])


def test_pairs_that_do_not_fit_are_refused_or_reported(press: Path, results: Path, tmp_path: Path) -> None:
    again = ("--pairs-from", str(results), "--engine")
    with pytest.raises(RecordingError, match="engine trivial there, reference here"):
        process(press, tmp_path / "a.h5", *again, "reference")
    (tmp_path / "region.toml").write_text("[region]\naxial_from = 2.0\naxial_to = 8.0\n")
    with pytest.raises(RecordingError, match=r"region whole frame there, 0\.00"):
        process(press, tmp_path / "a.h5", *again, "trivial", "--config", str(tmp_path / "region.toml"))
    with pytest.raises(RecordingError, match=r"has no frame 5.*--loop bounce"):
        process(write_press(tmp_path / "short.h5", 5), tmp_path / "a.h5", *again, "trivial")
    with pytest.raises(RecordingError, match="holds no strain results"):
        process(press, tmp_path / "a.h5", "--pairs-from", str(press), "--engine", "trivial")
    fine = (ROOT / "streamer" / "presets" / "fine.toml").read_text(encoding="utf-8")
    (tmp_path / "strict.toml").write_text(f"{fine}[quality]\nmax_strain = 0.001\n")
    output = process(press, tmp_path / "a.h5", *again, "trivial", "--config", str(tmp_path / "strict.toml"))
    assert "7 of 8 pairs have another reason for rejection" in " ".join(output.split())
    with pytest.raises(SystemExit) as caught:
        process(press, tmp_path / "b.h5", *again, "trivial", "--stride", "2")
    assert caught.value.code == 2


def test_a_rejection_of_a_newer_release_is_refused_by_name(
    press: Path, results: Path, tmp_path: Path
) -> None:
    newer = tmp_path / "newer.h5"
    newer.write_bytes(results.read_bytes())
    with h5py.File(newer, "r+") as file:
        reasons = file["rejection"].asstr()[:]
        assert reasons[0] == "first"
        reasons[0] = "out_of_tune"
        file["rejection"][:] = reasons
    output = tmp_path / "a.h5"
    with pytest.raises(RecordingError, match=r"'out_of_tune'.*lacks; its reasons: first,"):
        process(press, output, "--pairs-from", str(newer), "--engine", "trivial")
    assert not output.exists()
    assert describe_results(newer)["rejections"]["out_of_tune"] == 1  # info shows it all the same


def test_a_region_limits_what_holds_values(press: Path, tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("[region]\naxial_from = 3.0\naxial_to = 7.0\n")
    process(press, tmp_path / "a.h5", "--engine", "trivial", "--config", str(tmp_path / "a.toml"))
    found = contents(tmp_path / "a.h5")
    holds = np.isfinite(found["axial_strain"]).any(axis=(0, 2))
    places = found["axial_position"][holds]
    assert 3e-3 <= places.min() < 3.3e-3
    assert 6.7e-3 < places.max() <= 7e-3
    limits = [float(number) for number in found["attributes"]["region"].split()]
    assert limits[:2] == pytest.approx([3e-3, 7e-3])


def test_cumulative_displacement_follows_the_hand(trivial: dict[str, Any]) -> None:
    reached = trivial["cumulative_axial_displacement"][1:]
    depth = trivial["axial_position"]
    for step, row in zip(STEPS[1:], reached, strict=True):
        pressed = -STRAIN * (step - STEPS[0]) * depth  # what was at depth z is at z (1 - strain)
        inside = slice(5, -8)
        np.testing.assert_allclose(row[inside, 3], pressed[inside], atol=3e-5)
    assert np.abs(reached).max() > 1e-4  # more than the tolerance: a row of zeros would fail
    assert empty(trivial["cumulative_axial_displacement"])[0]


def test_the_networks_grid_follows_the_region_not_the_frames(arm_dir: Path, tmp_path: Path) -> None:
    """In vivo the measured carrier lies near a rounding edge: maps of 128 and 144 rows took turns."""
    config = tmp_path / "region.toml"
    config.write_text('[region]\naxial_from = 3.0\naxial_to = 25.0\n[pairing]\nmode = "stride"\nstride = 3\n')
    output = tmp_path / "strain.h5"
    process(
        arm_dir / "rf0304_86.mhd", output, "--engine", "musse", "--loop", "bounce", "--config", str(config)
    )
    assert len(contents(output)["post_index"]) == 11


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
