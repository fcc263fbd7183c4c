"""Checks of the addresses: who answers there, what is published, at which rate, from which source."""

import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Final

import zmq

from streamer.config import Config
from streamer.errors import ConfigError, MessageRefused
from streamer.headers import RfHeader, StatusHeader
from streamer.link import CLOSES, NO_PEER, NOT_ALLOWED, PEER, Link, wait_any
from streamer.rf_message import read_rf_header, read_rf_payload
from streamer.sockets import OVERHEAD_BYTES, open_context
from streamer.wire import decode, unpack_header
from tools.doctor.findings import Finding
from tools.keep import reachable

LISTEN: Final = 2.0
"""s of listening at each address."""
CLOCK_OFF: Final = 1.0
"""s by which the clocks of scanner and computer may differ."""
_UP: Final = PEER[zmq.EVENT_HANDSHAKE_SUCCEEDED]
_HUNG_UP: Final = PEER[zmq.EVENT_DISCONNECTED]


@dataclass
class Heard:
    """What came from one address."""

    address: str
    peers: set[str] = field(default_factory=set)
    """States of the other end that were seen."""
    times: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    """s of arrival of each good message, by kind and source."""
    refused: Counter[str] = field(default_factory=Counter)
    rf: RfHeader | None = None
    status: StatusHeader | None = None
    clock_ahead: float | None = None
    """s by which the scanner's clock is ahead of this computer's; None unless it sends unix time."""

    def update(self, parts: list[memoryview]) -> None:
        """Count one message."""
        now = time.monotonic()
        try:
            header = unpack_header(parts[1]) if len(parts) > 1 else None
            if isinstance(header, RfHeader):
                read_rf_payload(parts, read_rf_header(parts))
                self.rf = header
                if header.clock == "unix" and header.origin == "live":
                    self.clock_ahead = header.t_acq * 1e-9 - time.time()
            else:
                header = decode([bytes(part) for part in parts]).header
        except MessageRefused as refusal:
            self.refused[refusal.reason] += 1
            return
        if isinstance(header, StatusHeader):
            self.status = header
        kind = header.schema_name.removeprefix("musse.")
        self.times.setdefault((kind, header.source_id), []).append(now)

    def kinds(self) -> set[str]:
        """Kinds of the good messages."""
        return {kind for kind, _ in self.times}

    def published(self) -> str:
        """Each kind with source and rate, in words."""
        return ", ".join(
            f"{kind} of source {source}{_rate(times)}" for (kind, source), times in sorted(self.times.items())
        )


def listen(config: Config, seconds: float) -> tuple[Heard, Heard]:
    """What comes from the addresses of RF and of results within `seconds`. Raises ConfigError."""
    with ExitStack() as closing:
        context = open_context(config.security.load())
        closing.callback(context.term)
        links: dict[Link, Heard] = {}
        for address, setting in (
            (config.input.connect, "input.connect"),
            (reachable(config.output.bind), "output.bind"),
        ):
            link = Link(
                context,
                address,
                [b""],
                high_water_mark=64,
                setting=setting,
                max_part_bytes=config.input.max_frame_bytes + OVERHEAD_BYTES,
                server="rf" if setting == "input.connect" else "node",
            )
            closing.callback(link.close)
            links[link] = Heard(address)
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            ready = wait_any(list(links), left)
            for link, heard in links.items():
                heard.peers.add(link.peer)
                if link in ready:
                    heard.update(link.receive())
    rf, results = links.values()
    return rf, results


def check_rf(heard: Heard, source: str) -> Finding:
    """The link to the scanner bridge; `source` is the configured source_id, '' for any."""
    name, at = "rf", f"the RF address {heard.address}"
    if (
        silent := _silent(name, at, heard, "start the scanner bridge or `musse-stream replay FILE`")
    ) is not None:
        return silent
    text = f"{at} publishes {heard.published() or 'nothing that the protocol allows'}"
    sources = sorted({sender for kind, sender in heard.times if kind == "rf"})
    if heard.rf is not None:
        text += f", {heard.rf.shape[0]} samples x {heard.rf.shape[1]} lines"
    remedies = []
    if not sources:
        remedies.append("let input.connect name the scanner bridge, not the node's results")
    elif source and source not in sources:
        text += f"; the configuration accepts source {source} alone"
        remedies.append(f"set input.source to {' or '.join(sources)}, or leave it empty")
    elif len(sources) > 1 and not source:
        remedies.append("set input.source: the node takes the first source that sends")
    if heard.refused:
        text += _refused(heard)
        remedies.append("docs/protocol.md lists each reason with its remedy")
    if heard.clock_ahead is not None and abs(heard.clock_ahead) > CLOCK_OFF:
        side = "ahead of" if heard.clock_ahead > 0 else "behind"
        text += f"; its clock is {abs(heard.clock_ahead):.1f} s {side} this computer's"
        remedies.append("synchronise both clocks (NTP)")
    if remedies:
        return Finding(name, "attention", text, "; ".join(remedies))
    return Finding(name, "ok", text)


def check_results(heard: Heard) -> Finding:
    """The node's results, and the state that the node itself reports."""
    name, at = "results", f"the address of results {heard.address}"
    if (silent := _silent(name, at, heard, "start the node: musse-stream run")) is not None:
        return silent
    if heard.status is None:
        text = f"{at} publishes {heard.published() or 'nothing that the protocol allows'}{_refused(heard)}"
        return Finding(
            name, "attention", text, "output.bind has to be an address of its own, not that of the RF"
        )
    status = heard.status
    text = f"{at} publishes {heard.published()}; the node is {status.state}, engine {status.engine}"
    if status.reasons:
        text += f": {'; '.join(status.reasons)}"
    if status.state in ("LIVE", "REPLAY"):
        return Finding(name, "ok", text)
    return Finding(name, "attention", text, "see the section 'No strain image' of docs/operation.md")


def check_addresses(config: Config, seconds: float) -> list[Finding]:
    """The findings of both addresses."""
    try:
        rf, results = listen(config, seconds)
    except ConfigError as error:
        return [Finding("rf", "fault", str(error), "correct the address in the configuration")]
    return [check_rf(rf, config.input.source), check_results(results)]


def _silent(name: str, at: str, heard: Heard, start: str) -> Finding | None:
    """The finding where no message came at all."""
    if heard.times or heard.refused:
        return None
    if NOT_ALLOWED in heard.peers:
        text = f"what listens at {at} does not allow the key of this computer"
        return Finding(name, "fault", text, "add it there: `musse-stream keys show` here, `keys allow` there")
    return _unpublished(name, at, heard, start)


def _unpublished(name: str, at: str, heard: Heard, start: str) -> Finding:
    """The finding where this computer is not refused."""
    if {_UP, _HUNG_UP} <= heard.peers:
        text = f"the link to {at} breaks again and again: its messages are too large"
        return Finding(name, "attention", text, "raise input.max_frame_bytes above the size of a frame")
    if _UP in heard.peers:
        text = f"a ZeroMQ program listens at {at} but published nothing meanwhile"
        return Finding(name, "attention", text, "is the scanner frozen, or the replay over? Start it again")
    if CLOSES in heard.peers:
        text = f"what listens at {at} does not publish by ZeroMQ: it closes every link as it opens"
        remedy = "let the bridge publish with a PUB socket, change the port if another program has it, or "
        remedy += "compare the keys of [security] on both computers"
        return Finding(name, "fault", text, remedy)
    if heard.peers - {NO_PEER}:
        text = f"what listens at {at} does not publish by ZeroMQ"
        remedy = "another program has this port: change the port, or end the program; or it wants a key"
        return Finding(name, "fault", text, remedy)
    return Finding(name, "attention", f"nothing listens at {at}", f"{start}, or correct the address")


def _rate(times: list[float]) -> str:
    if len(times) < 2 or times[-1] == times[0]:
        return " (one message)"
    return f" at {(len(times) - 1) / (times[-1] - times[0]):.1f}/s"


def _refused(heard: Heard) -> str:
    if not heard.refused:
        return ""
    counts = ", ".join(f"{count} {reason}" for reason, count in heard.refused.items())
    return f"; messages that were refused: {counts}"
