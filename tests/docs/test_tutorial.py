"""The tutorial runs as it stands: its commands and its Python blocks."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import pytest
from typer.testing import CliRunner

from tests.docs.commands_named import command_lines
from tests.docs.docs_reading import DOCS, python_blocks
from tools.cli import app

TEXT = (DOCS / "tutorial.md").read_text(encoding="utf-8")
OFFLINE = (
    "simulate",
    "info",
    "process",
    "measure",
    "figure",
    "movie",
)  # the others run until they are stopped


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the commands of the tutorial have run, in their order."""
    path = tmp_path_factory.mktemp("tutorial")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(path)
        (regions,) = re.findall(r"^```json\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
        (path / "regions.json").write_text(regions)
        for arguments in command_lines(re.sub(r"`[^`\n]+`", "", TEXT)):
            if arguments[0] in OFFLINE:
                assert CliRunner().invoke(app, arguments).exit_code == 0, arguments
        yield path


@pytest.fixture(scope="module")
def names(folder: Path) -> Iterator[dict[str, Any]]:
    """The names that the Python blocks leave behind."""
    found: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("MPLBACKEND", "agg")
        for block in python_blocks(TEXT):
            exec(compile(block, "docs/tutorial.md", "exec"), found)  # noqa: S102 - the project's own document
        yield found


@pytest.mark.long
def test_the_figure_is_drawn(names: dict[str, Any], folder: Path) -> None:
    image = cv2.imread(str(folder / "strain.png"))
    assert image is not None
    assert image.std() > 10  # not one empty page
    assert 0.2 < names["image"][names["inside"]].min() < names["image"][names["around"]].max() < 2.5


def test_the_commands_leave_what_the_page_names(folder: Path) -> None:
    with (folder / "table.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert float(row["ratio"]) == pytest.approx(2.2, abs=0.3)
    assert (folder / "figure.pdf").read_bytes().startswith(b"%PDF")
    assert (folder / "talk.mp4").stat().st_size > 10_000


def test_the_ratio_is_the_one_that_the_page_states(names: dict[str, Any]) -> None:
    assert "about 2 here" in TEXT
    assert names["strain_ratio"] == pytest.approx(2.2, abs=0.3)
    assert 1 / names["strain_ratio"] != pytest.approx(2.2, abs=0.3)  # the control: soft and hard exchanged
