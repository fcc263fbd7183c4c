"""The last B-mode images, exposed as a console would, and found again by their frame."""

from collections import deque
from typing import Final

from streamer.headers import BmodeHeader
from streamer.wire import Message
from tools.display.colors import exposure
from tools.display.options import DisplayOptions
from tools.display.view import BmodeImage

_KEPT: Final = 32  # images: results of a slow engine lag that far behind at most


class BmodeImages:
    """One source's newest images. One thread."""

    def __init__(self) -> None:
        self._images: deque[BmodeImage] = deque(maxlen=_KEPT)

    @property
    def newest(self) -> BmodeImage | None:
        """The last one; None before the first."""
        return self._images[-1] if self._images else None

    def update(self, message: Message) -> bool:
        """Include a B-mode message; False where it lacks its image.

        It is exposed as the first image of its geometry was: an exposure that followed every frame would
        flicker, and hide what the operator does to the gain.
        """
        header, image = message.header, message.arrays.get("bmode")
        if not isinstance(header, BmodeHeader) or image is None:
            return False
        before = self.newest
        if before is not None and before.grid == header.grid:
            gain = before.exposure_db
        else:
            gain = exposure(image, header.dynamic_range_db, DisplayOptions().bmode_range)
        frame = (header.session_id, header.frame_index)
        self._images.append(BmodeImage(image, header.grid, header.dynamic_range_db, frame, gain))
        return True

    def of(self, session_id: str, frame_index: int) -> BmodeImage | None:
        """The image of this frame; None where it has not come or is gone."""
        frame = (session_id, frame_index)
        return next((image for image in reversed(self._images) if image.frame == frame), None)
