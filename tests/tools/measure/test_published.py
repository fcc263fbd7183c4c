"""Results in a file are measured and drawn as the recording they were computed from, or the tape."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from streamer.config import Config
from tests.tools.programs import write_press
from tests.tools.tape.tapes import bmode_parts, fused_parts, strain_parts, write_parts
from tools.cli import app
from tools.convert import convert_tape
from tools.errors import RecordingError, ToolError
from tools.formats import open_recording
from tools.measure.opened import frames_of_file

REGIONS = '{"a": {"x": -2, "z": 8, "width": 4, "height": 4}, "b": {"x": 2, "z": 8, "width": 4, "height": 4}}'


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """strain.h5, with B-mode, beside the recording press.h5 that it was computed from."""
    folder = tmp_path_factory.mktemp("results")
    press = write_press(folder / "press.h5", 12)
    (folder / "node.toml").write_text("[fusion]\ntime_constant = 0.25\n")
    run("process", str(press), "--config", str(folder / "node.toml"), "--engine", "reference", "--bmode",
        "--output", str(folder / "strain.h5"))  # fmt: skip
    return folder / "strain.h5"


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments)
    if result.exception is not None:
        raise result.exception
    return result.output


def table(file: Path, *more: str) -> list[dict[str, Any]]:
    printed = run("measure", str(file), "--regions", REGIONS, "--every", *more)
    return list(csv.DictReader(io.StringIO(printed)))


def test_hdf5_is_measured_as_its_recording(results: Path) -> None:
    config = str(results.parent / "node.toml")
    recorded = table(results.parent / "press.h5", "--config", config, "--engine", "reference")
    written = table(results)
    assert len(written) > 5
    for before, after in zip(recorded, written, strict=True):
        for name, value in before.items():
            try:
                assert float(after[name]) == pytest.approx(float(value), rel=1e-5), name
            except ValueError:
                assert after[name] == value, name
    assert len({row["ratio"] for row in written}) > 1  # the control: rows differ


def test_hdf5_has_the_b_mode_of_each_frame_and_the_settings_it_was_made_with(results: Path) -> None:
    frames = list(frames_of_file(results, Config(), open_recording, with_bmode=True))
    assert {frame.time_constant for frame in frames} == {0.25}
    images = [frame.bmode for frame in frames]
    assert all(image is not None for image in images)
    assert len({image.tobytes() for image in images if image is not None}) > 1


def test_a_tape_and_its_conversion_are_measured_alike(tmp_path: Path) -> None:
    sent = [
        parts
        for index in range(1, 4)
        for parts in (strain_parts(index, t_acq=index * 10**8), fused_parts(index), bmode_parts(index))
    ]
    tape = write_parts(tmp_path / "a.mcap", sent)
    convert_tape(tape, tmp_path / "a.h5")
    first, second = (
        list(frames_of_file(path, Config(), open_recording, with_bmode=True))
        for path in (tape, tmp_path / "a.h5")
    )
    assert [frame.frame_index for frame in first] == [frame.frame_index for frame in second] == [1, 2, 3]
    for one, other in zip(first, second, strict=True):
        assert (one.relative_strain == other.relative_strain).all()
        assert one.bmode is not None
        assert other.bmode is not None
        assert (one.bmode == other.bmode).all()
        assert (one.quality, one.mean_strain) == (other.quality, other.mean_strain)


def test_a_figure_is_drawn_of_results(results: Path, tmp_path: Path) -> None:
    run("figure", str(results), "--output", str(tmp_path / "a.svg"), "--regions", REGIONS)
    drawn = (tmp_path / "a.svg").read_text()
    assert "B-mode" in drawn
    assert "Strain ratio B/A" in drawn


def test_results_as_npz_are_refused_with_the_remedy(results: Path, tmp_path: Path) -> None:
    npz = tmp_path / "strain.npz"
    run("process", str(results.parent / "press.h5"), "--engine", "trivial", "--output", str(npz))
    with pytest.raises(RecordingError, match=r"as \.npz: write them as \.h5"):
        table(npz)


@pytest.fixture
def in_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test runs in its own folder."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("in_its_folder")
@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("measure", "FILE", "--regions", REGIONS, "--engine", "trivial"), "--engine"),
        (("measure", "FILE", "--regions", REGIONS, "--config", "fine"), "--config"),
        (
            ("figure", "FILE", "--output", "a.png", "--stride", "2", "--weights", "live"),
            "--weights, --stride",
        ),
        (("movie", "FILE", "--output", "a.gif", "--pairing", "auto", "--preset", "x"), "--pairing, --preset"),
        (("replay", "FILE", "--what", "results", "--rate", "5", "--frame-rate", "9"), "--rate, --frame-rate"),
        (("replay", "FILE", "--what", "results", "--loop", "bounce"), "--loop"),
        (("display", "FILE", "--headless", "--connect", "tcp://127.0.0.1:9"), "--connect"),
    ],
)
@pytest.mark.parametrize("kind", ["HDF5", "tape"])
def test_options_that_change_no_computed_result_are_refused(
    results: Path,
    tmp_path: Path,
    kind: str,
    arguments: tuple[str, ...],
    named: str,
) -> None:
    file = results
    if kind == "tape":
        file = write_parts(tmp_path / "a.mcap", [strain_parts(1, t_acq=10**9), fused_parts(1)])
    with pytest.raises(ToolError, match=f"leave out {named}$"):
        run(*(str(file) if word == "FILE" else word for word in arguments))


def test_the_json_states_the_pairing_that_the_images_were_made_with(results: Path, tmp_path: Path) -> None:
    processed = tmp_path / "stride.h5"
    run(
        "process",
        str(results.parent / "press.h5"),
        "--engine",
        "trivial",
        "--stride",
        "2",
        "--output",
        str(processed),
    )
    run("measure", str(processed), "--regions", REGIONS, "--json", str(tmp_path / "a.json"))
    stated = json.loads((tmp_path / "a.json").read_text())["settings"]["pairing"]
    assert (stated["mode"], stated["stride"]) == ("stride", 2)
