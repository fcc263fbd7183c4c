"""One child process that feeds a reader with inputs, and writes down what should not have happened."""

import logging
import multiprocessing
import os
import sys
import sysconfig
import time
import traceback
import tracemalloc
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from tests.fuzz.mutation import mutated
from tests.fuzz.targets import REFUSED, Target
from tests.root import ROOT

SECONDS: Final = 1.0  # of the processor for one input
MEMORY: Final = 32 * 2**20  # bytes beside one and a half times the input
WEIGHED: Final = 16  # memory is measured for every so many inputs, which takes time
_INSTALLED: Final = tuple(
    str(Path(path).resolve())
    for path in {*sysconfig.get_paths().values(), sys.base_prefix, sys.prefix, str(ROOT)}
)
_SYSTEM: Final = ("/usr/lib/os-release", "/proc/", "/sys/", "/dev/")


class Attempts:
    """Inputs from `number` up to `last`, until the clock reads `end`; state is shared with the parent."""

    def __init__(self, target: Target, inside: Path, number: int, last: int, end: float) -> None:
        self._target, self._inside, self._last, self._end = target, inside, last, end
        self.number = multiprocessing.Value("q", number, lock=False)
        """The input that is read now."""
        self.refused = multiprocessing.Value("q", 0, lock=False)
        self.memory = multiprocessing.Value("d", 0.0, lock=False)
        """Most bytes that an input took beside one and a half times its size."""
        self._found = inside.parent / "findings"
        self._found.unlink(missing_ok=True)
        self._outside: list[str] = []

    def run(self) -> None:
        """In the child. What C libraries print goes nowhere."""
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        warnings.simplefilter("ignore")  # a reader may warn of what it goes on with
        logging.disable()
        sys.addaudithook(self._watch)
        with self._found.open("a", encoding="utf-8") as findings:
            while self.number.value < self._last and time.monotonic() < self._end:
                for kind in self._attempt(self.number.value):
                    findings.write(f"{self.number.value} {kind}\n")
                    findings.flush()
                self.number.value += 1

    def findings(self) -> Iterator[tuple[str, int]]:
        """In the parent: what was found, and in which input."""
        if self._found.exists():
            for line in self._found.read_text(encoding="utf-8").splitlines():
                number, _, kind = line.partition(" ")
                yield kind, int(number)

    def _attempt(self, number: int) -> list[str]:
        content = mutated(self._target.seed, number, text=self._target.text)
        weighed = number % WEIGHED == 0
        found: list[str] = []
        if weighed:
            tracemalloc.start()
        begun = time.process_time()
        try:
            self._target.feed(content)
        except REFUSED:
            self.refused.value += 1
        except Exception as error:  # noqa: BLE001 - whatever else comes is a finding
            place = traceback.extract_tb(error.__traceback__)
            ours = [
                entry for entry in place if str(ROOT) in entry.filename and "/.venv/" not in entry.filename
            ]
            where = ours[-1] if ours else place[-1]
            at = f"{Path(where.filename).relative_to(ROOT) if ours else where.filename}:{where.lineno}"
            found.append(f"{type(error).__name__} at {at}")
        if time.process_time() - begun > SECONDS * (4 if weighed else 1):
            found.append("slow")
        if weighed:
            beside = tracemalloc.get_traced_memory()[1] - 1.5 * len(content)
            tracemalloc.stop()
            self.memory.value = max(self.memory.value, beside)
            if beside > MEMORY:
                found.append("memory")
        found += [f"opened {path}" for path in self._outside]
        self._outside.clear()
        return found

    def _watch(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event != "open" or not isinstance(arguments[0], str | bytes):
            return
        path = os.path.realpath(os.fsdecode(arguments[0]))
        if not path.startswith((str(self._inside.parent / "findings"), str(self._inside) + os.sep)) and (
            not path.startswith((*_INSTALLED, *_SYSTEM))
        ):
            self._outside.append(path)
