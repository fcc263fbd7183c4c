"""Frames seen before, recognised by their samples, with whatever was computed of each. NumPy only."""

from typing import Final, Generic, TypeVar

import numpy as np

from engine.spec import FrameArray

MAX_FRAMES: Final = 66  # a pair at the largest stride, 64, every frame in between, and one to spare
MAX_BYTES: Final = 64 * 2**20
BYTES_PER_SAMPLE: Final = 12  # about: the samples, and the normalised frame
SPARSE: Final = (slice(None, None, 61), slice(None, None, 7))  # of a frame: enough to distinguish most frames

Value = TypeVar("Value")


def capacity_for(shape: tuple[int, int]) -> int:
    """How many frames of `shape` are remembered: 2 to `MAX_FRAMES`, within `MAX_BYTES`."""
    return int(np.clip(MAX_BYTES // (BYTES_PER_SAMPLE * shape[0] * shape[1]), 2, MAX_FRAMES))


class FrameMemory(Generic[Value]):
    """The last `capacity` frames. Frames are copied: a caller may overwrite its own. One thread."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._entries: list[tuple[FrameArray, Value]] = []  # the first goes first

    def find(self, frame: FrameArray) -> Value | None:
        """What is remembered of a frame with these samples, if anything."""
        for samples, value in reversed(self._entries):
            if samples.dtype != frame.dtype or not np.array_equal(samples[SPARSE], frame[SPARSE]):
                continue
            if np.array_equal(samples, frame):
                return value
        return None

    def update(self, frame: FrameArray, value: Value, *, keep: bool = True) -> Value | None:
        """Remember a frame that `find` did not find, and return what was remembered of one that had to go.

        Without `keep` it is the next to go: a pre frame that was no post before, which at any stride is not
        used again, must not push out post frames, which are.
        """
        gone = self._entries.pop(0)[1] if len(self._entries) == self.capacity else None
        self._entries.insert(len(self._entries) if keep else 0, (frame.copy(), value))
        return gone

    def clear(self) -> None:
        """Forget every frame."""
        self._entries.clear()
