"""Soaks a node in faults and reports: `python -m tests.soak.soak --seconds 3600 --report FILE`."""

import argparse
import json
import logging
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from tests.soak.bench import Bench, Life
from tests.soak.faults import REPLACED, SURVIVED
from tools.machine import machine

BACK_WITHIN: Final = 10.0  # s from the end of a fault to the next value
LATEST: Final = 60.0  # s after which nothing more is awaited
SETTLED: Final = 120.0  # s of a process in which caches and pools still fill

log = logging.getLogger(__name__)


Fault = Callable[[Bench], None]


def random_faults(seconds: float, seed: int = 0) -> Iterator[Fault]:
    """Faults in random order for so long.

    Those that replace the node's process come in the first third alone, so that one process lives long enough
    for its memory to be measured.
    """
    rng, begun = np.random.default_rng(seed), time.monotonic()
    while True:
        faults = SURVIVED + (REPLACED if time.monotonic() - begun < seconds / 3 else ())
        for number in rng.permutation(len(faults)):
            if time.monotonic() - begun > seconds:
                return
            yield faults[number]


def soak(faults: Iterable[Fault], every: float, *arguments: str, seed: int = 0) -> dict[str, Any]:
    """Run a node with these `arguments` and make one fault `every` s; returns the report."""
    back: dict[str, list[float | None]] = defaultdict(list)
    with Bench((*arguments, "--engine", "onnx"), seed) as bench:
        begun = time.monotonic()
        first = bench.recovered_within(LATEST)
        for fault in faults:
            due = time.monotonic() + every
            fault(bench)
            back[fault.__name__].append(bench.recovered_within(LATEST))
            log.info("%s: %s s", fault.__name__, back[fault.__name__][-1])
            time.sleep(max(0.0, due - time.monotonic()))
        lasted = time.monotonic() - begun
        code = bench.end(signal.SIGTERM)
        summary = bench.running.event("summary")
        traceback = any("Traceback" in line for line in bench.running.err)
    return {
        "machine": machine(("numpy", "pyzmq", "onnxruntime", "musse-stream")),
        "seconds": round(lasted),
        "first value after": first,
        "faults": {
            name: {"times": len(found), "late": _late(found), "slowest": _largest(found)}
            for name, found in sorted(back.items())
        },
        "frames sent": bench.sent,
        "exit code": code,
        "traceback": traceback,
        "restarts": summary["restarts"],
        "unaccounted": summary["unaccounted"],
        "processes": [_of(life) for life in bench.lives.values() if life.seconds[-1] - life.seconds[0] > 5.0],
    }


def _largest(found: list[float | None]) -> float | None:
    return max((round(value, 2) for value in found if value is not None), default=None)


def _late(found: list[float | None]) -> int:
    return sum(value is None or value > BACK_WITHIN for value in found)


def _of(life: Life) -> dict[str, Any]:
    """Memory slope with its 95 % interval, in MB/h; files and threads, once the process has settled."""
    seconds, memory = np.array(life.seconds), np.array(life.memory)
    later = seconds >= seconds[0] + min(SETTLED, (seconds[-1] - seconds[0]) / 2)
    hours, memory = seconds[later] / 3600, memory[later]
    slope, above = _slope(hours, memory)
    return {
        "role": life.role,
        "seconds": round(seconds[-1] - seconds[0]),
        "memory": round(float(memory[-1]), 1),
        "slope": round(slope, 2),
        "slope at most": round(above, 2),
        "files": [min(np.array(life.files)[later].tolist()), max(np.array(life.files)[later].tolist())],
        "threads": [min(np.array(life.threads)[later].tolist()), max(np.array(life.threads)[later].tolist())],
    }


def _slope(hours: Any, memory: Any) -> tuple[float, float]:
    """Least squares, and its upper 95 % bound over blocks of a minute: neighbours are not independent."""
    minutes = np.unique((hours * 60).astype(int), return_inverse=True)[1]
    x, y = (np.bincount(minutes, values) / np.bincount(minutes) for values in (hours, memory))
    if len(x) < 4:
        return float("nan"), float("nan")
    x = x - x.mean()
    slope = float(x @ y / (x @ x))
    left = y - y.mean() - slope * x
    return slope, slope + 1.96 * float(np.sqrt(left @ left / (len(x) - 2) / (x @ x)))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--every", type=float, default=20.0, help="s between two faults")
    parser.add_argument("--report", type=Path)
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    report = json.dumps(soak(random_faults(given.seconds), given.every), indent=1)
    if given.report:
        given.report.write_text(report + "\n", encoding="utf-8")
    print(report)  # noqa: T201


if __name__ == "__main__":
    main()
