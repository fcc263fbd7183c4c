"""A real window on a real X server (Xvfb): opens, shows the image, obeys keys, closes cleanly."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.tools.display.screens import (
    activated,
    ask_to_close,
    colourful,
    display,
    ended,
    frozen_pair,
    measures,
    named,
    program,
    saved_images,
    screenshot,
    titles,
    wait_for,
    window_manager,
    with_a_window_that_hears,
    xdotool,
)
from tests.tools.display.synthetic_node import SyntheticNode
from tools.display.png import png_text
from tools.display.render import MIN_SIZE, SIZE
from tools.display.window import check_screen, drawing_size
from tools.errors import NoScreen

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Xvfb is a Linux program")


MIDDLE = np.s_[150:450, 500:850]
"""Of the screen: where the list of keys lies, half over the strain image."""


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a virtual X display of 1400 x 900."""
    command = [
        program("Xvfb"),
        "-displayfd",
        "0",
        "-screen",
        "0",
        "1400x900x24",
        "-nolisten",
        "tcp",
        "-noreset",
    ]
    read, write = os.pipe()
    server = subprocess.Popen(
        [*command[:2], str(write), *command[3:]],
        pass_fds=[write], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(write)
    with os.fdopen(read) as pipe:
        name = ":" + pipe.readline().strip()  # comes when the server is ready
    monkeypatch.setenv("DISPLAY", name)
    yield name
    server.terminate()
    server.wait(30)


@pytest.mark.alone
def test_the_window_shows_the_image_obeys_keys_saves_and_quits(screen: str, tmp_path: Path) -> None:
    def scenario() -> None:
        shot = tmp_path / "screen.png"
        with (
            SyntheticNode() as node,
            display("--connect", node.address, "--save-folder", str(tmp_path)) as child,
        ):
            wait_for(lambda: colourful(screenshot(shot)) > 0.05, "a colour image")
            seen = screenshot(shot)[:720, :1280]
            assert (seen.min(axis=2) < 200)[[0, -1]].mean() > 0.95  # filled to its edges, without borders
            window = named("^musse-stream")
            xdotool("windowfocus", "--sync", window)
            xdotool("key", "s")
            wait_for(lambda: saved_images(tmp_path), "the saved image")
            xdotool("key", "h")
            wait_for(lambda: colourful(screenshot(shot)[MIDDLE]) < 0.05, "the list of keys")
            xdotool("key", "Escape")
            wait_for(lambda: colourful(screenshot(shot)[MIDDLE]) > 0.2, "the image behind it")
            # from clinical over reversed and perceptual to grey; Qt keeps one key between two images
            xdotool("key", "--delay", "200", "c", "c", "c")
            wait_for(lambda: colourful(screenshot(shot)) < 0.02, "the grey map")
            xdotool("mousemove", "760", "150", "mousedown", "1", "sleep", "0.2")
            xdotool("mousemove", "1000", "400", "sleep", "0.2", "mouseup", "1", "key", "space")
            pair = frozen_pair(tmp_path)
            with window_manager():
                wait_for(partial(activated, window), "the manager of windows")
                for size in ("1400x900", "1280x720"):  # the whole screen, and a window again
                    xdotool("key", "F11")
                    wait_for(partial(measures, window, size), f"{size} px")
                xdotool("key", "q")
                output, complaint = ended(child)
        assert (child.returncode, complaint) == (0, "")
        assert re.match(r"summary: results \d+, shown \d+, skipped \d+, refused 0, saved none", output)
        saved = saved_images(tmp_path)[0]
        assert cv2.imread(str(saved)) is not None
        facts = png_text(saved)
        assert json.loads(facts["Numbers"])["quality"] >= 0
        assert json.loads(facts["Settings"])["color_map"].startswith("clinical")
        assert "research use only" in facts["Description"]
        first, second = (png_text(path) for path in pair)
        top, bottom, left, right = json.loads(first["Settings"])["region"]  # m, of the dragged box
        assert (bottom - top, right - left) == (
            pytest.approx(0.021, abs=3e-3),
            pytest.approx(0.021, abs=3e-3),
        )
        assert first["State"] != second["State"]  # the age of the frozen image goes on
        for what in ("Numbers", "Image Time"):  # all else is that of its frame
            assert first[what] == second[what]

    with_a_window_that_hears(scenario)


@pytest.mark.alone
def test_closing_the_window_ends_it_even_while_nothing_is_received(screen: str, tmp_path: Path) -> None:
    def scenario() -> None:
        addresses = ("tcp://127.0.0.1:9", "tcp://127.0.0.1:7")
        with display("--connect", addresses[0], "--json") as child, display("--connect", addresses[1]):
            wait_for(lambda: screenshot(tmp_path / "a.png").max() > 0, "the waiting image")
            wait_for(lambda: titles() >= {f"musse-stream {at}" for at in addresses}, "a title for each")
            ask_to_close(int(named(f"^musse-stream {addresses[0]}")))
            output, complaint = ended(child)
        assert (child.returncode, complaint) == (0, "")
        assert '"results": 0' in output

    with_a_window_that_hears(scenario)


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({}, "DISPLAY is not set"),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "Xwayland"),
        ({"DISPLAY": ":4711"}, "nothing answers at DISPLAY=:4711"),
    ],
)
def test_without_a_screen_one_line_names_the_headless_option(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], words: str
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(NoScreen, match=words) as caught:
        check_screen()
    assert "--headless" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("width", "height"), [(1280, 720), (1920, 1080), (400, 300), (2000, 300), (300, 900), (3840, 2160)]
)
def test_images_are_drawn_in_the_shape_of_the_window(width: int, height: int) -> None:
    drawn = drawing_size(width, height)
    assert drawn[0] / drawn[1] == pytest.approx(width / height, rel=0.01)
    assert drawn[0] >= max(min(width, 1920), MIN_SIZE[0])
    assert drawn[1] >= max(min(height, 1080), MIN_SIZE[1])
    assert drawing_size(0, 0) == drawing_size(-1, -1) == SIZE


@pytest.mark.alone
def test_a_screen_that_answers_passes_the_check(screen: str) -> None:
    check_screen()


@pytest.mark.alone
def test_an_opencv_without_windows_is_named(monkeypatch: pytest.MonkeyPatch, screen: str) -> None:
    monkeypatch.setattr(cv2, "currentUIFramework", lambda: "")  # what opencv-python-headless returns
    with pytest.raises(NoScreen, match="opencv-python-headless replaced opencv-python"):
        check_screen()


@pytest.mark.alone
def test_another_qt_platform_in_the_environment_opens_the_window_all_the_same(screen: str) -> None:
    """Qt aborts the process if it is set to use a platform that the wheel does not bring."""
    code = (
        "from tools.display.window import DisplayWindow\n"
        "with DisplayWindow() as window: window.keys(); print('open')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=30,
        env={**os.environ, "DISPLAY": screen, "QT_QPA_PLATFORM": "wayland"},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "open\n"), done.stderr
