"""What a pair costs by the size of its frames: time of the processor, and the frame rate that this allows.

python -m tools.bench.sizes DATA.json CHART.png
"""

import json
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.factory import Opener, load
from engine.spec import EngineSpec
from streamer.bmode_message import bmode_message
from streamer.config import Config
from streamer.frame import RfFrame, check_samples
from streamer.geometry import FrameRegion, engine_spec
from streamer.headers import RfHeader
from streamer.pairing import FramePair
from streamer.step import StrainStep
from streamer.stopwatch import Stopwatch
from tools.bench.ratios import pressed
from tools.machine import machine

SIZES: Final = ((500, 64), (1000, 64), (1000, 128), (2000, 128), (2000, 256), (4000, 256), (4000, 512))
ENGINES: Final = ("onnx", "reference")
RUNS: Final = 7
WIDTH: Final = 38.4e-3
"""m of tissue across, whatever the number of lines; the depth grows with the number of samples."""


def measured() -> Iterator[dict[str, Any]]:
    """Least processor ms of each part of a pair for every size and engine, one thread."""
    openers = {name: load(name) for name in ENGINES}
    for shape in SIZES:
        pitch = WIDTH / shape[1]
        spec = EngineSpec(shape=shape, sampling_frequency=40e6, center_frequency=5e6, line_pitch=pitch)
        frames = [_frame(index, samples, pitch) for index, samples in enumerate(_sequence(spec))]
        for name, opener in openers.items():
            yield {
                "engine": name,
                "shape": list(shape),
                "bytes": frames[0].samples.nbytes,
                **_costs(opener, frames, Config()),
            }


def _costs(opener: Opener, frames: list[RfFrame], config: Config) -> dict[str, float]:
    header = frames[0].header
    region = FrameRegion.whole(header)
    step = StrainStep(opener(engine_spec(header, region, config), "cpu"), region, config)
    pairs = [FramePair(pre, post, None) for pre, post in pairwise(frames)]
    return {
        "check": _least(lambda turn: check_samples(frames[turn].samples)),
        "step": _least(lambda turn: step.run(pairs[turn], Stopwatch())),
        "bmode": _least(lambda turn: bmode_message(frames[turn], config)),
    }


def _sequence(spec: EngineSpec) -> Iterator[NDArray[np.int16]]:
    """Pressed and released in turn; no two frames are equal, so each has to be prepared."""
    pair = pressed(spec)
    for turn in range(RUNS + 1):
        yield np.ascontiguousarray((pair[turn % 2] * (1.0 + 0.01 * turn)).astype(np.int16))


def _frame(index: int, samples: NDArray[np.int16], pitch: float) -> RfFrame:
    header = RfHeader(
        source_id="bench",
        session_id="1",
        frame_index=index,
        t_acq=index * 130_000_000,
        clock="monotonic",
        shape=samples.shape,
        axes="axial,lateral",
        dtype="<i2",
        kind="rf",
        sampling_frequency=40e6,
        center_frequency=5e6,
        probe_type="linear",
        line_pitch=pitch,
    )
    return RfFrame(header, samples, received=0.0)


def _least(task: Any) -> float:
    """ms of the processor; a busy machine makes it longer, never shorter."""
    times = []
    for turn in range(RUNS):
        begun = time.process_time()
        task(turn)
        times.append((time.process_time() - begun) * 1e3)
    return round(min(times[2:]), 2)


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Processor time of a pair against the number of samples, one line for each engine."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.add_subplot()
    for name in dict.fromkeys(row["engine"] for row in rows):
        own = [row for row in rows if row["engine"] == name]
        samples = [row["shape"][0] * row["shape"][1] for row in own]
        axes.loglog(samples, [row["step"] + row["bmode"] + row["check"] for row in own], "o-", label=name)
    for row in own:
        axes.annotate(
            "x".join(map(str, row["shape"])),
            (row["shape"][0] * row["shape"][1], row["step"] + row["bmode"] + row["check"]),
            textcoords="offset points", xytext=(0, -14), ha="center", fontsize=7,
        )  # fmt: skip
    for rate in (10, 20, 30, 60):
        axes.axhline(1000 / rate, color="0.7", linewidth=0.8)
        axes.text(3.3e4, 1000 / rate, f"{rate} frames/s on one core", fontsize=7, va="bottom", color="0.4")
    axes.set_yticks([10, 20, 50, 100, 200], labels=["10", "20", "50", "100", "200"])
    axes.set_yticks([], minor=True)
    axes.set_xlabel("samples in a frame")
    axes.set_ylabel("processor ms of a pair")
    axes.legend()
    figure.savefig(path, dpi=130)


if __name__ == "__main__":
    found = list(measured())
    data = {"environment": machine(("musse-stream", "torch", "onnxruntime", "numpy")), "sizes": found}
    Path(sys.argv[1]).write_text(json.dumps(data) + "\n", encoding="utf-8")
    draw(found, Path(sys.argv[2]))
