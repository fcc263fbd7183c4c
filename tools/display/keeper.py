"""Asks the tape process beside the node, from a thread of its own: the window never waits for it."""

import queue
import threading
from types import TracebackType
from typing import Final, Self

from streamer.curve import PLAIN, Security
from tools.errors import ToolError
from tools.tape.protocol import KEPT_SECONDS, SAVE_WITHIN, KeepClient, keep_request, saved_text

ASK_EVERY: Final = 1.0  # s between two looks at how much is held
PATIENCE: Final = 1.0  # s for an answer about that


class Keeper:
    """Freeze, keep and the seconds held. Its methods belong to the window's thread, except `_run`."""

    def __init__(self, address: str, client: str, security: Security = PLAIN) -> None:
        self.held: float | None = None
        """s that the tape process holds; None where none answers."""
        self.recording = False
        """Whether a recording runs that was announced to the tape process."""
        self._address, self._client, self._security = address, client, security
        self._asked: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._notices: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="keeper")
        self._frozen = False

    def freeze(self, frozen: bool) -> None:
        """Hold the span before now until it is called with False."""
        if frozen != self._frozen:
            self._frozen = frozen
            self._asked.put("freeze" if frozen else "unfreeze")

    @property
    def offered(self) -> float:
        """s that `keep` would save now: the last ones, or all that the freeze pins."""
        return (self.held or 0.0) if self._frozen else min(self.held or 0.0, KEPT_SECONDS)

    def keep(self) -> None:
        """Save the last seconds, or all that the freeze pins; `notice` names the file."""
        self._asked.put("keep")

    def notice(self) -> str | None:
        """What there is to show to the viewer, once."""
        try:
            return self._notices.get_nowait()
        except queue.Empty:
            return None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._asked.put("end")
        self._thread.join()

    def _run(self) -> None:
        with KeepClient(self._address, self._client, self._security) as client:
            while (asked := self._next()) != "end":
                try:
                    if asked == "keep":
                        saved = client.ask(keep_request(frozen=self._frozen), SAVE_WITHIN)
                        self._notices.put(saved_text(saved))
                    elif asked:
                        client.ask({"do": asked}, PATIENCE)
                    else:
                        state = client.ask({"do": "state"}, PATIENCE)
                        self.held, self.recording = state["seconds"], bool(state.get("recording"))
                except ToolError as error:
                    if asked == "keep":
                        self._notices.put(f"not saved: {error}")
                    elif not asked:
                        self.held, self.recording = None, False

    def _next(self) -> str:
        """What is asked for; empty where only the seconds are to be looked at."""
        try:
            return self._asked.get(timeout=ASK_EVERY)
        except queue.Empty:
            return ""
