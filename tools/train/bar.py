"""The progress bar of a training, or on a console without a terminal a line now and then."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Display

from engine.training.trainer import Progress

MEMORY = 0.95  # of the terms shown: single steps are noisy
LINE_EVERY = 60.0  # s between lines where no bar can be drawn


class TrainingBar:
    """A context manager; steps count up to `steps`."""

    def __init__(self, console: Console, steps: int) -> None:
        self._console = console
        self._display = Display(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._task: TaskID = self._display.add_task("train", total=steps, note="")
        self._terms: dict[str, float] = {}
        self._rate = 0.0
        self._lined = time.monotonic()

    def __enter__(self) -> Self:
        self._display.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._display.stop()

    def announce(self, what: str) -> None:
        """Show the current activity in place of the terms."""
        self._display.update(self._task, note=what)

    def start(self, step: int) -> None:
        """A run that goes on does not begin at 0."""
        self._display.reset(self._task, completed=step)

    def show(self, progress: Progress) -> None:
        """One step."""
        for name, value in progress.terms.items():
            self._terms[name] = MEMORY * self._terms.get(name, value) + (1 - MEMORY) * value
        rate = progress.samples_per_second
        self._rate = MEMORY * (self._rate or rate) + (1 - MEMORY) * rate
        note = " ".join(f"{name} {value:.3f}" for name, value in self._terms.items())
        note += f", {self._rate:.0f} samples/s, waited {progress.waited:.0f} s"
        self._display.update(self._task, completed=progress.step, note=note)
        if not self._console.is_terminal and time.monotonic() - self._lined > LINE_EVERY:
            self._lined = time.monotonic()
            self._console.print(f"step {progress.step}: {note}", highlight=False, soft_wrap=True)
