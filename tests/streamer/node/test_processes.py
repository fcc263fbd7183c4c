"""The node as a process: signals, exit codes, addresses in use."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq

from streamer.headers import RfHeader
from streamer.wire import decode, unpack_header
from tests.root import ROOT
from tests.streamer.node.node_harness import Scanner, write_cycle

NOBODY = "tcp://127.0.0.1:9"
RUN = ("-m", "tools", "run", "--no-keep", "--json", "--bind", "tcp://127.0.0.1:*", "--http", "127.0.0.1:0")


class Process(subprocess.Popen[str]):
    """A process that notes how quick this computer is just now."""

    def __init__(self, *given: Any, **options: Any) -> None:
        self._started = time.monotonic()
        super().__init__(*given, **options)

    def started(self) -> None:
        """Its first line has come."""
        self._took = time.monotonic() - self._started

    @property
    def soon(self) -> float:
        """s within which it ends: 2, or where this computer is busy what the start has taken."""
        return max(2.0, self._took)


@contextlib.contextmanager
def process(*arguments: str) -> Iterator[Process]:
    child = Process(
        [sys.executable, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE"},
    )
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


def line(child: Process) -> dict[str, Any]:
    assert child.stdout is not None
    text = child.stdout.readline()
    child.started()
    assert text, child.communicate()[1]
    fields: dict[str, Any] = json.loads(text)
    return fields


def end(child: Process, number: int = signal.SIGTERM) -> tuple[float, str, str]:
    """(seconds from the signal to the end, stdout, stderr); fails after forty."""
    begun = time.monotonic()
    child.send_signal(number)
    out, err = child.communicate(timeout=40)
    return time.monotonic() - begun, out, err


@pytest.mark.alone
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_node_without_a_peer_ends_cleanly(number: int) -> None:
    with process(*RUN, "--engine", "trivial", "--connect", NOBODY) as child:
        assert line(child)["event"] == "ready"
        seconds, out, err = end(child, number)
        assert child.returncode == 0, err
        assert seconds < child.soon
        assert json.loads(out.splitlines()[-1])["received"] == 0
        assert "Traceback" not in err


@pytest.mark.alone
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_signal_breaks_off_an_inference(number: int) -> None:
    with Scanner() as scanner, process("tests/streamer/node/slow_node.py", scanner.address) as child:
        scanner.wait_for_node()
        scanner.send_all([0, 1])
        assert child.stdout is not None
        assert child.stdout.readline() == "thinking\n"
        child.started()
        seconds, out, err = end(child, number)
        assert child.returncode == 0, err
        assert seconds < child.soon
        assert out == "2 1 0\n"  # two received, one broken off, none unaccounted for


@pytest.mark.alone
def test_a_node_that_loads_its_engine_ends_without_waiting_for_it() -> None:
    with process(*RUN, "--engine", "reference", "--connect", NOBODY) as child:
        line(child)
        seconds, out, err = end(child)
        assert child.returncode == 0, err
        assert seconds < child.soon
        assert json.loads(out.splitlines()[-1])["event"] == "summary"


def test_a_node_works_from_ready_to_summary() -> None:
    options = ("--engine", "trivial", "--policy", "every", "--connect")
    with Scanner() as scanner, process(*RUN, *options, scanner.address) as child:
        ready = line(child)
        scanner.wait_for_node()
        scanner.send_all(range(5))
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        results = context.socket(zmq.SUB)
        results.subscribe(b"strain/")
        results.connect(ready["results"])
        sent = 5
        while not (results.poll(100) and decode(results.recv_multipart()).arrays):
            scanner.send(sent)  # a late joiner hears what comes from now on
            sent += 1
            assert sent < 200
        results.close(0)
        context.term()
        _, out, err = end(child)
    summary = json.loads(out.splitlines()[-1])
    assert child.returncode == 0, err
    assert summary["unaccounted"] == 0
    assert summary["received"] + summary["lost"] <= sent
    assert summary["published_valid"] > 0


@pytest.mark.parametrize("option", ["--bind", "--http"])
def test_an_address_in_use_is_exit_code_6_and_names_the_setting(option: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        given = f"tcp://{address}" if option == "--bind" else address
        arguments = [*RUN, "--engine", "trivial", "--connect", NOBODY, option, given]
        with process(*arguments) as child:
            _, err = child.communicate(timeout=40)
    assert child.returncode == 6
    assert address in err
    assert {"--bind": "output.bind", "--http": "http.bind"}[option] in err
    assert "Traceback" not in err


def test_a_replay_at_a_terminal_waits_for_a_listener_and_goes_back_and_forth(tmp_path: Path) -> None:
    """Frames 0 to 3 are the recording: a listener that comes late sees the first one, and those after it."""
    pty = pytest.importorskip("pty")  # not on Windows
    file = tmp_path / "scan.h5"
    write_cycle(file, frames=4)
    master, terminal = pty.openpty()
    context = zmq.Context()
    try:
        command = [sys.executable, "-m", "tools", "replay", str(file), "--bind", "tcp://127.0.0.1:*"]
        with subprocess.Popen(
            command, stdin=terminal, stdout=terminal, stderr=subprocess.PIPE, cwd=ROOT
        ) as child:
            ready = os.read(master, 200).decode()
            with context.socket(zmq.SUB) as link:
                link.setsockopt(zmq.RCVTIMEO, 40_000)
                link.connect(ready.split()[-1])
                link.subscribe(b"rf/")
                headers = [unpack_header(link.recv_multipart()[1]) for _ in range(6)]
            child.terminate()
            _, err = child.communicate(timeout=40)
    finally:
        context.term()
        os.close(master)
        os.close(terminal)
    assert [h.frame_index for h in headers if isinstance(h, RfHeader)] == list(range(6))
    assert b"waiting for 1 to subscribe" in err


@pytest.mark.alone
def test_a_replay_ends_cleanly_on_a_signal_while_it_waits_for_subscribers(tmp_path: Path) -> None:
    file = tmp_path / "scan.h5"
    write_cycle(file)
    options = ("--bind", "tcp://127.0.0.1:*", "--json", "--wait-subscribers", "1")
    with process("-m", "tools", "replay", str(file), *options) as child:
        assert line(child)["event"] == "ready"
        seconds, out, err = end(child)
        assert child.returncode == 0, err
        assert seconds < child.soon
        assert json.loads(out.splitlines()[-1])["sent"] == 0
