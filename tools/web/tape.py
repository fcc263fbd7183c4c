"""The tape process as the page uses it: its pin, its saving, and frames older than the server's memory.

Everything here waits for a socket: call it from a thread that may wait.
"""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from streamer.curve import Security
from tools.errors import ToolError
from tools.measure.frames import ImageFrame
from tools.measure.offline import of_wire
from tools.measure.ratio import strongest_of_presses
from tools.tape.protocol import SAVE_WITHIN, KeepClient, keep_request, saved_text

PATIENCE: Final = 3.0  # s for an answer that writes nothing: a busy machine takes its time
SEARCHING: Final = 0.5  # s for the first answer: most pages run beside a tape process or without one


@dataclass(frozen=True, slots=True)
class Older:
    """A frame that the tape process holds and the server does not."""

    source: str
    session: str
    frame_index: int
    time: float
    """Unix time of arrival, s."""
    mean_strain: float | None


class TapeLink:
    """One tape process. Its methods may be called from any thread."""

    def __init__(self, address: str, security: Security) -> None:
        self.seconds: float | None = None
        """s that it holds, as of the last `look`; None where none answers."""
        self.recording = False
        self._address, self._security = address, security
        self._lock = threading.Lock()
        self._client = KeepClient(address, "page", security)

    def close(self) -> None:
        """Close the socket."""
        with self._lock:
            self._client.close()

    def look(self, frozen: Sequence[str]) -> None:
        """Ask how much is held, in the name of every browser that has frozen: its pin would end otherwise."""
        patience = SEARCHING if self.seconds is None else PATIENCE
        try:
            with self._lock:
                for name in frozen or [""]:
                    state = self._client.ask({"do": "state", "client": name}, patience)
            self.seconds, self.recording = state["seconds"], bool(state.get("recording"))
        except ToolError:
            self.seconds, self.recording = None, False

    def freeze(self, name: str) -> list[Older]:
        """Pin everything held until now; the frames with an image among it, oldest first."""
        if self.seconds is None:
            return []
        try:
            with self._lock:
                self._client.ask({"do": "freeze", "client": name}, PATIENCE)
                rows = self._client.ask({"do": "frames", "client": name}, PATIENCE)["frames"]
        except ToolError:
            self.seconds = None
            return []
        return [
            Older(source, session, index, received, mean)
            for source, session, index, received, kinds, mean, *_ in rows
            if "fused" in kinds
        ]

    def unfreeze(self, name: str) -> None:
        """Let go again."""
        if self.seconds is None:
            return
        try:
            with self._lock:
                self._client.ask({"do": "unfreeze", "client": name}, PATIENCE)
        except ToolError:
            self.seconds = None

    def keep(self, name: str, *, frozen: bool) -> str:
        """Save what was just seen; how much and where, in words. Raises ToolError."""
        if self.seconds is None:
            raise ToolError(f"nothing to save: no tape process answers at {self._address}")
        with KeepClient(self._address, name, self._security) as client:
            return saved_text(client.ask(keep_request(frozen=frozen), SAVE_WITHIN))

    def image(self, older: Older) -> ImageFrame:
        """The image of one frame. Raises ToolError where it is not held any more."""
        with self._lock:
            messages = self._client.frame(
                older.source, older.session, older.frame_index, ("strain", "fused", "bmode")
            )
        image = of_wire(messages, older.time)
        if image is None:
            raise ToolError(f"frame {older.frame_index} is not held any more")
        return image

    def images(self, rows: Sequence[Older]) -> Iterator[ImageFrame]:
        """Those images that are still held."""
        for row in rows:
            try:
                yield self.image(row)
            except ToolError:
                continue

    def presses_before(self, older: Older, rows: Sequence[Older]) -> list[ImageFrame]:
        """The strongest image of each press that ends with this one; see `strongest_of_presses`."""
        before = [row for row in rows if row.session == older.session and row.time <= older.time]
        return list(self.images(strongest_of_presses(before)))
