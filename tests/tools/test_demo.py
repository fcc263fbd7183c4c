"""`musse-stream demo` from outside: what it starts ends with it, whatever ends it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import pytest

from engine.errors import EngineUnavailable
from engine.tracking.torch_device import has_card
from tests.tools.programs import PATIENCE, Program, program, write_press
from tools.demo import check_needs, demo_path
from tools.errors import NoScreen

SECONDS_FOR_ONE_IMAGE = "0.3"
COUNTS = (
    "engine",
    "device",
    "received",
    "lost",
    "overwritten",
    "published",
    "rejected",
    "latency_p50_ms",
    "latency_p99_ms",
)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A cache folder that already holds a recording, so that nothing is simulated."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    write_press(demo_path())
    return str(tmp_path)


def headless(*arguments: str) -> tuple[str, ...]:
    return ("demo", "--headless", "--engine", "trivial", "--json", *arguments)


def summary(demo: Program) -> dict[str, float]:
    found: dict[str, Any] = json.loads(demo.out[-1])
    assert found.pop("event") == "summary"
    assert tuple(found) == COUNTS
    ended = found["overwritten"] + found["published"] + found["rejected"]
    assert found["received"] - ended in (0, 1, 2)  # in flight when it was stopped; more beside other work
    assert found["lost"] == 0
    return found


@pytest.mark.alone
def test_one_command_ends_in_an_image_and_its_counts(cache: str, tmp_path: Path) -> None:
    image = tmp_path / "out.png"
    arguments = headless("--seconds", SECONDS_FOR_ONE_IMAGE, "--save", str(image))
    with program(*arguments, XDG_CACHE_HOME=cache) as demo:
        assert demo.end() == 0, demo.err
    drawn = cv2.imread(str(image))
    assert drawn is not None
    colour = drawn.astype(int).max(axis=2) - drawn.astype(int).min(axis=2)
    assert (colour > 60).mean() > 0.01  # strain is coloured, and a display that waits is grey
    counts = summary(demo)
    assert counts["published"] > 0
    assert 0 < counts["latency_p50_ms"] <= counts["latency_p99_ms"]
    assert not any("Traceback" in line for line in demo.err)


@pytest.mark.alone
@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGHUP, marks=pytest.mark.long)], ids=lambda n: n.name
)
def test_a_signal_ends_everything_and_the_counts_are_reported(cache: str, number: int) -> None:
    with program(*headless("--seconds", "600"), XDG_CACHE_HOME=cache) as demo:
        demo.child("display")
        demo.wait_for("engine trivial ready")
        assert demo.end(number) == 0, demo.err
    assert summary(demo)["received"] > 0
    assert not any("Traceback" in line for line in demo.err)


@pytest.mark.parametrize("moment", ["replay", pytest.param("display", marks=pytest.mark.long)])
def test_a_signal_while_it_starts_ends_everything(cache: str, moment: str) -> None:
    with program(*headless("--seconds", "600"), XDG_CACHE_HOME=cache) as demo:
        demo.child(moment)
        assert demo.end(signal.SIGINT) == 0, demo.err
    assert not any("Traceback" in line for line in demo.err)


@pytest.mark.long
def test_a_signal_while_it_simulates_leaves_no_half_recording(tmp_path: Path) -> None:
    folder = tmp_path / "musse-stream"
    with program(*headless("--seconds", "600"), XDG_CACHE_HOME=str(tmp_path)) as demo:
        poll_until(demo, lambda: any(part.stat().st_size > 100_000 for part in folder.glob("*.part")))
        assert demo.end(signal.SIGINT) == 0, demo.err
    assert list(folder.iterdir()) == []
    assert not any("Traceback" in line for line in demo.err)


@pytest.mark.long
def test_an_engine_that_cannot_run_here_ends_it_with_the_nodes_own_code(cache: str) -> None:
    arguments = ("demo", "--headless", "--engine", "onnx", "--device", "cuda", "--seconds", "600")
    with program(*arguments, XDG_CACHE_HOME=cache) as demo:
        assert demo.end() == 5
    assert any(
        "engine 'onnx' does not run on device 'cuda': choose device 'cpu'" in line for line in demo.err
    )


def test_a_missing_engine_comes_before_a_missing_screen_and_both_are_named() -> None:
    def no_screen() -> None:
        raise NoScreen("no screen: DISPLAY is not set")

    check_needs("trivial", None, lambda: None)
    with pytest.raises(EngineUnavailable, match=r"no engine 'tensorflow'.*; and no screen: DISPLAY"):
        check_needs("tensorflow", None, no_screen)
    with pytest.raises(NoScreen):
        check_needs("trivial", None, no_screen)
    if not has_card():
        with pytest.raises(EngineUnavailable, match=r"NVIDIA card.*; and no screen"):
            check_needs("tensorrt", None, no_screen)


def test_a_child_that_dies_is_named_and_ends_the_rest(cache: str) -> None:
    with program(*headless("--seconds", "600"), XDG_CACHE_HOME=cache) as demo:
        demo.wait_for("engine trivial ready")
        demo.child("display")
        demo.child("run").kill()
        assert demo.end() == 1
    assert "musse-stream: run ended with exit code -9" in demo.err[-1]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asked of the Linux kernel")
def test_what_it_started_ends_even_when_it_is_killed(cache: str) -> None:
    with program(*headless("--seconds", "600"), XDG_CACHE_HOME=cache) as demo:
        demo.wait_for("engine trivial ready")
        display = demo.child("display")
        poll_until(demo, lambda: "ZMQbg" in " ".join(names_of_threads(display.pid)))
        poll_until(demo, lambda: len(demo.orphans()) == 5)  # the control: replay, run, node, tape and display
        demo.process.kill()
        demo.process.wait()
        end = time.monotonic() + PATIENCE
        while demo.orphans():
            assert time.monotonic() < end, demo.orphans()
            time.sleep(0.05)


@pytest.mark.alone
def test_closing_the_display_ends_the_demo(cache: str) -> None:
    """As the key q does in its window."""
    with program(*headless("--seconds", "600"), XDG_CACHE_HOME=cache) as demo:
        display = demo.child("display")
        poll_until(demo, lambda: "ZMQbg" in " ".join(names_of_threads(display.pid)))  # it listens
        display.terminate()
        assert demo.end() == 0, demo.err
    assert summary(demo)["received"] >= 0


@pytest.fixture
def screen() -> Iterator[str]:
    if shutil.which("Xvfb") is None:
        pytest.skip("Xvfb is not installed: apt-get install xvfb")
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1400x900x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[write], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read) as pipe:
        name = ":" + pipe.readline().strip()  # comes when the server is ready
    yield name
    server.terminate()
    server.wait(PATIENCE)


@pytest.mark.alone
def test_with_a_window_seconds_and_a_signal_end_it(screen: str, cache: str, tmp_path: Path) -> None:
    image = tmp_path / "out.png"
    arguments = ("demo", "--engine", "trivial", "--json", "--save", str(image))
    with program(*arguments, "--seconds", "0.3", XDG_CACHE_HOME=cache, DISPLAY=screen) as demo:
        assert demo.end() == 0, demo.err
    assert cv2.imread(str(image)) is not None
    with program(*arguments, "--overwrite", XDG_CACHE_HOME=cache, DISPLAY=screen) as demo:
        demo.wait_for("engine trivial ready")
        assert demo.end(signal.SIGINT) == 0, demo.err
    summary(demo)


def poll_until(demo: Program, found: Callable[[], object]) -> None:
    """Until `found()` is true, while the demo runs."""
    end = time.monotonic() + PATIENCE
    while not found():
        assert time.monotonic() < end, demo.err
        assert demo.process.poll() is None, demo.err
        time.sleep(0.01)


def names_of_threads(process: int) -> list[str]:
    names = []
    for path in Path(f"/proc/{process}/task").glob("*/comm"):
        with suppress(OSError):  # the thread has ended meanwhile
            names.append(path.read_text().strip())
    return names
