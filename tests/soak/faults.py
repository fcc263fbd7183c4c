"""What happens to a node in an hour of soaking: each fault is made, and the good frames go on after it."""

import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import numpy as np
import psutil
import zmq

from streamer.wire import encode
from tests.echo_frames import SHAPE, cycle, rf_header
from tests.soak.bench import Bench

GREATEST: Final = 17 * 2**20  # bytes, above input.max_frame_bytes


def silent_scanner(bench: Bench) -> None:
    bench.pause(1.0)


def scanner_restarts(bench: Bench) -> None:
    bench.restart_scanner(after=0.5)


def lost_frames(bench: Bench) -> None:
    bench.index += 7


def repeated_and_late_frames(bench: Bench) -> None:
    for back in (0, 0, 3, 5):
        bench.send_frame(max(bench.index - back, 0))


def rubbish_frames(bench: Bench) -> None:
    for _ in range(100):
        parts = [bench.rng.bytes(int(bench.rng.integers(1, 3000))) for _ in range(bench.rng.integers(1, 4))]
        bench.send([b"rf/bridge", *parts])


def oversize_message(bench: Bench) -> None:
    bench.send([b"rf/bridge", b"", bytes(GREATEST)])


def poisoned_header(bench: Bench) -> None:
    header = rf_header(2**62, session_id=bench.session, t_acq=0, payload_crc32=1)
    bench.send(encode("rf", header, (cycle(0),)))


def clock_jump(bench: Bench) -> None:
    bench.clock += 86_400_000_000_000


def other_geometry(bench: Bench) -> None:
    half = (SHAPE[0] // 2, SHAPE[1])
    for _ in range(4):
        bench.index += 1
        bench.send(
            encode(
                "rf",
                rf_header(bench.index, session_id=bench.session, shape=half),
                (np.ascontiguousarray(cycle(bench.index)[: half[0]]),),
            )
        )


def probe_in_the_air(bench: Bench) -> None:
    for _ in range(4):
        bench.index += 1
        bench.send(encode("rf", rf_header(bench.index, session_id=bench.session), (np.zeros(SHAPE, "<i2"),)))


def stalled_viewer(bench: Bench) -> None:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    with context.socket(zmq.SUB) as viewer:
        viewer.rcvhwm = 2
        viewer.subscribe(b"")
        viewer.connect(bench.results)
        time.sleep(1.0)  # never reads
    context.term()


def rubbish_on_the_results_port(bench: Bench) -> None:
    with _tcp(bench.results) as link, suppress(OSError):
        link.sendall(bench.rng.bytes(200_000))


def subscription_flood(bench: Bench) -> None:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    with context.socket(zmq.SUB) as viewer:
        viewer.connect(bench.results)
        for number in range(2000):
            viewer.subscribe(f"strain/{number}".encode())
        time.sleep(0.5)
    context.term()


def idle_connections(bench: Bench) -> None:
    links = [_tcp(bench.results) for _ in range(40)] + [_tcp(f"tcp://{bench.http}") for _ in range(20)]
    time.sleep(0.5)
    for link in links:
        link.close()


def suspended_node(bench: Bench) -> None:
    node = bench.node()
    node.send_signal(signal.SIGSTOP)
    time.sleep(1.5)
    node.send_signal(signal.SIGCONT)


def killed_tape(bench: Bench) -> None:
    for child in psutil.Process(bench.running.process.pid).children():
        with suppress(psutil.Error):
            if "tape" in child.cmdline():
                child.kill()


def killed_node(bench: Bench) -> None:
    bench.node().kill()


def hung_node(bench: Bench) -> None:
    bench.node().send_signal(signal.SIGSTOP)


SURVIVED: Final[tuple[Callable[[Bench], None], ...]] = (
    silent_scanner,
    scanner_restarts,
    lost_frames,
    repeated_and_late_frames,
    rubbish_frames,
    oversize_message,
    poisoned_header,
    clock_jump,
    other_geometry,
    probe_in_the_air,
    stalled_viewer,
    rubbish_on_the_results_port,
    subscription_flood,
    idle_connections,
    suspended_node,
    killed_tape,
)
"""Faults that the same process of the node lives through."""

REPLACED: Final[tuple[Callable[[Bench], None], ...]] = (killed_node, hung_node)
"""Faults after which another process takes its place."""


def _tcp(address: str) -> socket.socket:
    host, _, port = address.removeprefix("tcp://").rpartition(":")
    return socket.create_connection((host, int(port)), timeout=5.0)
