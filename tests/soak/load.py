"""Frames at a fixed rate to a node with tape and viewers, all counted and timed, and ten times too many.

    python -m tests.soak.load --seconds 600 --report FILE

`steady` sends 0.5 MB at 50 frames/s to `run` with its tape process and the page beside it; two viewers take
every result, and a third is stopped after a third of the time. `overload` finds what the network does here,
and then sends ten times as many for 5 s.
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import numpy as np
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from streamer.headers import StatusHeader
from streamer.subscriber import Subscriber
from streamer.wire import encode
from tests.echo_frames import STRAIN, echoes, rf_header
from tests.streamer.node.node_harness import Scanner
from tests.tools.programs import Program
from tools.bench.measure import STEP_STAGES
from tools.children import Child, child
from tools.machine import machine
from tools.processes import start
from tools.tape.protocol import KeepClient

SHAPE: Final = (2000, 128)  # int16: 0.5 MB
RATE: Final = 50.0  # Hz
STEPS: Final = (0, 1, 2, 3, 2, 1)
DRAINED_WITHIN: Final = 10.0  # s
WARM: Final = 10  # frames that are sent one by one while the engine is built
TIMES: Final = 10  # of what the network does
OVERLOAD: Final = 5.0  # s
PERCENT: Final = (50.0, 99.0, 99.9)
FRAMES: Final = [echoes(STRAIN * step, shape=SHAPE) for step in STEPS]

Stamps = dict[int, tuple[int, dict[str, float]]]
"""By frame: ns of the monotonic clock at a viewer, and s of each stage of the node."""


class Load:
    """A scanner and `run`; frames are sent in the caller's thread."""

    def __init__(self, engine: str, folder: Path, *, tape: bool) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.keep = f"tcp://127.0.0.1:{free.getsockname()[1]}"
        settings = folder / "load.toml"
        settings.write_text(f'[keep]\nbind = "{self.keep}"\nmemory = {2**28 if tape else 0}\n')
        self._settings, self._engine, self._tape = settings, engine, tape
        self._closing = ExitStack()
        self.sent: dict[int, int] = {}
        """ns of the monotonic clock at the send call, by frame."""

    def send(self, count: int, rate: float) -> None:
        """So many frames, each when it is due."""
        begun = time.perf_counter()
        for number in range(count):
            time.sleep(max(0.0, begun + number / rate - time.perf_counter()))
            self.send_frame()

    def send_frame(self) -> None:
        """The next frame; it was acquired now."""
        index, now = len(self.sent), time.monotonic_ns()
        header = rf_header(index, shape=SHAPE, t_acq=now, clock="monotonic")
        parts = encode("rf", header, (FRAMES[index % len(FRAMES)],))
        self.sent[index] = time.monotonic_ns()
        self.scanner.send_parts(parts)

    def warm(self) -> None:
        """Frames one by one, until the engine is built and has taken a pair."""
        for number in range(WARM):
            self.send_frame()
            if self._tape and number == 0:
                self.scanner.wait_for_node()  # its tape process follows once the node has a frame
            time.sleep(0.3)

    def viewer(self) -> Child:
        """One that takes every result and keeps when it came."""
        made = self._closing.enter_context(child("strain", self.results, module="tools.bench.peer"))
        made.wait_for("ready")
        return made

    def silent_viewer(self) -> "subprocess.Popen[str]":
        """One that can be stopped; it is killed at the end."""
        process = start(("strain", self.results), "tools.bench.peer")
        self._closing.callback(process.communicate)
        self._closing.callback(process.kill)
        assert process.stdout is not None
        assert "ready" in process.stdout.readline()
        return process

    def drain(self) -> None:
        """Wait until every frame has come to an end in the node, or is lost."""
        until = time.monotonic() + DRAINED_WITHIN
        with Subscriber(self.results, kinds=["status"]) as status:
            while time.monotonic() < until and not any(
                isinstance(header, StatusHeader)
                and header.received + header.lost - header.in_flight >= len(self.sent)
                for header in (message.header for message in status.poll(timeout=0.1).messages)
            ):
                pass

    def end(self) -> dict[str, Any]:
        """End the node; returns its summary."""
        assert self.run.end(signal.SIGTERM) == 0, self.run.err
        return self.run.event("summary")

    def __enter__(self) -> "Load":
        with ExitStack() as closing:
            self.scanner = closing.enter_context(Scanner())
            given = ("--config", str(self._settings), "--connect", self.scanner.address)
            bound = ("--bind", "tcp://127.0.0.1:0", "--http", "", "--engine", self._engine, "--json")
            self.run = closing.enter_context(Program(("run", *given, *bound), {}))
            self.results: str = self.run.event("ready")["results"]
            self.scanner.wait_for_node()
            self._closing = closing.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._closing.close()


def steady(seconds: float, folder: Path, engine: str = "trivial") -> dict[str, Any]:
    """Counts of frames and results, and times in ms; the tape is on, and one of three viewers is stopped."""
    count = round(seconds * RATE)
    with Load(engine, folder, tape=True) as load, ExitStack() as closing:
        viewers = [load.viewer(), load.viewer()]
        stopped = load.silent_viewer()
        closing.enter_context(page(load))
        load.warm()
        load.send(count // 3, RATE)
        stopped.send_signal(signal.SIGSTOP)
        load.send(count - count // 3, RATE)
        load.drain()
        with KeepClient(load.keep, "load") as keep:
            tape = keep.ask({"do": "state"})
        summary = load.end()
        seen = [stamps_of(viewer) for viewer in viewers]
    ended = summary["published_valid"] + sum(summary["rejected"].values())
    return {
        "rate": RATE,
        "seconds": seconds,
        "bytes a frame": FRAMES[0].nbytes,
        "engine": summary["engine"],
        "sent": len(load.sent),
        "received": summary["received"],
        "lost on the link": summary["lost"],
        "refused": sum(summary["refused"].values()),
        "overwritten": summary["overwritten"],
        "results published": ended,
        "unaccounted": summary["unaccounted"] + len(load.sent) - summary["received"] - summary["lost"],
        "results at the viewers": [len(stamps) for stamps in seen],
        "missed by the tape": tape["missed"],
        "ms": times(seen[0], load.sent),
    }


def overload(folder: Path, engine: str = "onnx") -> dict[str, Any]:
    """Age of the newest result while ten times too many frames come, and how soon it is back, in ms."""
    with Load(engine, folder, tape=False) as load:
        viewer = load.viewer()
        load.warm()
        per_pair = _step_ms(load)
        rate = TIMES * 1000.0 / per_pair
        begun = len(load.sent)
        load.send(round(OVERLOAD * rate), rate)
        ended = len(load.sent)
        after = 250.0 / per_pair  # a quarter of what it does
        load.send(round(3.0 * after), after)
        load.drain()
        summary = load.end()
        stamps = stamps_of(viewer)
    took = (load.sent[ended - 1] - load.sent[begun]) * 1e-9
    period = took / (ended - begun)
    ages = {
        index: (at - load.sent[index]) * 1e-9 - _step(stages) for index, (at, stages) in stamps.items()
    }  # s beyond the inference of the pair itself
    during = [age for index, age in ages.items() if begun <= index < ended]
    quiet = _last_late(ages, load.sent, ended, 2.0 / after)
    return {
        "engine": summary["engine"],
        "ms of a pair": round(per_pair, 1),
        "frames/s sent": round(1.0 / period, 1),
        "seconds": round(took, 2),
        "sent": len(load.sent),
        "lost on the link": summary["lost"],
        "overwritten": summary["overwritten"],
        "unaccounted": summary["unaccounted"] + len(load.sent) - summary["received"] - summary["lost"],
        "results": len(during),
        "in order": list(stamps) == sorted(stamps),
        "age beyond the inference, in periods": {
            f"p{q:g}": round(float(np.percentile(during, q)) / period, 2) for q in (50, 99, 100)
        },
        "age beyond the inference, ms": {
            f"p{q:g}": round(float(np.percentile(during, q)) * 1e3, 2) for q in (50, 99, 100)
        },
        "s until results are as young as before": quiet,
    }


def _step_ms(load: Load) -> float:
    """Median ms between the results of frames that come one after the other."""
    viewer = load.viewer()
    load.send(20, 5.0)
    time.sleep(0.5)
    return 1e3 * float(np.median([_step(stages) for _, stages in stamps_of(viewer).values()]))


def _last_late(ages: dict[int, float], sent: dict[int, int], ended: int, usual: float) -> float:
    """s from the last frame of the overload to the last one whose result was older than `usual` s."""
    late = [index for index, age in ages.items() if index >= ended and age > usual]
    return round((sent[max(late)] - sent[ended - 1]) * 1e-9, 2) if late else 0.0


def _step(stages: dict[str, float]) -> float:
    return sum(stages.get(name, 0.0) for name in STEP_STAGES)


def stamps_of(viewer: Child) -> Stamps:
    viewer.ask_to_stop()
    return {index: (at, stages) for index, at, stages in viewer.wait_for("stamps")["stamps"]}


def times(stamps: Stamps, sent: dict[int, int]) -> dict[str, dict[str, float]]:
    """Percentiles over all results but those of the first frames."""
    step = {index: 1e3 * _step(stages) for index, (_, stages) in stamps.items() if index >= WARM}
    added = [(stamps[index][0] - sent[index]) * 1e-6 - own for index, own in step.items()]
    return {
        name: {f"p{q:g}": round(float(np.percentile(values, q)), 2) for q in PERCENT}
        for name, values in (("step", list(step.values())), ("added", added))
    }


@contextmanager
def page(load: Load) -> Iterator[None]:
    """The page's server with one browser that draws every message at once."""
    given = ("web", "--connect", load.results, "--keep", load.keep, "--bind", "127.0.0.1:0", "--json")
    with Program(given, {}) as web:
        address = web.event("ready")["page"].replace("http://", "ws://") + "ws"
        with connect(address, max_size=None) as browser:

            def draw() -> None:
                with suppress(ConnectionClosed):
                    for message in browser:
                        if isinstance(message, bytes):
                            browser.send(json.dumps({"do": "next"}))

            drawing = threading.Thread(target=draw)
            drawing.start()
            try:
                yield
            finally:
                browser.close()
                drawing.join()


def main() -> None:
    """Both, to a report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--report", type=Path, required=True)
    given = parser.parse_args()
    report: dict[str, Any] = {"machine": machine(("numpy", "pyzmq", "onnxruntime", "musse-stream"))}
    with tempfile.TemporaryDirectory() as folder:
        parts: dict[str, Callable[[], dict[str, Any]]] = {
            "overload": lambda: overload(Path(folder)),
            "steady": lambda: steady(given.seconds, Path(folder)),
        }
        for name, part in parts.items():
            before = os.getloadavg()[0]
            report[name] = {**part(), "load before": round(before, 1)}
            given.report.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
