"""What a recipe's kind means for a run: its task, its held-out scenes, and what is written at the end."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import torch

from engine.musse.checkpoint import load_published, save
from engine.training.data.batches import Scenes
from engine.training.data.pool import ScenePool
from engine.training.live_task import LiveTask
from engine.training.paper_task import PaperTask
from engine.training.recipe import FIRST_HELD_OUT, Recipe
from engine.training.starting import start_from
from engine.training.task import Task
from engine.training.validation.held_out import NETWORK, held_out_batches, validate
from engine.training.validation.measured_errors import measured_errors
from tools.train.writing import how_trained, write_live


class Experiment(Protocol):
    """A task, and how its network is validated and written."""

    @property
    def task(self) -> Task:
        """What is trained."""
        ...

    @property
    def figure(self) -> str:
        """The figure of every method that the curve shows."""
        ...

    def look(self) -> dict[str, Any]:
        """Figures on held-out scenes: {"methods": {name: {figure: value}}, ...}, ready for JSON."""
        ...

    def write(self, path: Path, step: int) -> None:
        """Write the weights and what belongs to them."""
        ...


class LiveExperiment:
    """The live network."""

    figure = "typical_nrmse"

    def __init__(self, recipe: Recipe, task: LiveTask, held_out: Scenes, device: torch.device) -> None:
        self.task = task
        self._recipe, self._held_out, self._device = recipe, held_out, device
        self._batches = held_out_batches(held_out, recipe.held_out, recipe.batch)

    def look(self) -> dict[str, Any]:
        """See `Experiment`."""
        found = validate(self.task.net, self._batches, self._device)
        return {
            "pairs": found.pairs,
            "left_out": found.left_out,
            "methods": {name: finite(figures) for name, figures in found.figures().items()},
        }

    def write(self, path: Path, step: int) -> None:
        """See `Experiment`."""
        errors = measured_errors(self.task.net, self._held_out, self._recipe.held_out, self._device)
        held_out = self.look()["methods"][NETWORK]
        trained = how_trained(self._recipe, step, held_out=held_out)
        write_live(self.task.net, path, trained, errors)


class PaperExperiment:
    """The paper's network."""

    figure = "median_displacement_rmse"  # the pooled one shows little but the pairs whose alignment failed

    def __init__(self, recipe: Recipe, device: torch.device, start: Path | None) -> None:
        self._recipe = recipe
        self._more: dict[str, Any] = {}
        net = None
        if start is not None:
            net, manifest = load_published(start)
            self._more = {"started_from": manifest.sha256, "trained_before": manifest.trained}
        self.task = PaperTask(recipe, device, net)

    def look(self) -> dict[str, Any]:
        """See `Experiment`."""
        return {"methods": self.task.held_out()}

    def write(self, path: Path, step: int) -> None:
        """See `Experiment`. Stored in half precision; there is no program for other runtimes."""
        held_out = self.look()["methods"]["network"]
        trained = how_trained(self._recipe, step, held_out=held_out, **self._more)
        save(self.task.net.cpu().eval(), path, trained=trained)


@contextmanager
def experiment(
    recipe: Recipe, folder: Path, workers: int, device: torch.device, start: Path | None = None
) -> Iterator[Experiment]:
    """The experiment of a recipe, its scenes in `folder`. Processes that make scenes end with it.

    `start`: weights that the network begins with. Raises EngineUnavailable for those of another kind.
    """
    if recipe.kind == "paper":
        yield PaperExperiment(recipe, device, start)
        return
    net = None if start is None else start_from(start)
    with ScenePool(folder, first=FIRST_HELD_OUT, count=recipe.held_out, workers=workers) as held_out:
        for index in range(recipe.held_out):
            held_out.scene(index)  # made and kept from here on
    with ScenePool(
        folder, first=recipe.first_scene, count=recipe.scenes, workers=workers, simple=recipe.simple
    ) as pool:
        yield LiveExperiment(recipe, LiveTask(recipe, pool, device, net), held_out, device)


def finite(figures: dict[str, float]) -> dict[str, float | None]:
    """For JSON, which has no NaN."""
    return {name: value if math.isfinite(value) else None for name, value in figures.items()}
