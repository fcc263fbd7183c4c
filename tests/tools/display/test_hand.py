"""Keys that act on more than the options."""

from typing import Any

import numpy as np
import pytest

from tests.tools.display.display_messages import (
    bmode_message,
    fused_message,
    received,
    status_message,
    strain_message,
)
from tools.display.hand import Hand
from tools.display.keys import image_box
from tools.display.options import DisplayOptions
from tools.display.panels import frames_of
from tools.display.readouts import persistence_label
from tools.display.render import SIZE, image_area
from tools.display.state import DisplayState
from tools.display.window import Mouse

IMAGE = np.zeros((10, 10, 3), np.uint8)


class Asked(list[float]):
    """A control that notes what it is asked for."""

    def set_time_constant(self, seconds: float) -> None:
        self.append(seconds)


def shown(fusion: float, **options: Any) -> DisplayState:
    state = DisplayState(DisplayOptions(**options), address="tcp://127.0.0.1:9", now=0.0)
    settings = f'{{"fusion": {{"time_constant": {fusion}}}}}'
    messages = [status_message(configuration=settings), strain_message(), fused_message(time_constant=0.5)]
    state.update(received(*messages), 0.0)
    return state


def press(keys: str, state: DisplayState, control: Any) -> None:
    hand: Any = Hand(state, None, control)
    hand.press(list(keys), state.view(0.0), IMAGE, None)


def test_brackets_set_the_nodes_persistence_and_that_of_single_pairs_where_these_are_shown() -> None:
    asked = Asked()
    state = shown(0.5)
    press("][", state, asked)
    assert asked == [1.0, 0.25]  # the node has not answered yet
    assert "for all displays" in state.view(0.0).notice
    assert state.options.persistence == DisplayOptions().persistence
    press("]", shown(2.0), asked)
    press("[", shown(0.25), asked)
    assert asked[2:] == [2.0, 0.0]
    single = shown(0.5, image="pair", persistence=0.5)
    press("]", single, asked)
    assert (len(asked), single.options.persistence) == (4, 1.0)


def test_a_drag_released_beside_its_image_ends_at_the_edge_of_it() -> None:
    state = shown(0.5, layout="side-by-side")
    state.update(received(bmode_message()), 0.0)
    view = state.view(0.0)
    bmode, strain = frames_of(view, image_area(*SIZE))
    hand: Any = Hand(state)
    middle = strain.x + strain.width // 2, strain.y + strain.height // 2
    far = SIZE[0] - 1, SIZE[1] - 1
    hand.move(Mouse(far, (middle, far)), view, SIZE)
    top, bottom, left, right = image_box(view) or (0.0,) * 4
    region = state.options.region
    assert region == pytest.approx(((top + bottom) / 2, bottom, 0.0, right), abs=1.0)
    assert state.pointer is None
    across = bmode.x + bmode.width // 2, middle[1] + 50  # into the other image
    hand.move(Mouse(across, (middle, across)), view, SIZE)
    assert state.options.region is not None
    assert state.options.region[2] == pytest.approx(left, abs=0.3)


def test_a_region_too_small_to_be_taken_is_refused_with_words_and_a_click_is_none() -> None:
    state = shown(0.5)
    view = state.view(0.0)
    (frame,) = frames_of(view, image_area(*SIZE))[-1:]
    hand: Any = Hand(state)
    at = frame.x + 40, frame.y + 40
    hand.move(Mouse(at, (at, (at[0] + 1, at[1]))), view, SIZE)
    assert state.view(0.0).notice == ""
    hand.move(Mouse(at, (at, (at[0] + 8, at[1] + 200))), view, SIZE)
    assert "larger region" in state.view(0.0).notice
    assert state.options.region is None


def test_q_asks_only_while_a_recording_runs() -> None:
    state = shown(0.5)
    hand: Any = Hand(state)
    assert hand.press(["q"], state.view(0.0), IMAGE, None)
    state.recording = True
    assert not hand.press(["q"], state.view(5.0), IMAGE, None)
    assert "recording runs" in state.view(5.0).notice
    assert hand.press(["q"], state.view(6.0), IMAGE, None)
    assert not hand.press(["q"], state.view(12.0), IMAGE, None)  # too late for the first


def test_f11_fills_the_screen_and_space_freezes() -> None:
    turned: list[str] = []

    class Window:
        def toggle_full_screen(self) -> None:
            turned.append("F11")

    state = shown(0.5)
    Hand(state).press(["F11", " "], state.view(0.0), IMAGE, Window())
    assert (turned, state.frozen) == (["F11"], True)


def test_a_node_that_fuses_no_more_leaves_no_old_fused_image() -> None:
    state = shown(0.5)
    assert state.view(0.1).strain is not None
    assert persistence_label(state.view(0.1)) == "persistence 0.5 s"
    off = status_message(configuration='{"fusion": {"time_constant": 0.0}}')
    state.update(received(off, strain_message(post_index=2)), 0.1)
    view = state.view(0.1)
    assert view.strain is not None
    assert view.strain.pairs is None
    assert persistence_label(view) == "no persistence"


def test_a_node_that_takes_no_persistence_is_named_so() -> None:
    state = DisplayState(DisplayOptions(), address="tcp://127.0.0.1:9", now=0.0)
    state.update(received(status_message(configuration=""), strain_message(), fused_message()), 0.0)
    press("]", state, Asked())
    assert state.view(0.0).notice == "this node does not take a persistence"
