"""The training loop: a run is any number of slices, and a killed one goes on from its last checkpoint.

Everything random follows from the recipe's seed and the step's number, so a run that was resumed ends with
the same weights, bit for bit on one machine with one number of threads.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from engine.errors import EngineError
from engine.training.recipe import Recipe, as_text, differences, schedule
from engine.training.task import Task

CHECKPOINT = "checkpoint.safetensors"
CHECKPOINT_EVERY = 200  # steps: a minute or two of work to lose
MAX_GRADIENT = 1.0


class OtherRun(EngineError):
    """The folder holds a run of another recipe, or what is no checkpoint; the message names what differs."""


class TrainingFailed(EngineError):
    """A loss is not finite; the message names step and terms. The last checkpoint is from before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Figures of one step."""

    step: int
    terms: dict[str, float]
    learning_rate: float
    samples_per_second: float
    """Pairs learnt from per second of this step, waiting included."""
    waited: float
    """s in all that training stood still for scenes."""
    left_out: int
    """See `Task.left_out`."""


class Trainer:
    """A run in `folder`, which holds one checkpoint of three times the weights' size. One thread.

    Goes on from the checkpoint that the folder holds. Raises OtherRun.
    """

    def __init__(self, recipe: Recipe, folder: Path, task: Task) -> None:
        self.recipe = recipe
        self.task = task
        self._folder = folder
        self._adam = torch.optim.Adam(task.net.parameters(), lr=recipe.learning_rate)
        self._whole = True
        self.step = 0
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / CHECKPOINT).exists():
            self._resume()

    def run(
        self, until: int, on_step: Callable[[Progress], None], stop: Callable[[], bool] = lambda: False
    ) -> None:
        """Train up to step `until` (at most recipe.steps), or until `stop()` is true after a step.

        A checkpoint now and then and at the end, whatever ends it. Raises TrainingFailed, and what the task
        raises.
        """
        recipe = self.recipe
        try:
            while self.step < min(until, recipe.steps):
                begun = time.perf_counter()
                terms = self._one()
                took = time.perf_counter() - begun
                on_step(
                    Progress(
                        step=self.step,
                        terms=terms,
                        learning_rate=self._adam.param_groups[0]["lr"],
                        samples_per_second=self.task.pairs_per_step / took,
                        waited=self.task.waited,
                        left_out=self.task.left_out,
                    )
                )
                if self.step % CHECKPOINT_EVERY == 0:
                    self.checkpoint()
                if stop():
                    return
        finally:
            if self._whole:  # interrupted half-way through an update, the checkpoint before is the truth
                self.checkpoint()

    def _one(self) -> dict[str, float]:
        for group in self._adam.param_groups:
            group["lr"] = self.recipe.learning_rate * schedule(self.step, self.recipe)
        terms = self.task.terms(self.step)
        total = torch.stack(list(terms.values())).sum()
        values = {name: float(term.detach()) for name, term in terms.items()}
        if not torch.isfinite(total):
            raise TrainingFailed(f"step {self.step}: the loss is not finite: {values}")
        self._adam.zero_grad()
        total.backward()
        clip_grad_norm_(self.task.net.parameters(), MAX_GRADIENT)
        self._whole = False
        self._adam.step()
        self.step += 1
        self._whole = True
        return values

    def checkpoint(self) -> None:
        """Write weights, optimiser, step and recipe; the one before is replaced only by a complete one."""
        tensors = {f"net.{name}": value for name, value in self.task.net.state_dict().items()}
        for index, values in self._adam.state_dict()["state"].items():
            tensors |= {f"adam.{index}.{name}": value for name, value in values.items()}
        part = self._folder / f"{CHECKPOINT}.{os.getpid()}.part"
        contiguous = {name: value.detach().contiguous() for name, value in tensors.items()}
        try:
            about = {"step": str(self.step), "recipe": as_text(self.recipe)}
            part.write_bytes(save(contiguous, metadata=about))  # save_file hides a full disk in its own error
            part.replace(self._folder / CHECKPOINT)
        except OSError as error:
            error.filename = error.filename or str(self._folder / CHECKPOINT)
            raise
        finally:
            part.unlink(missing_ok=True)

    def _resume(self) -> None:
        path = self._folder / CHECKPOINT
        try:
            with safe_open(path, framework="pt") as file:
                about = file.metadata() or {}
            if not {"step", "recipe"} <= set(about):
                raise OtherRun(f"{path} is no checkpoint of a training: give another folder")
            differ = differences(about["recipe"], self.recipe)
            if differ:
                raise OtherRun(
                    f"{self._folder} holds a run of another recipe ({'; '.join(differ)}): give another folder"
                )
            tensors = load_file(path)
        except (SafetensorError, OSError, ValueError) as error:
            raise OtherRun(f"{path} cannot be read as a checkpoint: {error}") from error
        self.task.net.load_state_dict({n[4:]: v for n, v in tensors.items() if n.startswith("net.")})
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in tensors.items():
            if name.startswith("adam."):
                _, index, field_name = name.split(".")
                state.setdefault(int(index), {})[field_name] = value
        self._adam.load_state_dict({**self._adam.state_dict(), "state": state})
        self.step = int(about["step"])
