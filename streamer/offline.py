"""The one frame loop, and its offline form: frames of any source through pairing and step to messages.

    frame -> admission -> Pairing.choose -> StrainStep.run -> Pairing.report_outcome -> hold the key frame

The node takes pairs from its ring, which the receiver thread fills with admitted frames; recordings and the
evaluation take them from `FrameHistory`. `next_message` is what both run.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

from streamer.admission import Admission
from streamer.config import Config
from streamer.errors import MessageRefused
from streamer.frame import RfFrame
from streamer.geometry import check_frame
from streamer.headers import RfHeader
from streamer.pairing import FramePair, Pairing
from streamer.step import StrainMessage, StrainStep
from streamer.stopwatch import Stopwatch

Choose = Callable[[RfFrame, Sequence[RfFrame]], FramePair]
Refused = Callable[[RfHeader, MessageRefused], None]


class PairSource(Protocol):
    """Where the loop takes pairs from."""

    def next_pair(self, choose: Choose, timeout: float) -> FramePair | None:
        """The next post with its pre, on loan until `give_back`; None where no frame came in time."""
        ...

    def give_back(self, pair: FramePair, key: RfFrame | None) -> None:
        """End the loan of the pair, but keep the key frame."""
        ...


def next_message(
    source: PairSource,
    pairing: Pairing,
    run: Callable[[FramePair], StrainMessage],
    timeout: float = 0.0,
) -> StrainMessage | None:
    """The message of the source's next pair; None where no frame came in time (s).

    `run` computes the message; it may use the frames until it returns. Its outcome is reported to the
    pairing before the next pair is chosen. Raises what `run` raises, after giving the pair back.
    """
    pair = source.next_pair(pairing.choose, timeout)
    if pair is None:
        return None
    try:
        message = run(pair)
        pairing.report_outcome(pair, message.header)
    finally:
        source.give_back(pair, pairing.key)
    return message


def strain_messages(
    frames: Iterable[RfFrame],
    config: Config,
    step: StrainStep,
    on_refused: Refused = lambda header, refused: None,
) -> Iterator[StrainMessage]:
    """One message per admitted frame, in order.

    Frames that the live node would refuse are reported to `on_refused` and make no pair. The frames' samples
    must stay as they are while the pairing may still ask for them.
    """
    pairing = Pairing(config.pairing)
    source = FrameHistory(frames, config, pairing.reach, on_refused)
    while True:
        message = next_message(source, pairing, lambda pair: step.run(pair, Stopwatch()))
        if message is None:
            return
        yield message


class FrameHistory:
    """Pairs of frames that come one after the other, all of them kept in memory as long as needed."""

    def __init__(self, frames: Iterable[RfFrame], config: Config, history: int, on_refused: Refused) -> None:
        self._config = config
        self._frames = iter(frames)
        self._history: deque[RfFrame] = deque(maxlen=history)
        self._admission = Admission()
        self._on_refused = on_refused

    def next_pair(self, choose: Choose, timeout: float = 0.0) -> FramePair | None:
        """The next admitted frame with its pre; None at the end of the frames. Never waits."""
        for frame in self._frames:
            try:
                self._admission.check(frame.header, now=0.0)
                check_frame(frame.header, frame.samples, self._config)
                self._admission.accept(frame.header, now=0.0)
            except MessageRefused as refused:
                self._on_refused(frame.header, refused)
                continue
            return choose(frame, list(self._history))
        return None

    def give_back(self, pair: FramePair, key: RfFrame | None) -> None:
        """The post becomes history; `Pairing` itself holds the key."""
        self._history.append(pair.post)
