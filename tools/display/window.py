"""The one place that touches the screen."""

import ctypes
import os
import sys
from dataclasses import dataclass
from types import TracebackType
from typing import Final

import cv2

from tools.display.colors import Image
from tools.display.render import MIN_SIZE, SIZE
from tools.errors import NoScreen

TITLE: Final = "musse-stream"
FULL_HD: Final = (1920, 1080)
_F11: Final = (0xFFC8, 0x7A0000)  # codes of OpenCV on X11 and on Windows
_REMEDY: Final = "without a screen use --headless --seconds 20 --save out.png"


def check_screen() -> None:
    """Raise NoScreen where no window can open, or this OpenCV was built without windows.

    OpenCV's Qt aborts the whole process when it finds no X server, so this asks the same library (libxcb)
    for a connection first. Windows and macOS always have a screen.
    """
    if not cv2.currentUIFramework():
        raise NoScreen(
            "this OpenCV cannot open windows: opencv-python-headless replaced opencv-python. "
            f"Remove both, then `pip install opencv-python`; {_REMEDY}"
        )
    if not sys.platform.startswith("linux"):
        return
    if not os.environ.get("DISPLAY"):
        wayland = (
            ", and OpenCV cannot use Wayland without Xwayland" if "WAYLAND_DISPLAY" in os.environ else ""
        )
        raise NoScreen(f"no screen: DISPLAY is not set{wayland}; {_REMEDY}")
    try:
        xcb = ctypes.CDLL("libxcb.so.1")
    except OSError as error:
        raise NoScreen(f"no screen: libxcb.so.1 is not installed; {_REMEDY}") from error
    xcb.xcb_connect.restype = ctypes.c_void_p
    connection = ctypes.c_void_p(xcb.xcb_connect(None, None))
    failed = xcb.xcb_connection_has_error(connection)
    xcb.xcb_disconnect(connection)  # also frees a failed connection
    if failed:
        raise NoScreen(f"no screen: nothing answers at DISPLAY={os.environ['DISPLAY']}; {_REMEDY}")


def drawing_size(width: int, height: int) -> tuple[int, int]:
    """The size to draw in for a window of this size: its shape, so that mm stay true.

    Never smaller than MIN_SIZE. On screens above full HD it is smaller than the window, in steps of a half:
    the window enlarges the image, so text grows with the screen, and a 4K screen costs no more than full HD.
    """
    if width <= 0 or height <= 0:
        return SIZE
    smaller = max(1.0, round(2 * min(width / FULL_HD[0], height / FULL_HD[1])) / 2)
    width, height = round(width / smaller), round(height / smaller)
    larger = max(1.0, MIN_SIZE[0] / width, MIN_SIZE[1] / height)
    return round(width * larger), round(height * larger)


@dataclass(frozen=True, slots=True)
class Mouse:
    """What the mouse did since the last look; pixels of the image that was shown."""

    at: tuple[int, int] | None
    """Where it is; None before it entered the window."""
    dragged: tuple[tuple[int, int], tuple[int, int]] | None
    """Start and end of a drag with the left button that has ended."""


class DisplayWindow:
    """The OpenCV window. One thread only. Raises NoScreen where none can open.

    On a busy machine Qt now and then never paints a fresh window; it stays black until it is closed or the
    display is started anew. No remedy is known: docs/decisions/0015.
    """

    def __init__(self, address: str = "") -> None:
        check_screen()
        if sys.platform.startswith("linux"):
            os.environ["QT_QPA_PLATFORM"] = (
                "xcb"  # the one platform the wheel brings; others abort the process
            )
        self._at: tuple[int, int] | None = None
        self._pressed_at: tuple[int, int] | None = None
        self._dragged: tuple[tuple[int, int], tuple[int, int]] | None = None
        self._full_screen = False
        # GUI_NORMAL: no tool and status bar, whose text would need fonts that the wheel does not bring.
        # FREERATIO: the image is drawn in the window's own size. KEEPRATIO would report the size of the
        # last image inside the window, and its borders would stay for ever.
        cv2.namedWindow(TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_FREERATIO | cv2.WINDOW_GUI_NORMAL)
        cv2.resizeWindow(TITLE, *SIZE)
        cv2.setWindowTitle(TITLE, f"{TITLE} {address}".strip())  # two displays differ in the task bar
        cv2.setMouseCallback(TITLE, self._on_mouse)

    def show(self, image: Image) -> None:
        """Put an image into the window; it is painted by the next `keys`."""
        cv2.imshow(TITLE, image)

    def keys(self) -> list[str]:
        """Let the window live, and hand out the keys pressed since the last call."""
        pressed = []
        while (code := cv2.pollKey()) != -1:
            if code in _F11:
                pressed.append("F11")
            elif 0 < code < 128:  # arrows and the like have larger codes, other ones on every system
                pressed.append(chr(code))
        return pressed

    def mouse(self) -> Mouse:
        """What the mouse did since the last call."""
        dragged, self._dragged = self._dragged, None
        return Mouse(self._at, dragged)

    def toggle_full_screen(self) -> None:
        """Fill the screen, or become a window again."""
        self._full_screen = not self._full_screen
        mode = cv2.WINDOW_FULLSCREEN if self._full_screen else cv2.WINDOW_NORMAL
        cv2.setWindowProperty(TITLE, cv2.WND_PROP_FULLSCREEN, mode)

    def _on_mouse(self, event: int, x: int, y: int, flags: int, param: object) -> None:
        self._at = (x, y)
        if event == cv2.EVENT_LBUTTONDOWN:
            self._pressed_at = (x, y)
        elif event == cv2.EVENT_LBUTTONUP and self._pressed_at is not None:
            self._dragged, self._pressed_at = (self._pressed_at, (x, y)), None

    @property
    def closed(self) -> bool:
        """Whether the viewer closed it."""
        try:
            return cv2.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) < 1
        except cv2.error:  # Qt gave up its last window and with it everything that could answer
            return True

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels to draw an image in: the window's, or of its shape and MIN_SIZE."""
        _, _, width, height = cv2.getWindowImageRect(TITLE)
        return drawing_size(width, height)

    def __enter__(self) -> "DisplayWindow":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.closed:
            cv2.destroyWindow(TITLE)
            cv2.pollKey()  # Qt takes it off the screen in its own event loop
