"""The train command on a tiny network, in a process that may be lost: python lost_training.py OUTPUT FORM AT.

AT: the step after which the process kills itself without a chance to write anything.
"""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from rich.console import Console

import engine.training.precision
import tools.train.command as module
from engine.musse.checkpoint import save
from engine.musse.manifest import MeasuredErrors
from engine.musse.net import LiveNet
from engine.training.live_task import LiveTask
from engine.training.recipe import Recipe
from engine.training.trainer import Progress
from tests.engine.training.tiny_training import RECIPE, Scenes
from tools.train import experiments, run_log
from tools.train.experiments import LiveExperiment

SHORT = replace(RECIPE, steps=24, validate_every=10, held_out=2)  # a checkpoint at every look
FORMS = {
    "plain": SHORT,
    "half precision": replace(SHORT, half_precision=True),
    "without truth": replace(SHORT, truth=False, length=2),
}
ROWS_EVERY = 5  # steps: the log is then ahead of the checkpoint


def train(output: Path, form: str, lost_at: int = 0) -> None:
    recipe = FORMS[form]

    def write(net: LiveNet, path: Path, trained: dict[str, object], errors: MeasuredErrors) -> None:
        save(net, path, trained=trained, errors=errors)

    @contextmanager
    def experiment(
        recipe: Recipe, folder: Path, workers: int, device: torch.device, start: Path | None
    ) -> Iterator[LiveExperiment]:
        scenes = Scenes(truth=recipe.truth)
        yield LiveExperiment(recipe, LiveTask(recipe, scenes, device), Scenes(0.2), device)

    class Lost(run_log.RunLog):
        def update(self, progress: Progress) -> None:
            super().update(progress)
            if progress.step == lost_at:
                os.kill(os.getpid(), signal.SIGKILL)

    request = module.TrainingRequest(
        recipe="tiny",
        output=output,
        minutes=0.0,
        workers=1,
        scenes=output,
        threads=1,
        device="cpu",
        start=None,
    )
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(experiments, "write_live", write)
        patched.setattr(module, "experiment", experiment)
        patched.setattr(module, "read_recipe", lambda name: recipe)
        patched.setattr(engine.training.precision, "bfloat16_is_fast", lambda device: True)  # also here
        patched.setattr(module, "RunLog", Lost)
        patched.setattr(run_log, "EVERY", ROWS_EVERY)
        module.run_training(request, Console(stderr=True), as_json=True)


if __name__ == "__main__":
    train(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
