"""The display's one loop: poll, update, view, render, show, keys. One thread, with or without a window."""

import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2

from streamer.control import Control
from streamer.curve import PLAIN, Security
from streamer.subscriber import Subscriber
from tools.display import clock
from tools.display.hand import Hand
from tools.display.keeper import Keeper
from tools.display.options import DisplayOptions
from tools.display.png import check_image, facts_of, for_export, save_png
from tools.display.render import SIZE, render
from tools.display.state import DisplayState
from tools.display.view import View
from tools.display.window import DisplayWindow
from tools.errors import NothingReceived

_NOBODY: Final = "is a node running there (musse-stream run), and does it receive frames?"
_FRAME: Final = 1 / 30  # s between two images at most: a hand-held scan shows nothing faster
_IDLE: Final = 0.1  # s: without messages the ages and the STALE banner still move on


@dataclass(frozen=True, slots=True)
class Summary:
    """What a display did, for its last line."""

    results: int
    """Strain messages that arrived, rejected pairs too."""
    shown: int
    """Strain images put on the screen (headless: that would have been)."""
    skipped: int
    """Messages of any kind that a newer one had replaced by the time they were read."""
    refused: int
    """Messages that break the protocol."""
    saved: str | None
    """Where the last image was written."""


def run_display(
    options: DisplayOptions,
    *,
    address: str,
    source: str | None = None,
    headless: bool = False,
    seconds: float | None = None,
    save: Path | None = None,
    overwrite: bool = False,
    timeout: float = 120.0,
    keep: str = "",
    security: Security = PLAIN,
    stopped: Callable[[], bool] = lambda: False,
) -> Summary:
    """Show results until `q`, the window's close button, `stopped()`, or for `seconds`.

    `seconds` count from the first strain result. Headless, the same loop runs without a window and draws
    only the image it saves; NothingReceived is raised when no strain result comes for `timeout` seconds.
    `save` is a PNG of the last image, `keep` the address of the tape process that the window asks, empty for
    none. Raises NoScreen where no window can open, ConfigError for an impossible address, ToolError where
    `save` cannot be written, or is there without `overwrite`.
    """
    if save is not None:
        check_image(save, overwrite=overwrite)
    cv2.setNumThreads(1)  # the cores belong to the node; one image takes about 15 ms on one of them
    started = drawn = clock.now()
    with ExitStack() as stack:
        window = None if headless else stack.enter_context(DisplayWindow(address))
        subscriber = stack.enter_context(Subscriber(address, source=source, security=security))
        state = DisplayState(
            options, address=address, now=started, source=source, unix_offset=time.time() - started
        )
        keeper = None
        if keep and window is not None:
            keeper = stack.enter_context(Keeper(keep, f"window {os.getpid()}", security))
        control = None if window is None else stack.enter_context(Control(address, security))
        hand = Hand(state, keeper, control)
        fresh, shown, strain = True, 0, None
        while not stopped():
            due = drawn + (_FRAME if fresh else _IDLE)
            received = subscriber.poll(min(max(due - clock.now(), 0.001), _FRAME))
            now = clock.now()
            state.update(received, now)
            fresh = fresh or bool(received.messages)
            first = state.first_result_at
            if first is None and headless and now - started > timeout:
                raise NothingReceived(
                    f"no strain result from {address} within {timeout:g} s: {received.refusal or _NOBODY}"
                )
            if first is not None and seconds is not None and now - first >= seconds:
                break
            if now < drawn + (_FRAME if fresh else _IDLE):
                continue
            drawn, fresh = now, False
            if keeper is not None:
                state.seconds_kept, state.recording = keeper.held, keeper.recording
                kept = keeper.notice()
                if kept is not None:
                    state.emit(kept, now)
            view = _view(state, subscriber, now)
            shown += view.strain is not strain and view.strain is not None
            strain = view.strain
            if window is not None:
                size = window.size
                image = render(view, size)
                window.show(image)
                keys = window.keys()
                hand.move(window.mouse(), view, size)  # before the keys: what a freeze holds has the region
                if window.closed or hand.press(keys, view, image, window):
                    break
                fresh = bool(keys)
        if save is not None:
            size = window.size if window is not None and not window.closed else SIZE
            view = _view(state, subscriber, clock.now())
            save_png(render(for_export(view), size), save, facts_of(view), overwrite=overwrite)
        return Summary(
            results=state.results,
            shown=shown,
            skipped=subscriber.skipped.total(),
            refused=subscriber.refused.total(),
            saved=str(save) if save is not None else None,
        )


def _view(state: DisplayState, subscriber: Subscriber, now: float) -> View:
    return state.view(now, subscriber.skipped.total(), subscriber.refused.total())
