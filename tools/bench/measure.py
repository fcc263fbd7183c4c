"""One run of the benchmark and its figures.

`step` is what the node's step spends on a pair: the engine, judging and fusion. `node_added` is the time from
a frame's send call to its strain's arrival at a listener, less that step: both hops, checks, waiting,
encoding and publishing. `bare` is the time from the same send call to the end of a plain pyzmq
receive and copy of the same frame, in another process of the same run.
"""

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import zmq

from streamer.headers import StatusHeader
from streamer.sockets import Socket, bind_publisher, bound_address, open_context
from streamer.stopping import Stop
from streamer.subscriber import Subscriber
from streamer.wire import encode
from tools.bench.stages import stage_times
from tools.children import Child, child
from tools.errors import NodeEnded, NothingReceived
from tools.formats import Recording
from tools.machine import machine
from tools.playback import playback

PACKAGES = ("musse-stream", "torch", "numpy", "scipy", "pyzmq")
WARM_UP_FRAMES = 10  # the engine is built on the first one; they are not measured
SETTLE = 30.0  # s for the engine to be built and the first results to come
DRAIN = 2.0  # s for the last ones
POLL = 0.1  # s
HIGH_WATER_MARK = 64
STEP_STAGES: Final = ("prepare", "upload", "infer", "post", "fuse")


def measure(
    recording: Recording,
    *,
    config: Path | None,
    engine: str,
    device: str | None = None,
    weights: Path | None = None,
    rate: float,
    seconds: float,
    displays: int,
    stop: Stop,
    folder: Path,
) -> dict[str, Any]:
    """Send the recording, bounced, at `rate` Hz for `seconds`; returns counts, times in ms and environment.

    `displays` headless displays watch strain, B-mode and status; their images go to `folder`. `config`
    is the node's; what the arguments name replaces it.
    Raises NothingReceived where no result comes, NodeEnded where the node ends by itself, ToolError where
    another process does.
    """
    context = open_context()
    link = bind_publisher(
        context,
        "tcp://127.0.0.1:0",
        high_water_mark=HIGH_WATER_MARK,
        setting="the address of the frames",
        every_request=True,
    )
    address = bound_address(link)
    with ExitStack() as closing:
        closing.callback(context.term)
        closing.callback(link.close, 0)
        node = closing.enter_context(
            child(
                "run",
                "--no-keep",
                "--connect",
                address,
                "--bind",
                "tcp://127.0.0.1:0",
                "--http",
                "",
                "--json",
                "--engine",
                engine,
                *([] if config is None else ["--config", str(config)]),
                *([] if weights is None else ["--weights", str(weights)]),
                *([] if device is None else ["--device", device]),
            )
        )
        results = node.wait_for("ready")["results"]
        bare = closing.enter_context(child("bare", address, module="tools.bench.peer"))
        listener = closing.enter_context(child("strain", results, module="tools.bench.peer"))
        for peer in (bare, listener):
            peer.wait_for("ready")
        for number in range(displays):
            image = str(folder / f"display-{number}.png")
            closing.enter_context(
                child("display", "--connect", results, "--headless", "--save", image, "--overwrite", "--json")
            )
        _await_subscribers(link, 2)
        sent = _send(link, recording, rate, seconds, stop=stop, node=node, results=results)
        _await_frames(node, results, len(sent), DRAIN, stop)
        node.ask_to_stop()
        summary = node.wait_for("summary")
        stamps = [_stamps(peer) for peer in (bare, listener)]
    return {
        **_figures(sent, summary, *stamps),
        "engine": summary["engine"],
        "device": summary["device"],
        "rate": rate,
        "seconds": seconds,
        "shape": list(recording.shape),
        "dtype": str(recording.dtype),
        "displays": displays,
        "environment": {**machine(PACKAGES), "libzmq": zmq.zmq_version()},
    }


def _await_subscribers(link: Socket, count: int) -> None:
    for _ in range(count):
        if not link.poll(round(SETTLE * 1000)):
            raise NothingReceived("the node or the bare receiver did not subscribe in time")
        link.recv()


def _await_frames(node: Child, results: str, count: int, seconds: float, stop: Stop) -> None:
    """Until so many frames have come to an end in the node, or are lost; at most `seconds`.

    Raises NodeEnded where it ends instead.

    Subscribed only meanwhile: libzmq 4.3.5 aborts the process that does not read from a socket with
    heartbeats for longer than their timeout (libzmq issue 3937).
    """
    until = time.monotonic() + seconds
    with Subscriber(results, kinds=["status"]) as status:
        while time.monotonic() < until and not stop.is_set():
            if not node.running():
                raise NodeEnded(node.finish())
            for message in status.poll(timeout=POLL).messages:
                header = message.header
                if isinstance(header, StatusHeader) and _ended(header) >= count:
                    return


def _ended(header: StatusHeader) -> int:
    return header.received + header.lost - header.in_flight


def _send(
    link: Socket,
    recording: Recording,
    rate: float,
    seconds: float,
    *,
    stop: Stop,
    node: Child,
    results: str,
) -> dict[int, int]:
    """Send frames at `rate`; returns ns of the monotonic clock at the send call per frame index."""
    frames = [np.ascontiguousarray(recording.frame(i)) for i in range(recording.n_frames)]
    sent: dict[int, int] = {}
    begun = 0.0
    for cue in playback(recording.t_acq, recording.frame_index, "bounce", rate=rate):
        warming = cue.frame_index < WARM_UP_FRAMES
        if cue.frame_index in (
            0,
            1,
            WARM_UP_FRAMES,
        ):  # the engine is built on frame 0, while none wait behind
            _await_frames(node, results, cue.frame_index, SETTLE, stop)
            begun = time.perf_counter() - cue.offset_ns * 1e-9
        due = begun + cue.offset_ns * 1e-9
        if stop.wait(max(0.0, due - time.perf_counter())) or (
            not warming and cue.frame_index - WARM_UP_FRAMES >= rate * seconds
        ):
            break
        header = recording.header(
            cue.position, source_id="bench", session_id="1", frame_index=cue.frame_index
        )
        now = time.monotonic_ns()
        stamped = header.model_copy(update={"t_acq": now, "clock": "monotonic"})
        parts = encode("rf", stamped, (frames[cue.position],))
        sent[cue.frame_index] = time.monotonic_ns()
        link.send_multipart(parts)
    return sent


Stamps: TypeAlias = dict[int, tuple[int, dict[str, float]]]
"""ns of the monotonic clock at arrival and s of each stage, by frame index."""


def _stamps(peer: Child) -> Stamps:
    peer.ask_to_stop()
    return {index: (arrived, stages) for index, arrived, stages in peer.wait_for("stamps")["stamps"]}


def _figures(
    sent: dict[int, int],
    summary: dict[str, Any],
    bare: Stamps,
    results: Stamps,
) -> dict[str, Any]:
    measured = [index for index in results if index >= WARM_UP_FRAMES]
    if not measured:
        raise NothingReceived("no strain came: see the node's log above")
    stages = [results[i][1] for i in measured]
    total = [(results[i][0] - sent[i]) * 1e-9 for i in measured]
    step = [sum(pair.get(name, 0.0) for name in STEP_STAGES) * 1e3 for pair in stages]
    added = [whole * 1e3 - own for whole, own in zip(total, step, strict=True)]
    plain = [(bare[i][0] - sent[i]) * 1e-6 for i in bare if i >= WARM_UP_FRAMES]
    times = {
        f"{name}_p{percent}_ms": round(float(np.percentile(values, percent)), 3)
        for name, values in (("step", step), ("node_added", added), ("bare", plain))
        for percent in (50, 99)
    }
    return {
        "frames_sent": len(sent),
        "frames_received": summary["received"],
        "frames_lost": summary["lost"],
        "frames_refused": sum(summary["refused"].values()),
        "frames_overwritten": summary["overwritten"],
        "measured_without_result": sum(i >= WARM_UP_FRAMES and i not in results for i in sent),
        "results_published": summary["published_valid"] + sum(summary["rejected"].values()),
        "results_with_values": summary["published_valid"],
        "frames_unaccounted": summary["unaccounted"] + len(sent) - summary["received"] - summary["lost"],
        **times,
        "stages": stage_times(stages, total),
        "node_added_over_bare_p50": round(times["node_added_p50_ms"] / times["bare_p50_ms"], 2),
        "node_added_over_bare_p99": round(times["node_added_p99_ms"] / times["bare_p99_ms"], 2),
    }
