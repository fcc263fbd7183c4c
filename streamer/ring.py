"""The only object both threads share: preallocated frame slots; the oldest is overwritten first and every
overwrite is reported.

The receiver thread claims a slot, fills it and commits it; the main thread asks for the next pair and gives
it back. A slot on loan is never overwritten, nor is the key frame. With a history of s frames and one pair at
a time s + 5 slots never make the receiver wait: s + 1 on loan, a key frame, one being filled, one newest,
one spare; every further pair at the same time takes two more.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from streamer.errors import MessageRefused
from streamer.frame import RfFrame, view_samples
from streamer.headers import RfHeader
from streamer.pairing import FramePair

SPARE_SLOTS = 5  # with one pair at a time; one of them for a key frame
SLOTS_OF_PAIR = 2
MAX_SLOTS = 1024  # of tiny frames: the search for a free slot is linear

Choose = Callable[[RfFrame, Sequence[RfFrame]], FramePair]


@dataclass(eq=False, slots=True)
class Slot:
    """Memory for one frame. `payload` is exactly as long as the frame that is being received."""

    memory: NDArray[np.uint8]
    payload: NDArray[np.uint8] = field(init=False)
    frame: RfFrame | None = None
    loans: int = 0
    pending: bool = False
    """Committed and not yet taken as a post."""

    def __post_init__(self) -> None:
        self.payload = self.memory


class FrameRing:
    """Frames between the receiver thread and the main thread.

    A frame is refused where `history` frames before the newest do not fit; where more do, up to `reach` are
    kept, and then up to `pairs` pairs are lent at the same time. `on_overwritten(n)` is called, from either
    thread, for accepted frames that will never become a post.
    """

    def __init__(
        self,
        max_bytes: int,
        history: int,
        *,
        reach: int = 0,
        pairs: int = 1,
        keep_all: bool,
        on_overwritten: Callable[[int], None],
    ) -> None:
        self._max_bytes = max_bytes
        self._wanted = max(history, reach) + SPARE_SLOTS
        self._wanted_pairs = pairs
        self._fewest = history + SPARE_SLOTS
        self._most = MAX_SLOTS if keep_all else self._wanted + SLOTS_OF_PAIR * (pairs - 1)
        self._keep_all = keep_all
        self._on_overwritten = on_overwritten
        self._changed = threading.Condition()
        self._slots: list[Slot] = []
        self._order: list[Slot] = []  # committed slots, oldest first
        self._capacity = 0
        self._key: RfFrame | None = None
        self._woken = False

    @property
    def frame_bytes(self) -> int:
        """Size of the largest frame so far, which every slot holds; 0 before the first."""
        return self._capacity

    @property
    def history(self) -> int:
        """How many frames before the newest are kept; 0 before the first frame."""
        return max(0, len(self._slots) - SPARE_SLOTS - SLOTS_OF_PAIR * (self.pairs - 1))

    @property
    def pairs(self) -> int:
        """How many pairs may be on loan at the same time."""
        more = max(0, len(self._slots) - self._wanted) // SLOTS_OF_PAIR
        return min(self._wanted_pairs, 1 + more)

    def claim(self, nbytes: int) -> Slot:
        """Memory for a frame of `nbytes`; the oldest frame is overwritten if nothing is free.

        Raises MessageRefused('too_large') where the ring cannot hold enough such frames.
        """
        with self._changed:
            if nbytes > self._capacity:
                self._allocate(nbytes)
            slot = self._free_slot()
            slot.payload = slot.memory[:nbytes]
            slot.loans = 1  # the receiver's own loan while it fills the slot
            return slot

    def commit(self, slot: Slot, header: RfHeader, received: float) -> None:
        """The claimed slot holds a whole, checked frame: make it the newest."""
        with self._changed:
            slot.frame = RfFrame(header, view_samples(header, slot.payload), received)
            slot.loans, slot.pending = 0, True
            self._order.append(slot)
            self._changed.notify_all()

    def abandon(self, slot: Slot) -> None:
        """The claimed slot will not be used."""
        with self._changed:
            slot.loans, slot.frame = 0, None

    def next_pair(self, choose: Choose, timeout: float) -> FramePair | None:
        """The next post with its pre, on loan until `give_back`; None when none came in time or at `wake`.

        With keep_all the oldest waiting frame is the post; otherwise the newest, and those it passes over
        count as overwritten.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._woken or self._any_pending(), timeout)
            self._woken = False
            if not self._any_pending():
                return None
            waiting = [slot for slot in self._order if slot.pending]
            chosen = waiting[0] if self._keep_all else waiting[-1]
            passed = 0 if self._keep_all else len(waiting) - 1
            for slot in waiting[:passed]:
                slot.pending = False
            chosen.pending = False
            pair = self._lent(chosen, choose)
        if passed:
            self._on_overwritten(passed)
        return pair

    def wake(self) -> None:
        """Let the next call of `next_pair`, or one that waits, return at once. Any thread."""
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    def give_back(self, pair: FramePair, key: RfFrame | None = None) -> None:
        """End the loan of both frames; the key frame stays on loan until a call names another or none."""
        with self._changed:
            for slot in self._slots:
                if slot.frame is not None:
                    slot.loans += (slot.frame is key) - (slot.frame is self._key)
            self._key = key
            self._lend(pair, -1)

    def waiting(self) -> int:
        """Frames committed and not yet taken."""
        with self._changed:
            return sum(slot.pending for slot in self._order)

    def _any_pending(self) -> bool:
        return any(slot.pending for slot in self._order)

    def _lent(self, post: Slot, choose: Choose) -> FramePair:
        """The pair that ends in this slot's frame, on loan."""
        if post.frame is None:
            raise AssertionError("a pending slot has a frame")  # cannot happen: commit sets both
        earlier = [slot.frame for slot in self._order[: self._order.index(post)] if slot.frame]
        pair = choose(post.frame, earlier)
        self._lend(pair, +1)
        return pair

    def _lend(self, pair: FramePair, change: int) -> None:
        for slot in self._slots:
            if slot.frame is not None and (slot.frame is pair.pre or slot.frame is pair.post):
                slot.loans += change

    def _allocate(self, nbytes: int) -> None:
        """Larger frames than ever before: new slots; frames still waiting in the old ones are lost."""
        if self._fewest * nbytes > self._max_bytes:
            detail = (
                f"a frame of {nbytes} bytes needs a ring of {self._fewest * nbytes} bytes; "
                f"input.ring_bytes is {self._max_bytes}"
            )
            raise MessageRefused("too_large", detail)
        lost = sum(slot.pending for slot in self._order)
        count = min(self._max_bytes // nbytes, self._most)
        self._slots = [Slot(np.empty(nbytes, np.uint8)) for _ in range(count)]
        self._order, self._capacity = [], nbytes
        if lost:
            self._on_overwritten(lost)

    def _free_slot(self) -> Slot:
        for slot in self._slots:
            if slot.frame is None and not slot.loans:
                return slot
        # one is always free: of `history` + 5 slots at most 3 are on loan, a pair and a key frame
        slot = next(slot for slot in self._order if not slot.loans)
        self._order.remove(slot)
        slot.frame = None
        if slot.pending:
            slot.pending = False
            self._on_overwritten(1)
        return slot
