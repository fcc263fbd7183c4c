"""A scanner, a node and a listener around real sockets, for tests of what happens to frames."""

import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import zmq
from numpy.typing import NDArray

from streamer.beside import Compile
from streamer.builder import OpenEngine
from streamer.config import Config
from streamer.config_file import load_config
from streamer.headers import BmodeHeader, FusedHeader, StatusHeader, StrainHeader
from streamer.node import Ready, Summary, run
from streamer.stopping import Stop
from streamer.wire import Message, decode, encode
from tests.echo_frames import cycle, rf_header
from tools.formats import Acquisition, write_recording

PATIENCE = 20.0  # s, far beyond what any step takes on a busy machine
Compiles = Callable[[Stop], Compile] | None
H = TypeVar("H", StrainHeader, FusedHeader, BmodeHeader, StatusHeader)


def write_cycle(path: Path, frames: int = 12) -> None:
    """A recording of that hand, at 50 frames/s."""
    with write_recording(path, Acquisition.from_header(rf_header(0))) as recording:
        for index in range(frames):
            recording.append(cycle(index), t_acq=index * 20_000_000, frame_index=index)


class Scanner:
    """Publishes frames as a bridge would. Sends only while someone is subscribed, so that none is lost."""

    def __init__(self, address: str = "tcp://127.0.0.1:*") -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.XPUB)
        self._socket.setsockopt(zmq.XPUB_VERBOSE, 1)
        self._socket.sndhwm = 1000
        self._socket.bind(address)
        self.address = self._socket.getsockopt_string(zmq.LAST_ENDPOINT)
        self.sent = 0

    def wait_for_node(self) -> None:
        """Until a node has subscribed anew."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if self._socket.poll(100) and self._socket.recv()[:1] == b"\x01":
                return
        raise AssertionError("no node came")

    def send(self, index: int, samples: NDArray[Any] | None = None, **changes: Any) -> None:
        """One frame; `changes` go into its header."""
        samples = cycle(index) if samples is None else samples
        self.send_parts(encode("rf", rf_header(index, **changes), (samples,)))

    def send_all(self, indices: Iterable[int]) -> None:
        """Several frames at once."""
        for index in indices:
            self.send(index)

    def send_parts(self, parts: list[bytes | memoryview]) -> None:
        """Anything at all."""
        self._socket.send_multipart(parts)
        self.sent += 1

    def close(self) -> None:
        self._socket.close(0)
        self._context.term()

    def __enter__(self) -> "Scanner":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class Listener:
    """Hears every result of a node, in order."""

    def __init__(self, address: str, topics: tuple[bytes, ...] = (b"strain/", b"status/")) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.SUB)
        self._socket.rcvhwm = 10_000
        for topic in topics:
            self._socket.subscribe(topic)
        self._socket.connect(address)
        self.strain: list[Message] = []
        """Every strain message so far."""
        self.strain_headers: list[StrainHeader] = []
        """Their headers."""
        self.next(StatusHeader)  # from here on nothing is missed

    def next(self, kind: type[H], when: Callable[[H], bool] = lambda header: True) -> Message:
        """The next message of this kind for which `when` is true."""
        end = time.monotonic() + PATIENCE
        last = None
        while time.monotonic() < end:
            if not self._socket.poll(100):
                continue
            message = decode(self._socket.recv_multipart())
            if isinstance(message.header, StrainHeader):
                self.strain.append(message)
                self.strain_headers.append(message.header)
            if isinstance(message.header, kind):
                last = message.header
                if when(message.header):
                    return message
        raise AssertionError(f"no {kind.__name__} as expected; the last one was {last}")

    def strain_of(self, post_index: int) -> StrainHeader:
        """The header of the strain message that ends in this frame."""
        header = self.next(StrainHeader, lambda header: header.post_index == post_index).header
        assert isinstance(header, StrainHeader)
        return header

    def status(self, when: Callable[[StatusHeader], bool] = lambda header: True) -> StatusHeader:
        header = self.next(StatusHeader, when).header
        assert isinstance(header, StatusHeader)
        return header

    def close(self) -> None:
        self._socket.close(0)
        self._context.term()


class RunningNode:
    """A node in a thread of its own."""

    def __init__(self, config: Config, open_engine: OpenEngine | None, compiles: Compiles = None) -> None:
        self._stop = Stop()
        self._compile = compiles(self._stop) if compiles else None
        self._ready = threading.Event()
        self.results = ""
        self.http: str | None = None
        self.summary: Summary | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(config, open_engine), name="node")
        self._thread.start()
        assert self._ready.wait(PATIENCE), "the node did not start"
        self._raise_error()
        assert self.results, "the node ended at once"

    def get(self, path: str) -> tuple[int, str]:
        """Status and body of an HTTP path."""
        try:
            with urllib.request.urlopen(f"http://{self.http}{path}", timeout=PATIENCE) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def wait_for_metric(self, line: str) -> None:
        """Until /metrics has this line, also while the main thread is busy and sends no status."""
        end = time.monotonic() + PATIENCE
        while line not in self.get("/metrics")[1].splitlines():
            assert time.monotonic() < end, f"{line!r} did not come"

    def join(self) -> None:
        """Wait until it ends by itself; raises what ended it."""
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "the node goes on"
        self._raise_error()

    def stop(self) -> Summary:
        """End it; what became of every frame, after a check that every frame became something."""
        self._stop.set()
        self.join()
        summary = self.summary
        assert summary is not None
        no_value = sum(summary.rejected.values())
        ended = sum(summary.refused.values()) + summary.overwritten + summary.published_valid + no_value
        assert summary.received == ended + summary.in_flight, summary
        assert summary.unaccounted == 0, summary
        return summary

    def _raise_error(self) -> None:
        if self._error is not None:
            self._thread.join()
            raise self._error

    def _run(self, config: Config, open_engine: OpenEngine | None) -> None:
        try:
            self.summary = run(
                config,
                self._stop,
                on_ready=self._on_ready,
                open_engine=open_engine,
                compile_engine=self._compile,
            )
        except BaseException as error:  # noqa: BLE001 - raised again in the test's thread
            self._error = error
        finally:
            self._ready.set()

    def _on_ready(self, ready: Ready) -> None:
        self.results, self.http = ready.results, ready.http
        self._ready.set()


class Setup:
    """Scanner, node and listener of one test; everything it opened is closed by `close`."""

    def __init__(self) -> None:
        self.late = 0
        """Frames sent after a later one: their hole was counted as lost, and then they came."""
        self._scanner: Scanner | None = None
        self._node: RunningNode | None = None
        self._listeners: list[Listener] = []

    @property
    def running(self) -> bool:
        """Whether there is a node to be checked at the end."""
        return self._node is not None

    @property
    def node(self) -> RunningNode:
        assert self._node is not None
        return self._node

    @property
    def scanner(self) -> Scanner:
        if self._scanner is None:
            self._scanner = Scanner()
        return self._scanner

    def start(
        self,
        open_engine: OpenEngine | None = None,
        connect: str = "",
        compiles: Compiles = None,
        **sections: Mapping[str, Any],
    ) -> tuple[RunningNode, Listener]:
        """A node that is connected to the scanner, and a listener that receives all its messages."""
        settings: dict[str, dict[str, Any]] = {
            "input": {"connect": connect or self.scanner.address},
            "output": {"bind": "tcp://127.0.0.1:*", "status_interval": 0.05, "high_water_mark": 64},
            "http": {"bind": ""},
            "engine": {"name": "trivial"},
            "pairing": {"policy": "every"},
        }
        for section, values in sections.items():
            settings[section] = {**settings.get(section, {}), **values}
        config = load_config(Path("fine"), settings)  # neighbours are pairs
        self._node = RunningNode(config, open_engine, compiles)
        listener = self.listen()
        if not connect:
            self.scanner.wait_for_node()
        return self._node, listener

    def listen(self, *topics: bytes) -> Listener:
        """One more listener."""
        assert self._node is not None
        self._listeners.append(Listener(self._node.results, *([topics] if topics else [])))
        return self._listeners[-1]

    def settle(self, listener: Listener) -> StatusHeader:
        """Wait until every frame sent has come or is counted as lost, and none is in flight."""
        return listener.status(
            lambda s: s.received + s.lost - self.late == self.scanner.sent and s.in_flight == 0
        )

    def finish(self) -> Summary:
        """Stop the node; sent = received + lost, and every frame received has an end."""
        assert self._node is not None, "no node was started"
        summary = self._node.stop()
        if self._scanner is not None:
            assert self._scanner.sent == summary.received + summary.lost - self.late, summary
        return summary

    def ended(self) -> None:
        """The node ended with an error, as the test wants it: there is no summary to check."""
        self._node = None

    def close(self) -> None:
        for listener in self._listeners:
            listener.close()
        if self._scanner is not None:
            self._scanner.close()
        if self._node is not None and self._node.summary is None:
            self._node.stop()
