"""The image that `display` saves after its node was killed, was replaced by another, or was silent."""

import json
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.root import ROOT
from tests.tools.display.synthetic_node import SyntheticNode
from tests.tools.tape.keeper import wait_for
from tools.display.png import png_text

pytestmark = pytest.mark.alone

SHOWN, AWAY = 1.0, 2.5  # s with results, and without: a node is lost after 1.2 s
TWIN = "killed, the second display"
NAMES = ("killed", TWIN, "replaced", "silent")
RANGE = {"replaced": "4"}  # top of the colour range; the others have the default
IMAGES, B_MODE, STRAIN, LOWER = slice(75, 490), slice(100, 520), slice(660, 1100), slice(560, None)

Screen = NDArray[np.int16]
"""(rows, cols, BGR)"""


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of what displays saved last, each on a node of its own but for one, which has two."""
    folder = tmp_path_factory.mktemp("screens")
    with ExitStack() as ending:
        names = [name for name in NAMES if name != TWIN]
        nodes = {name: ending.enter_context(SyntheticNode(steady=True, fused=True)) for name in names}
        for node in nodes.values():
            node.silent.set()
        displays = {
            name: ending.enter_context(_display(name, nodes[name.partition(",")[0]].address, folder))
            for name in NAMES
        }
        assert all(node.subscribed.wait(30) for node in nodes.values())
        wait_for(lambda: nodes["killed"].subscriptions == 2 * nodes["silent"].subscriptions or None)
        for node in nodes.values():
            node.silent.clear()
        time.sleep(SHOWN)
        nodes["killed"].stop()
        nodes["replaced"].stop()
        address = nodes["replaced"].address
        ending.enter_context(SyntheticNode(address, steady=True, fused=True, source="another"))
        nodes["silent"].silent.set()
        time.sleep(AWAY)
        for name in ("killed", TWIN):
            displays[name].terminate()
        nodes["silent"].silent.clear()
        time.sleep(SHOWN)
        for name in ("replaced", "silent"):
            displays[name].terminate()
        assert [display.wait(30) for display in displays.values()] == [0] * len(displays)
    return folder


@pytest.fixture(scope="module")
def screens(saved: Path) -> dict[str, Screen]:
    """The saved images by the name of their display."""
    read = {name: cv2.imread(str(saved / f"{name}.png")) for name in NAMES}
    return {name: np.asarray(image, np.int16) for name, image in read.items()}


def _display(name: str, address: str, folder: Path) -> "subprocess.Popen[bytes]":
    given = ["--connect", address, "--headless"]
    given += ["--save", str(folder / f"{name}.png"), "--range-max", RANGE.get(name, "2.5")]
    return subprocess.Popen(
        [sys.executable, "-m", "tools", "display", *given], cwd=ROOT, stdout=subprocess.DEVNULL
    )


def colourful(part: Screen) -> float:
    """Share of pixels with a colour."""
    return float((part.max(axis=2) - part.min(axis=2) > 60).mean())


def test_a_killed_node_leaves_no_number_and_no_image_as_current(screens: dict[str, Screen]) -> None:
    def green(screen: Screen) -> int:  # the quality bar
        blue, green, red = np.moveaxis(screen[LOWER], 2, 0)
        return int((green - np.maximum(blue, red) > 50).sum())

    def bright(screen: Screen) -> int:  # the numbers beside it
        return int((screen[LOWER, :250][:110].min(axis=2) > 200).sum())

    lost, live = screens["killed"], screens["silent"]
    assert (green(lost), bright(lost)) == (0, 0)
    assert (green(live) > 1000, bright(live) > 300) == (True, True)
    assert colourful(lost[IMAGES, STRAIN]) < 0.05
    assert colourful(live[IMAGES, STRAIN]) > 0.9
    assert lost[IMAGES, B_MODE].std() < 0.7 * live[IMAGES, B_MODE].std()  # grey over the B-mode too


def test_two_displays_of_one_node_state_the_same(saved: Path, screens: dict[str, Screen]) -> None:
    facts = [png_text(saved / f"{name}.png") for name in ("killed", TWIN, "silent")]
    numbers = [json.loads(fact["Numbers"]) for fact in facts]
    ages = [number.pop("strain_age_s") for number in numbers]
    assert numbers[0] == numbers[1] != numbers[2]
    assert ages[0] == pytest.approx(ages[1], abs=0.5)
    for what in ("State", "Settings"):
        assert facts[0][what] == facts[1][what]
    assert facts[0]["State"].startswith("NODE LOST")
    np.testing.assert_array_equal(screens["killed"][IMAGES, STRAIN], screens[TWIN][IMAGES, STRAIN])


def test_a_new_source_is_shown_when_the_first_is_gone(screens: dict[str, Screen]) -> None:
    assert colourful(screens["replaced"][IMAGES, STRAIN]) > 0.9


def test_the_trace_is_empty_where_no_result_came(screens: dict[str, Screen]) -> None:
    def longest_gap(screen: Screen) -> int:
        """Columns without the trace between its first and its last."""
        trace = screen[LOWER, 300:][:130]
        line = (trace[..., 0] - trace[..., 2] > 60) & (trace.max(axis=2) > 150)
        return int(np.diff(np.flatnonzero(line.any(axis=0))).max())

    assert longest_gap(screens["silent"]) > 100  # of about 97 columns a second
    assert longest_gap(screens["replaced"]) == 1  # the control


def test_average_strain_has_one_colour_at_every_range(screens: dict[str, Screen]) -> None:
    average = {
        name: np.median(screens[name][320:480, STRAIN], axis=(0, 1)) for name in ("replaced", "silent")
    }
    np.testing.assert_allclose(average["replaced"], average["silent"], atol=12)


def test_the_b_mode_is_as_grey_as_tissue(screens: dict[str, Screen]) -> None:
    assert 50 < np.median(screens["silent"][IMAGES, B_MODE]) < 160
