"""A scanner, `musse-stream run` and a viewer around it, for as long as one likes."""

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import psutil
import zmq

from streamer.errors import MessageRefused
from streamer.headers import StrainHeader
from streamer.wire import decode, encode
from tests.echo_frames import cycle, rf_header
from tests.streamer.node.node_harness import Scanner
from tests.tools.programs import Program

INTERVAL = 0.1  # s between two frames
SAMPLED = 1.0  # s between two looks at the processes


@dataclass
class Life:
    """What one process used, at each look."""

    role: str
    seconds: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)
    """MB of anonymous memory: pages of files are the system's to take back."""
    files: list[int] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)


class Bench:
    """Sends frames from a thread of its own, and follows the results in another."""

    def __init__(self, arguments: tuple[str, ...], seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.index, self.clock, self.sent = -1, 0, 0
        self._sessions = 0
        self.session = "soak-0"
        self._lock = threading.RLock()  # frames of the thread and of a fault share one socket
        self._paused_until = 0.0
        self._ended = threading.Event()
        self._scanner = Scanner()
        given = ("--connect", self._scanner.address, "--bind", "tcp://127.0.0.1:0", "--http", "127.0.0.1:0")
        self.running = Program(("run", *given, *arguments, "--json"), {})
        ready = self.running.event("ready")
        self.results, self.http = ready["results"], ready["http"]
        self.last_result: tuple[str, int, float] = ("", -1, 0.0)
        """Session, frame and time of the newest strain message that holds a value."""
        self.lives: dict[int, Life] = {}
        self._threads = [threading.Thread(target=task) for task in (self._scan, self._view, self._look)]
        for thread in self._threads:
            thread.start()

    def node(self) -> psutil.Process:
        """The process of the node that runs now."""
        return self.running.child("node")

    def send(self, parts: list[bytes | memoryview]) -> None:
        """One message on the RF link."""
        with self._lock:
            self._scanner.send_parts(parts)

    def send_frame(self, index: int) -> None:
        """A good frame under this number."""
        header = rf_header(index, session_id=self.session, t_acq=self.clock + index * 100_000_000)
        self.send(encode("rf", header, (cycle(index),)))
        self.sent += 1

    def pause(self, seconds: float) -> None:
        """Send nothing for so long."""
        self._paused_until = time.monotonic() + seconds
        time.sleep(seconds)

    def restart_scanner(self, after: float) -> None:
        """Another process of the scanner at the same address, with a session of its own."""
        with self._lock:
            address = self._scanner.address
            self._scanner.close()
            time.sleep(after)
            self._scanner = Scanner(address)
            self._sessions += 1
            self.session, self.index = f"soak-{self._sessions}", -1

    def recovered_within(self, seconds: float) -> float | None:
        """Seconds until a result of frames sent from now on holds a value; None where none comes in time."""
        begun, session, index = time.monotonic(), self.session, self.index
        while time.monotonic() - begun < seconds:
            at = self.last_result
            if at[0] == session and at[1] > index:
                return time.monotonic() - begun
            time.sleep(0.02)
        return None

    def end(self, number: int) -> int:
        """End everything; the exit code of `run`."""
        self._ended.set()
        for thread in self._threads:
            thread.join()
        code = self.running.end(number)
        self._scanner.close()
        return code

    def _scan(self) -> None:
        while not self._ended.wait(INTERVAL):
            if time.monotonic() >= self._paused_until:
                with self._lock:
                    self.index += 1
                    self.send_frame(self.index)

    def _view(self) -> None:
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        with context.socket(zmq.SUB) as viewer:
            viewer.subscribe(b"strain/")
            viewer.connect(self.results)
            while not self._ended.is_set():
                if viewer.poll(100):
                    self._follow(viewer.recv_multipart())
        context.term()

    def _follow(self, parts: list[bytes]) -> None:
        try:
            header: Any = decode(parts).header
        except MessageRefused:
            return
        if isinstance(header, StrainHeader) and header.rejection is None:
            self.last_result = (header.session_id, header.post_index, time.monotonic())

    def _look(self) -> None:
        begun = time.monotonic()
        while not self._ended.wait(SAMPLED):
            root = psutil.Process(self.running.process.pid)
            for process in (root, *root.children()):
                try:
                    role = next((r for r in ("node", "tape") if r in process.cmdline()), "run")
                    memory, files, threads = (
                        _anonymous(process.pid),
                        process.num_fds(),
                        process.num_threads(),
                    )
                except (psutil.Error, OSError):
                    continue  # it has just ended
                life = self.lives.setdefault(process.pid, Life(role))
                life.seconds.append(time.monotonic() - begun)
                life.memory.append(memory)
                life.files.append(files)
                life.threads.append(threads)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()
        self.running.__exit__(*error)
        self._scanner.close()


def _anonymous(pid: int) -> float:
    """MB."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    kb = [line.split()[1] for line in status.splitlines() if line.startswith("RssAnon:")]
    if not kb:
        raise psutil.ZombieProcess(pid)
    return int(kb[0]) / 1024
