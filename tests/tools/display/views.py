"""Views of a display that has received messages."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamer.wire import Message
from tests.tools.display.display_messages import bmode_message, received, status_message, strain_message
from tools.display.options import DisplayOptions
from tools.display.state import DisplayState
from tools.display.view import View

SURE: Final = 1e-6
"""A strain_std so small that nothing is faded."""


def view_of(*messages: Message, options: DisplayOptions | None = None, at: float = 1.0) -> View:
    """The view at `at` seconds, when the messages come."""
    state = DisplayState(options or DisplayOptions(), address="tcp://127.0.0.1:5561", now=0.0)
    for message in messages:
        state.update(received(message), at)
    return state.view(at)


def live(strain: NDArray[np.float32], mean: float, options: DisplayOptions | None = None) -> View:
    """Of a live node with B-mode and this strain."""
    return view_of(
        status_message(), bmode_message(), strain_message(strain, mean=mean, std=SURE), options=options
    )
