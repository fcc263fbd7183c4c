"""The newest results of a node, for displays and people's own viewers.

    with Subscriber("tcp://127.0.0.1:5561") as subscriber:
        for message in subscriber.poll(timeout=1.0).messages:
            print(message.header.schema_name, {name: a.shape for name, a in message.arrays.items()})

A ZeroMQ high-water mark keeps the old messages and drops the new ones, and CONFLATE loses the header of a
multipart message. So every poll empties the socket and hands out the newest message per kind and source.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final

import zmq

from streamer.curve import PLAIN, Security
from streamer.errors import MessageRefused
from streamer.headers import StrainHeader
from streamer.link import Link
from streamer.sockets import open_context
from streamer.wire import Message, decode, topic

KINDS: Final = ("strain", "fused", "bmode", "status")

_HIGH_WATER_MARK: Final = 4  # messages: a viewer that is late wants the newest, not a queue
_MAX_DRAIN: Final = 256  # messages per poll: a publisher that never pauses must not hold poll() for ever


@dataclass(frozen=True, slots=True)
class Received:
    """What one poll brought."""

    messages: list[Message] = field(default_factory=list)
    """The newest message of every kind and source, in the order they came."""
    strain_headers: list[StrainHeader] = field(default_factory=list)
    """Headers of all strain messages in order, those of skipped messages too: for a gapless trace."""
    refusal: str = field(default="", compare=False)
    """Why the other end takes no link of this one, in words; "" where that is not known."""


class Subscriber:
    """Newest-message subscriber of a node's results. One thread only: the one that opened it.

    `kinds` are those of the topics, `source` a source_id (None: all sources), `security` holds the keys of an
    encrypted link. It connects in the background: the node may start later, and may be restarted. Raises
    ConfigError for an impossible address.
    """

    def __init__(
        self,
        address: str = "tcp://127.0.0.1:5561",
        kinds: Sequence[str] = KINDS,
        source: str | None = None,
        security: Security = PLAIN,
    ) -> None:
        self.address = address
        self.skipped: Counter[str] = Counter()
        """Messages per kind that a newer one replaced before they were handed out."""
        self.refused: Counter[str] = Counter()
        """Messages that could not be decoded, per reason of `streamer.reasons.REFUSALS`."""
        self.last_refusal: str | None = None
        """What was wrong with the last refused message."""
        self._context = open_context(security)
        try:
            self._link = Link(
                self._context,
                address,
                [topic(kind, source or "") for kind in kinds],
                high_water_mark=_HIGH_WATER_MARK,
                setting="address of the results",
            )
        except BaseException:
            self._context.term()
            raise

    def poll(self, timeout: float = 0.0) -> Received:
        """Wait up to `timeout` seconds for a message, then hand out the newest of each kind and source.

        A message that breaks the protocol is counted in `refused`, and the good one before it stays the
        newest. An empty answer means that nothing came.
        """
        if not self._link.wait(timeout):
            return Received(refusal=self._link.refusal)
        newest: dict[tuple[str, str], Message] = {}
        headers: list[StrainHeader] = []
        for _ in range(_MAX_DRAIN):
            try:
                parts = [bytes(part) for part in self._link.receive()]
            except zmq.Again:
                break
            try:
                message = decode(parts)
            except MessageRefused as refusal:
                self.refused[refusal.reason] += 1
                self.last_refusal = str(refusal)
                continue
            kind = message.header.schema_name.removeprefix("musse.")
            key = (kind, message.header.source_id)
            self.skipped[kind] += key in newest
            newest.pop(key, None)  # so that the dict keeps the order of arrival
            newest[key] = message
            if isinstance(message.header, StrainHeader):
                headers.append(message.header)
        return Received(list(newest.values()), headers)

    def close(self) -> None:
        """Close the socket; nothing waits for the peer."""
        self._link.close()
        self._context.term()

    def __enter__(self) -> "Subscriber":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
