"""The programs as processes, seen from outside, and small recordings for them."""

import json
import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import psutil

from tests.echo_frames import STRAIN, echoes, rf_header
from tests.root import ROOT
from tools.formats import Acquisition, write_recording

PATIENCE = 90.0  # s; beside three busy loops on its core a start alone took 30
STEPS = (0, 1, 2, 3, 4, 3, 2, 1)
"""Compression of each frame of `write_press`, in units of STRAIN."""


def write_press(path: Path, frames: int = len(STEPS), *, seed: int = 0, **constants: Any) -> Path:
    """A hand that presses and lets go, at 50 frames/s; `constants` of the acquisition change its header."""
    with write_recording(path, Acquisition.from_header(rf_header(0, **constants))) as recording:
        for index in range(frames):
            samples = echoes(STRAIN * STEPS[index % len(STEPS)], seed=seed)
            recording.append(samples, t_acq=index * 20_000_000, frame_index=index)
    return path


class Program:
    """`musse-stream ARGUMENTS` as a process whose output is read as it comes."""

    def __init__(self, arguments: tuple[str, ...], environment: Mapping[str, str]) -> None:
        self._mark = uuid.uuid4().hex
        changes = {"OMP_WAIT_POLICY": "PASSIVE", "MUSSE_TEST_MARK": self._mark, **environment}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tools", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, **changes},
        )
        self.out: list[str] = []
        self.err: list[str] = []
        self._readers = [
            threading.Thread(target=_read, args=(self.process.stdout, self.out)),
            threading.Thread(target=_read, args=(self.process.stderr, self.err)),
        ]
        for reader in self._readers:
            reader.start()

    def event(self, name: str) -> dict[str, Any]:
        """The fields of a JSON line on standard output."""
        return json.loads(self.wait_for(f'"event": "{name}"', self.out))  # type: ignore[no-any-return]

    def wait_for(self, words: str, lines: list[str] | None = None) -> str:
        """The first line (of standard error) with these words."""
        found = self.err if lines is None else lines
        end = time.monotonic() + PATIENCE
        while not (hits := [line for line in list(found) if words in line]):
            assert time.monotonic() < end, f"{words!r} did not come: {self.out} {self.err}"
            assert self.process.poll() is None or any(r.is_alive() for r in self._readers), (words, self.err)
            time.sleep(0.01)
        return hits[0]

    def child(self, command: str) -> psutil.Process:
        """Its child process that runs this subcommand, as soon as there is one."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            for child in psutil.Process(self.process.pid).children():
                with suppress(psutil.NoSuchProcess):  # it ends while it is asked
                    if command in child.cmdline():
                        return child
            time.sleep(0.01)
        raise AssertionError(f"no {command} was started: {self.err}")

    def orphans(self) -> list[list[str]]:
        """Command lines of all processes that it or its children started and that still run."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("MUSSE_TEST_MARK") == self._mark and process.pid != self.process.pid:
                    found.append(process.cmdline())
            except psutil.Error:
                continue  # another user's, or gone meanwhile
        return found

    def end(self, number: int | None = None, patience: float = PATIENCE) -> int:
        """Send a signal, if any, and wait for the end; the exit code. Nothing of it may be left running."""
        if number is not None:
            self.process.send_signal(number)
        code = self.process.wait(patience)
        for reader in self._readers:
            reader.join(PATIENCE)
        assert self.orphans() == []
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        for process in psutil.process_iter():
            try:
                if process.environ().get("MUSSE_TEST_MARK") == self._mark:
                    process.kill()
            except psutil.Error:
                continue
        self.process.wait()
        for reader, pipe in zip(self._readers, (self.process.stdout, self.process.stderr), strict=True):
            reader.join()
            assert pipe is not None
            pipe.close()


def _read(pipe: Any, lines: list[str]) -> None:
    for line in pipe:
        lines.append(line)  # noqa: PERF402 - one by one, so that others see each as it comes


@contextmanager
def program(*arguments: str, **environment: str) -> Iterator[Program]:
    """Start it; whatever of it still runs at the end of the block is killed."""
    with Program(arguments, environment) as running:
        yield running
