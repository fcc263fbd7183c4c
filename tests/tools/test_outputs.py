"""No command writes over a file that it reads, nor two results to one name, and none finds that out late."""

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.tools.programs import write_press
from tools.cli import app
from tools.errors import RecordingError

REGIONS = '{"a": {"x": -2, "z": 8, "width": 4, "height": 4}, "b": {"x": 2, "z": 8, "width": 4, "height": 4}}'
COMPUTED = ("--engine", "trivial", "--overwrite")
OVER_AN_INPUT = {
    "table over the regions": ("measure", "scan.h5", "--regions", "r.json", "--csv", "r.json", *COMPUTED),
    "JSON over the regions": ("measure", "scan.h5", "--regions", "r.json", "--json", "r.json", *COMPUTED),
    "table over the settings": (
        "measure", "scan.h5", "--regions", "r.json", "--config", "c.toml", "--csv", "c.toml", *COMPUTED,
    ),
    "figure over the regions": ("figure", "scan.h5", "--regions", "r.svg", "--output", "r.svg", *COMPUTED),
    "movie over the settings": ("movie", "scan.h5", "--config", "c.gif", "--output", "c.gif", *COMPUTED),
    "recording over its own data": ("convert", "detached.mhd", "detached.h5", "--overwrite"),
    "results over the data of a recording": (
        "process", "detached.mhd", "--output", "detached.h5", *COMPUTED,
    ),
    "image over a recording": ("assess", "scan.h5", "--engine", "trivial", "--save", "scan.h5"),
    "image over results": ("display", "scan.h5", "--headless", "--seconds", "1", "--save", "scan.h5"),
    "image of the demo": ("demo", "--headless", "--seconds", "1", "--save", "scan.h5"),
    "chart over a recording": ("bench", "--file", "scan.h5", "--plot", "scan.h5"),
}  # fmt: skip
LATE = {
    "figure": ("figure", "scan.h5", "--output", "missing/a.svg"),
    "movie": ("movie", "scan.h5", "--output", "missing/a.mp4"),
    "measure": ("measure", "scan.h5", "--regions", "r.json", "--csv", "missing/a.csv"),
    "assess": ("assess", "scan.h5", "--save", "missing/a.png"),
    "process": ("process", "scan.h5", "--output", "missing/a.h5"),
    "bench": ("bench", "--file", "scan.h5", "--plot", "missing/a.png"),
}

THERE = {
    "assess": ("assess", "scan.h5", "--save", "there.png"),
    "bench": ("bench", "--file", "scan.h5", "--plot", "there.png"),
    "demo": ("demo", "--headless", "--seconds", "1", "--save", "there.png"),
    "display": ("display", "--headless", "--seconds", "1", "--timeout", "0.1", "--save", "there.png"),
    "list": ("engine", "list", "--json", "there.png"),
    "verify": ("engine", "verify", "--all", "--json", "there.png"),
    "summary": ("evaluate", "--no-report", "--output", "new", "--summary", "there.png"),
    "figures": ("evaluate", "--no-report", "--output", "others"),
    "report": ("evaluate", "--output", "reports"),
}

WORK = (
    "tools.evaluate.assess.watch",
    "tools.bench.command.measure",
    "tools.demo.check_needs",
    "tools.display.loop.Subscriber",
    "tools.engines.listing.engines_folder",
    "tools.engines.verifying.has_card",
    "tools.evaluate.command.run",
)
"""What begins the work of the commands above; `verify` and `list` look at the engines first."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_press(tmp_path / "scan.h5")
    depth, lines = np.arange(100)[:, None], np.random.default_rng(1).uniform(size=(3, 1, 8))
    samples = 1000 * np.cos(2 * np.pi * (depth / 8 + lines))
    (tmp_path / "detached.h5").write_bytes(samples.astype("<i2").tobytes())
    (tmp_path / "detached.mhd").write_text(
        "ObjectType = Image\nNDims = 3\nDimSize = 8 100 3\nElementType = MET_SHORT\n"
        "ElementSpacing = 0.3 0.02 1\nUltrasoundImageOrientation = MF\nsampling_frequency = 4e7\n"
        "center_frequency = 5e6\nframe_rate = 20\nElementDataFile = detached.h5\n"
    )
    for name in ("r.json", "r.svg"):
        (tmp_path / name).write_text(REGIONS)
    for name in ("c.toml", "c.gif"):
        (tmp_path / name).write_text("[fusion]\ntime_constant = 0.5\n")
    return tmp_path


@pytest.mark.parametrize("name", OVER_AN_INPUT)
def test_no_output_takes_the_place_of_an_input(name: str, folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.iterdir()}
    result = CliRunner().invoke(app, list(OVER_AN_INPUT[name]))
    assert "is the input itself" in str(result.exception) or " ends in .png" in str(result.exception)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_two_tables_need_two_names(folder: Path) -> None:
    table = (
        "measure",
        "scan.h5",
        "--regions",
        "r.json",
        "--csv",
        "t",
        "--json",
        "./t",
        "--engine",
        "trivial",
    )
    result = CliRunner().invoke(app, list(table))
    assert result.exit_code == 2
    assert "--csv and --json name one file" in result.output
    assert not (folder / "t").exists()


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("name", LATE)
def test_a_missing_folder_is_named_before_anything_is_computed(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for work in (
        "tools.measure.opened.frames_of_file",
        "tools.process.run_process",
        "tools.evaluate.assess.watch",
        "tools.bench.command.measure",
    ):
        monkeypatch.setattr(work, lambda *given, **named: pytest.fail("it was computed"))
    result = CliRunner().invoke(app, list(LATE[name]))
    assert "there is no folder missing; make it first" in str(result.exception)


@pytest.mark.parametrize("name", THERE)
def test_a_file_that_is_there_is_replaced_only_when_that_is_asked_for(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in ("there.png", "others/figures.json", "reports/report.html"):
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text("precious")
    for work in WORK:
        monkeypatch.setattr(work, _begin)
    with pytest.raises(RecordingError, match="exists: choose another name or use --overwrite"):
        CliRunner().invoke(app, THERE[name], catch_exceptions=False)
    with pytest.raises(Begun):
        CliRunner().invoke(app, [*THERE[name], "--overwrite"], catch_exceptions=False)
    for path in ("there.png", "others/figures.json", "reports/report.html"):
        assert (folder / path).read_text() == "precious"


class Begun(Exception):
    """The work has begun."""


def _begin(*given: object, **named: object) -> None:
    raise Begun
