"""Whatever code page output goes to: the table comes, with plain letters where the page has none."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.root import ROOT
from tests.tools.programs import write_press
from tools.cli import app, substitute_unknown_characters
from tools.errors import ToolError
from tools.processes import cache_folder


def test_a_table_on_a_japanese_console(tmp_path: Path) -> None:
    press = write_press(tmp_path / "press.h5", 2)
    done = subprocess.run(
        [sys.executable, "-m", "tools", "info", str(press)],
        capture_output=True, check=False, timeout=60, cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "cp932", "COLUMNS": "120", "LC_ALL": "C"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "19.25 um per sample" in done.stdout.decode("cp932")


@pytest.mark.parametrize("page", ["ascii", "cp437", "cp866", "cp932", "cp936", "cp949", "cp950", "cp1252"])
def test_every_code_page_gets_plain_letters(page: str) -> None:
    substitute_unknown_characters()
    text = "19.25 µm at 3° ± 1 %, 512 × 16 ━━ 波 \udc80"
    written = text.encode(page, "plain").decode(page)
    assert written.startswith(("19.25 um", "19.25 µm", "19.25 μm"))
    assert "1 %" in written
    assert len(written) >= len(text) - 2


def test_a_cache_folder_that_cannot_be_made_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "musse-stream"  # the control
    (tmp_path / "file").touch()
    for impossible in ("/dev/null", str(tmp_path / "file")):
        monkeypatch.setenv("XDG_CACHE_HOME", impossible)
        with pytest.raises(ToolError, match=rf"{impossible}.*XDG_CACHE_HOME"):
            cache_folder()


def test_a_configuration_is_written_as_utf8_and_checked(tmp_path: Path) -> None:
    path = tmp_path / "clinic.toml"
    shown = ["config", "show", "--output", str(path)]
    assert CliRunner().invoke(app, shown).exit_code == 0
    assert path.read_bytes().decode("utf-8").startswith("# Configuration of musse-stream")
    assert "no mistakes" in CliRunner().invoke(app, ["config", "check", str(path)]).output
    again = CliRunner().invoke(app, shown)
    assert isinstance(again.exception, ToolError)
    assert "--overwrite" in str(again.exception)
    assert CliRunner().invoke(app, [*shown, "--overwrite"]).exit_code == 0
