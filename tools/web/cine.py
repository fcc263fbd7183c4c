"""The last images in memory, found by number: what freeze and the slider go back to."""

from bisect import bisect_left
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from tools.display.view import BmodeImage
from tools.measure.frames import ImageFrame

SECONDS: Final = 60.0
_LATE: Final = 8  # images that a B-mode may lag behind
MAX_BYTES: Final = 384 * 2**20  # 60 s of 256 x 128 maps at 20 frames/s


def with_bmode(image: ImageFrame, own: BmodeImage) -> ImageFrame:
    """The image beside the B-mode of the same frame."""
    return replace(
        image,
        bmode=own.image,
        bmode_grid=own.grid,
        dynamic_range_db=own.dynamic_range_db,
        exposure_db=own.exposure_db,
    )


@dataclass(frozen=True, slots=True, eq=False)
class CineFrame:
    """One image."""

    number: int
    """Running number of this server."""
    image: ImageFrame


class Cine:
    """The newest images within `SECONDS` and `limit` bytes. One thread, or under its owner's lock.

    While pinned nothing is let go; what does not fit then is not held, and counted, but for the newest image:
    that is what a live page shows.
    """

    def __init__(self, limit: int = MAX_BYTES) -> None:
        self.limit = limit
        self.not_held = 0
        """Images that had no room since the pin."""
        self._frames: deque[CineFrame] = deque()
        self._unheld: CineFrame | None = None  # the newest image, while there is no room for it
        self._bytes = 0
        self._pins: set[object] = set()

    def __iter__(self) -> Iterator[CineFrame]:
        return iter(self._frames)

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def newest(self) -> CineFrame | None:
        """The newest image, whether it had room or not; None before the first."""
        return self._unheld or (self._frames[-1] if self._frames else None)

    @property
    def seconds(self) -> float:
        """From the oldest image to the newest."""
        return self._frames[-1].image.time - self._frames[0].image.time if self._frames else 0.0

    def append(self, frame: CineFrame) -> None:
        """Take the newest image; its number is above all others."""
        if self._pins and self._bytes + frame.image.nbytes > self.limit:
            self.not_held += 1
            self._unheld = frame
            return
        self._unheld = None
        self._frames.append(frame)
        self._bytes += frame.image.nbytes
        while not self._pins and len(self._frames) > 1 and self._too_much():
            self._bytes -= self._frames.popleft().image.nbytes

    def complete(self, own: BmodeImage) -> None:
        """Put a B-mode to its strain image: it follows on the wire, and may come in a later message."""
        unheld = self._unheld
        if unheld is not None and (unheld.image.session_id, unheld.image.frame_index) == own.frame:
            self._unheld = replace(unheld, image=with_bmode(unheld.image, own))
            return
        for at in range(len(self._frames) - 1, max(len(self._frames) - _LATE, -1), -1):
            frame = self._frames[at]
            if (frame.image.session_id, frame.image.frame_index) == own.frame:
                if frame.image.bmode is None:
                    self._frames[at] = replace(frame, image=with_bmode(frame.image, own))
                    self._bytes += own.image.nbytes
                return

    def get(self, number: int) -> CineFrame | None:
        """The image of this number, or the nearest that is still held; None where none is."""
        if not self._frames:
            return None
        at = bisect_left(self._frames, number, key=lambda frame: frame.number)
        return self._frames[min(at, len(self._frames) - 1)]

    def pin(self, who: object) -> None:
        """Hold everything until `who` unpins."""
        self._pins.add(who)

    def unpin(self, who: object) -> None:
        """Let go again, once nobody pins."""
        self._pins.discard(who)
        if not self._pins:
            self.not_held = 0

    def _too_much(self) -> bool:
        return self._bytes > self.limit or self.seconds > SECONDS
