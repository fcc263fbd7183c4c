"""Children start whatever the current folder holds."""

import subprocess
import sys
from pathlib import Path

import pytest

from tools.children import child


@pytest.fixture
def shadowing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder has packages and modules with the names of ours and of the standard library."""
    for name in ("tools", "engine", "streamer"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('the package of the user')\n")
    (tmp_path / "queue.py").write_text("raise SystemExit('the module of the user')\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("shadowing")
def test_a_child_is_not_shadowed_by_the_current_folder() -> None:
    options = ("--engine", "trivial", "--bind", "tcp://127.0.0.1:0", "--http", "", "--json")
    with child("run", "--no-keep", *options) as node:
        assert node.wait_for("ready")["results"].startswith("tcp://")
        node.ask_to_stop()
        assert node.wait_for("summary")["received"] == 0


def test_without_the_option_the_current_folder_comes_first(shadowing: Path) -> None:
    """The control: the folder of the test above does break a plain start."""
    ended = subprocess.run(
        [sys.executable, "-m", "tools", "--version"],
        cwd=shadowing,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode != 0
    assert "of the user" in ended.stderr
