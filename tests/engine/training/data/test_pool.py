"""Scenes on disk and the processes that make them."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from multiprocessing import resource_tracker
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import cast

import psutil
import pytest

from engine.training.data.pool import PoolFailed, ScenePool, scene_path
from engine.training.data.samples import load, save
from engine.training.data.scenes import draw_scene
from tests.engine.training.tiny_training import made_samples
from tests.process_ends import wait_for_end
from tests.root import ROOT

SIMPLE_KINDS = {"uniform", "inclusions", "sphere"}
SCENE_LIMIT = 60.0  # s for a process to start, import torch, and make a scene on a busy machine


@pytest.fixture(autouse=True)
def no_tracker_left(nothing_left_behind: None) -> Iterator[None]:
    """multiprocessing keeps one process of its own for the next pool: it is no worker."""
    yield
    resource_tracker._resource_tracker._stop()  # type: ignore[attr-defined]  # there is no public way


def test_what_is_there_is_read_once_and_nobody_is_started(tmp_path: Path) -> None:
    for number in (7, 8):
        save(made_samples(number, 0.1), scene_path(tmp_path, number))
    with ScenePool(tmp_path, first=7, count=2) as pool:
        assert not psutil.Process().children(recursive=True)
        scene = pool.scene(1)
        assert pool.scene(1) is scene
        assert pool.figures.waited < 1.0
    assert (scene.maps["weight"] == load(scene_path(tmp_path, 8)).maps["weight"]).all()


def test_training_waits_for_a_scene_and_reports_how_long(tmp_path: Path) -> None:
    with ScenePool(tmp_path, first=0, count=1) as pool:
        pool.scene(0)
        assert 0.0 < pool.figures.waited < SCENE_LIMIT
    assert [path.name for path in tmp_path.iterdir()] == ["0000000.npz"]


def test_a_simple_scene_is_made_where_the_share_asks_for_one(tmp_path: Path) -> None:
    assert draw_scene(2).kind not in SIMPLE_KINDS
    with ScenePool(tmp_path, first=2, count=1, simple=0.15) as pool:
        assert pool.scene(0).kind in SIMPLE_KINDS
    with ScenePool(tmp_path, first=2, count=1, simple=0.1) as pool:  # the control: the first two of twenty
        assert pool.scene(0).kind not in SIMPLE_KINDS


def test_a_share_of_the_scenes_is_simple_and_kept_as_such(tmp_path: Path) -> None:
    for number in (25, 26):
        save(made_samples(number, 0.1), scene_path(tmp_path, number, simple=0.3))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0000025-simple.npz", "0000026.npz"]
    with ScenePool(tmp_path, first=25, count=2, simple=0.3) as pool:
        assert not psutil.Process().children(recursive=True)
        assert pool.scene(0).kind == pool.scene(1).kind
    alone = ScenePool(tmp_path, first=25, count=1)  # the control: without the share it is another scene
    with pytest.raises(PoolFailed, match=r"0000025\.npz is missing"):
        alone.scene(0)


def test_a_scene_that_nobody_makes_is_named(tmp_path: Path) -> None:
    pool = ScenePool(tmp_path, first=3, count=1)
    with pytest.raises(PoolFailed, match=r"0000003\.npz is missing and no process makes it"):
        pool.scene(0)


def test_the_death_of_a_worker_is_named(tmp_path: Path) -> None:
    with ScenePool(tmp_path, first=0, count=5) as pool:
        for process in pool._processes:
            process.kill()  # not found by its command line: until it has started, that is this process's
        with pytest.raises(PoolFailed, match=r"exit code -9 before 0000004\.npz"):
            pool.scene(4)


class DiesWhileAsked:
    """A process that is killed right after its exit code was asked for."""

    def __init__(self) -> None:
        self._codes = iter((None, -signal.SIGKILL))

    @property
    def exitcode(self) -> int | None:
        return next(self._codes)

    def is_alive(self) -> bool:
        return False


def test_a_death_between_two_looks_is_named_too(tmp_path: Path) -> None:
    pool = ScenePool(tmp_path, first=0, count=1)
    pool._processes = [cast("BaseProcess", DiesWhileAsked())]
    with pytest.raises(PoolFailed, match=r"exit code -9 before 0000000\.npz"):
        pool.scene(0)


@pytest.mark.long
def test_a_killed_training_leaves_no_process(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from engine.training.data.pool import ScenePool\n"
        "if __name__ == '__main__':\n"
        "    with ScenePool(Path(sys.argv[1]), first=0, count=10_000) as pool:\n"
        "        pool.scene(0); print('ready', flush=True); time.sleep(600)\n"
    )
    script = tmp_path / "program.py"
    script.write_text(program)
    parent = subprocess.Popen(
        [sys.executable, script, tmp_path / "scenes"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert parent.stdout is not None
    with parent.stdout:
        assert parent.stdout.readline() == "ready\n"
        children = psutil.Process(parent.pid).children(recursive=True)
        assert children
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        for child in children:
            wait_for_end(child, SCENE_LIMIT)  # a worker notices between two scenes
