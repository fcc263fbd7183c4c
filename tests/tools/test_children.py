"""Children start whatever the current folder holds, and end with their parent."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.root import ROOT
from tests.tools.tape.keeper import wait_for
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


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asked of the Linux kernel")
def test_a_child_whose_parent_died_while_it_started_ends_too(tmp_path: Path) -> None:
    file = tmp_path / "ended"
    killed = subprocess.run(
        [sys.executable, "-m", "tests.tools.late_child", str(file), "0"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},  # the child is started without its folder
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    wait_for(lambda: file.exists() or None)
    assert file.read_text() == "SIGTERM"
