"""The training loop: a run is any number of slices, and a killed one goes on from its last checkpoint.

Everything random follows from the recipe's seed and the step's number, so a run that was resumed ends with
the same weights, bit for bit on one machine with one number of threads.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from engine.network.configuration import UsseConfiguration
from engine.network.live import TRUNK, LiveNet
from engine.training.batches import Batch, draw_batch, reachable
from engine.training.pool import ScenePool

CHECKPOINT = "checkpoint.safetensors"
LARGEST_GRADIENT = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Everything a run depends on, beside the machine."""

    seed: int = 0
    steps: int = 6000
    batch: int = 16
    length: int = 1
    """Consecutive pairs per example, for networks with memory."""
    learning_rate: float = 6e-4
    warm_up: int = 200
    """Steps over which the learning rate rises; then it falls as a cosine."""
    scenes: int = 2000
    scenes_at_start: int = 48
    """Scenes that must be there before the first step."""
    half_precision: bool = False
    """Trunk in bfloat16 until the last tenth of the steps: 1.7 times as fast on CPUs that have it."""
    trunk: UsseConfiguration = field(default=TRUNK)


Objective = Callable[[LiveNet, list[Batch]], dict[str, Tensor]]
"""Terms of the loss by name; their sum is minimised."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What a step tells."""

    step: int
    terms: dict[str, float]
    learning_rate: float
    samples_per_second: float
    waited: float
    """s in all that training stood still for scenes."""


class Trainer:
    """A run in `folder`. One thread."""

    def __init__(self, recipe: Recipe, folder: Path, pool: ScenePool, objective: Objective) -> None:
        self.recipe = recipe
        self._folder = folder
        self._pool = pool
        self._objective = objective
        torch.manual_seed(recipe.seed)
        self.net = LiveNet(recipe.trunk)
        self._adam = torch.optim.Adam(self.net.parameters(), lr=recipe.learning_rate)
        self.step = 0
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / CHECKPOINT).exists():
            self._resume()

    def run(self, until: int, on_step: Callable[[Progress], None], *, checkpoint_every: int = 200) -> None:
        """Train up to step `until` (at most recipe.steps), with a checkpoint now and then and at the end."""
        recipe = self.recipe
        try:
            while self.step < min(until, recipe.steps):
                begun = time.perf_counter()
                terms = self._one()
                self.step += 1
                on_step(
                    Progress(
                        step=self.step,
                        terms=terms,
                        learning_rate=self._adam.param_groups[0]["lr"],
                        samples_per_second=recipe.batch * recipe.length / (time.perf_counter() - begun),
                        waited=self._pool.figures.waited,
                    )
                )
                if self.step % checkpoint_every == 0:
                    self.checkpoint()
        finally:
            self.checkpoint()

    def _one(self) -> dict[str, float]:
        recipe = self.recipe
        n_scenes = reachable(
            self.step,
            at_start=recipe.scenes_at_start,
            per_step=1.4 * recipe.scenes / recipe.steps,  # all of them after 70 % of the run
            count=recipe.scenes,
        )
        batches = draw_batch(
            self._pool, n_scenes, recipe.batch, seed=recipe.seed, step=self.step, length=recipe.length
        )
        for group in self._adam.param_groups:
            group["lr"] = recipe.learning_rate * schedule(self.step, recipe)
        self.net.half_precision = recipe.half_precision and self.step < 0.9 * recipe.steps
        terms = self._objective(self.net, batches)
        self._adam.zero_grad()
        torch.stack(list(terms.values())).sum().backward()  # type: ignore[no-untyped-call]  # torch
        clip_grad_norm_(self.net.parameters(), LARGEST_GRADIENT)
        self._adam.step()
        return {name: float(term.detach()) for name, term in terms.items()}

    def checkpoint(self) -> None:
        """Write weights, optimiser and step; the one before is replaced only when this one is complete."""
        tensors = {f"net.{name}": value for name, value in self.net.state_dict().items()}
        for index, values in self._adam.state_dict()["state"].items():
            tensors |= {f"adam.{index}.{name}": value for name, value in values.items()}
        part = self._folder / f"{CHECKPOINT}.part"
        contiguous = {name: value.detach().contiguous() for name, value in tensors.items()}
        save_file(contiguous, part, metadata={"step": str(self.step)})
        part.replace(self._folder / CHECKPOINT)

    def _resume(self) -> None:
        path = self._folder / CHECKPOINT
        tensors = load_file(path)
        self.net.load_state_dict({n[4:]: v for n, v in tensors.items() if n.startswith("net.")})
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in tensors.items():
            if name.startswith("adam."):
                _, index, field_name = name.split(".")
                state.setdefault(int(index), {})[field_name] = value
        self._adam.load_state_dict({**self._adam.state_dict(), "state": state})
        with safe_open(path, framework="pt") as file:
            self.step = int(file.metadata()["step"])


def schedule(step: int, recipe: Recipe) -> float:
    """Share of the learning rate at a step: linear warm-up, then a cosine down to a fiftieth."""
    rising = min(1.0, (step + 1) / max(recipe.warm_up, 1))
    return rising * (0.02 + 0.98 * 0.5 * (1.0 + math.cos(math.pi * step / recipe.steps)))
