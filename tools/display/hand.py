"""What keys and mouse do to the display. One thread."""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Protocol

from streamer.control import TIME_CONSTANTS, Control
from tools.display.colors import Image
from tools.display.keeper import Keeper
from tools.display.keys import dragged_region, image_box, press, sets_fusion, step
from tools.display.options import DisplayOptions
from tools.display.panels import frames_of
from tools.display.png import facts_of, for_export, save_png
from tools.display.render import image_area, render
from tools.display.state import DisplayState
from tools.display.view import View
from tools.display.window import Mouse
from tools.errors import ToolError
from tools.geometry import Frame

_QUIT_WITHIN: Final = 3.0  # s between the two presses of q
_DRAG: Final = 5  # px: less is a click
_TOO_SMALL: Final = "draw a larger region: at least a tenth of the image in both directions"


class _Screen(Protocol):
    def toggle_full_screen(self) -> None: ...


class Hand:
    """The viewer's hand on one display."""

    def __init__(
        self, state: DisplayState, keeper: Keeper | None = None, control: Control | None = None
    ) -> None:
        self._state = state
        self._keeper = keeper
        self._control = control
        self._asked_at: float | None = None

    def press(self, keys: Sequence[str], view: View, image: Image, window: _Screen) -> bool:
        """Do what the keys ask for; True where the display is to end."""
        for key in keys:
            if key == "q" and self._quits(view):
                return True
            self._press(key, view, image, window)
        return False

    def move(self, mouse: Mouse, view: View, size: tuple[int, int]) -> None:
        """Follow the pointer; a drag that begins in an image becomes the viewer's region of interest.

        Where it is released beside that image, it ends at the image's edge.
        """
        at = None if mouse.at is None else _frame_at(mouse.at, view, size)
        self._state.pointer = None if mouse.at is None or at is None else _position(mouse.at, at)
        frame = None if mouse.dragged is None else _frame_at(mouse.dragged[0], view, size)
        if mouse.dragged is None or frame is None or view.strain is None:
            return
        (x0, y0), (x1, y1) = mouse.dragged
        region = dragged_region(view, *(_position(point, frame) for point in mouse.dragged))
        if region is not None:
            self._change(replace(self._state.options, region=region), view)
        elif max(abs(x1 - x0), abs(y1 - y0)) >= _DRAG:
            self._state.emit(_TOO_SMALL, view.now)

    def _quits(self, view: View) -> bool:
        """A stray key must not end what one looks at while a recording runs: then it takes two presses."""
        asked = self._asked_at is not None and view.now - self._asked_at <= _QUIT_WITHIN
        self._asked_at = view.now
        return asked or not view.recording

    def _keep(self, view: View) -> None:
        if self._keeper is None or self._keeper.held is None:
            self._state.emit("nothing to save: no tape process answers", view.now)
        else:
            self._state.emit(f"saving the last {self._keeper.offered:.0f} s", view.now)
            self._keeper.keep()

    def _set_fusion(self, view: View, *, up: bool) -> None:
        if self._control is None or view.fusion is None:
            self._state.emit("this node does not take a persistence", view.now)
            return
        seconds = step(TIME_CONSTANTS, view.fusion, up=up)
        self._control.set_time_constant(seconds)
        words = f"{seconds:g} s" if seconds else "off: single pairs"
        self._state.emit(f"persistence at the node, for all displays: {words}", view.now)

    def _press(self, key: str, view: View, image: Image, window: _Screen) -> None:
        state = self._state
        if key in ("f", " "):
            state.toggle_freeze(view.now)
            if self._keeper is not None:
                self._keeper.freeze(state.frozen)
        elif key == "g":
            self._keep(view)
        elif key == "s":
            state.emit(_save(image, view), view.now)
        elif key == "F11":
            window.toggle_full_screen()
        elif key == "q":
            state.emit("a recording runs: press q again to quit the display", view.now, _QUIT_WITHIN)
        elif key in ("[", "]") and sets_fusion(view):
            self._set_fusion(view, up=key == "]")
        else:
            self._change(press(key, state.options, image_box(view)), view)

    def _change(self, options: DisplayOptions, view: View) -> None:
        if not self._state.change(options):
            self._state.emit("no value inside that region of interest: it stays as it was", view.now)


def _frame_at(point: tuple[int, int], view: View, size: tuple[int, int]) -> Frame | None:
    """The image that a pixel of the window lies in; None outside the images."""
    for frame in () if view.waiting else frames_of(view, image_area(*size)):
        if 0 <= point[0] - frame.x < frame.width and 0 <= point[1] - frame.y < frame.height:
            return frame
    return None


def _position(point: tuple[int, int], frame: Frame) -> tuple[float, float]:
    """x and z in mm of a pixel of the window, or of the nearest one that lies in this image."""
    column = min(max(point[0] - frame.x, 0), frame.width - 1)
    row = min(max(point[1] - frame.y, 0), frame.height - 1)
    return frame.position(column + 0.5, row + 0.5)


def _save(image: Image, view: View) -> str:
    """Save the image as it stands, without names; the answer is the notice to show."""
    pair = f"-{view.strain.post_index}" if view.strain is not None else ""
    path = view.options.save_folder / f"musse-{time.strftime('%Y%m%d-%H%M%S')}{pair}.png"
    try:
        save_png(render(for_export(view), (image.shape[1], image.shape[0])), path, facts_of(view))
    except ToolError as error:
        return str(error)
    return f"saved {path.name} in {path.absolute().parent}"
