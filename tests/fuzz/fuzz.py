"""Broken inputs for every reader: `python -m tests.fuzz.fuzz --seconds 900 --report FILE`.

Each input must be read or refused by name, within a second of the processor, without memory beyond its own
size, and without opening a file outside its folder. A reader runs in a child process, so that a crash of a C
library is found too. `--keep FOLDER` keeps the first input of each kind of finding.
"""

import argparse
import json
import multiprocessing
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

from tests.fuzz.attempts import Attempts
from tests.fuzz.mutation import mutated
from tests.fuzz.targets import Target, targets
from tools.machine import machine

HANG: Final = 10.0  # s of the clock without a further input
PACKAGES: Final = ("musse-stream", "numpy", "h5py", "onnxruntime", "torch", "safetensors", "mcap", "scipy")
_FORK: Final = multiprocessing.get_context("fork")


def fuzz(
    seconds: float, inputs: int, *, first: int = 0, only: str | None = None, keep: Path | None = None
) -> dict[str, Any]:
    """By target: inputs, inputs/s, refused ones, findings. Each gets an equal share of both limits."""
    with tempfile.TemporaryDirectory() as folder:
        inside = Path(folder) / "files"
        inside.mkdir()
        (Path(folder) / "outside.raw").write_bytes(bytes(2**14))
        made = {name: target for name, target in targets(inside).items() if only in {None, name}}
        share, count = seconds / len(made), -(-inputs // len(made))
        report = {name: fuzz_one(target, inside, share, first, count) for name, target in made.items()}
        for name, target in made.items():
            for finding in report[name]["findings"].values():
                number = finding["first"]
                if keep:
                    (keep / f"{name} {number}").write_bytes(mutated(target.seed, number, text=target.text))
        return report


def fuzz_one(target: Target, inside: Path, seconds: float, first: int, count: int) -> dict[str, Any]:
    """The report of one target; its child process is started again behind an input that ended or hung it."""
    begun, number = time.monotonic(), first
    refused, memory, kinds = 0, 0.0, Counter[str]()
    examples: dict[str, int] = {}
    while number < first + count and time.monotonic() - begun < seconds:
        attempts = Attempts(target, inside, number, first + count, begun + seconds)
        child = _FORK.Process(target=attempts.run)
        child.start()
        looked = -1
        while child.is_alive() and looked != attempts.number.value:
            looked = attempts.number.value
            child.join(HANG)
        hung = child.is_alive()
        if hung:
            child.kill()
            child.join()
        for kind, which in attempts.findings():
            kinds[kind] += 1
            examples.setdefault(kind, which)
        number = attempts.number.value
        if hung or child.exitcode:
            kind = "hang" if hung else f"exit code {child.exitcode}"
            kinds[kind] += 1
            examples.setdefault(kind, number)
            number += 1
        refused += attempts.refused.value
        memory = max(memory, attempts.memory.value)
    spent = time.monotonic() - begun
    return {
        "inputs": number - first,
        "inputs a second": round((number - first) / spent, 1),
        "refused": refused,
        "peak memory, MB beside 1.5 times the input": round(memory / 2**20, 1),
        "findings": {kind: {"inputs": kinds[kind], "first": examples[kind]} for kind in kinds},
    }


def main() -> int:
    """Exit code 1 where something was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=900.0)
    parser.add_argument("--inputs", type=int, default=20_000_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    parser.add_argument("--only", help="one target")
    parser.add_argument("--report", type=Path, help="JSON file")
    parser.add_argument("--keep", type=Path, help="folder for inputs, which exists")
    given = parser.parse_args()
    found = fuzz(given.seconds, given.inputs, first=given.first, only=given.only, keep=given.keep)
    report = {
        "machine": machine(PACKAGES),
        "seconds": given.seconds,
        "inputs": sum(target["inputs"] for target in found.values()),
        "targets": found,
    }
    text = json.dumps(report, indent=1) + "\n"
    if given.report:
        given.report.write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    return int(any(target["findings"] for target in found.values()))


if __name__ == "__main__":
    sys.exit(main())
