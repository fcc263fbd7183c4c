"""Keys that act on more than the options."""

from typing import Any

import numpy as np

from tests.tools.display.display_messages import fused_message, received, status_message, strain_message
from tools.display.hand import Hand
from tools.display.options import DisplayOptions
from tools.display.readouts import persistence_label
from tools.display.state import DisplayState

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
