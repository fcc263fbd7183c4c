"""What a display shows: its state before anything came, and after a steady stream."""

from tests.tools.display.display_messages import (
    bmode_message,
    received,
    status_message,
    strain_message,
)
from tools.display.options import DisplayOptions
from tools.display.state import DisplayState

ADDRESS = "tcp://127.0.0.1:5561"


def opened(options: DisplayOptions | None = None, source: str | None = None) -> DisplayState:
    return DisplayState(options or DisplayOptions(), address=ADDRESS, now=0.0, source=source)


def running(
    options: DisplayOptions | None = None, *, rate: float = 25.0, until: float = 2.0
) -> tuple[DisplayState, float]:
    """A state after a steady stream of good results; and the time of the last one."""
    state, number = opened(options), round(until * rate)
    for index in range(1, number + 1):
        message = strain_message(post_index=index)
        state.update(
            received(status_message(frame_rate=rate), bmode_message(rows=64, frame_index=index), message),
            index / rate,
        )
    return state, number / rate
