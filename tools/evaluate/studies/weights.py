"""Weights of the live network beside each other, on scenes that no recipe learns from: what decides on them.

python -m tools.evaluate.studies.weights FOLDER WEIGHTS [WEIGHTS ...]     a table on the screen

FOLDER keeps the scenes, as `musse-stream train --scenes` does. The evaluation suite decides nothing.
"""

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import torch
import typer

from engine.musse.checkpoint import load
from engine.musse.net import LiveNet
from engine.musse.residual import LiveEstimate
from engine.training.data.batches import Batch
from engine.training.data.pool import PoolFigures, ScenePool
from engine.training.data.samples import Samples, make_samples
from engine.training.data.scenes import draw_scene
from engine.training.losses.accumulated import TINY, sums
from engine.training.recipe import FIRST_HELD_OUT
from engine.training.validation.held_out import MIN_CONTRAST, held_out_batches

SCENES: Final = 48  # beginning where the held-out scenes of a training do
OTHERS: Final = 24  # without noise and disturbances, and of simple tissue
FIRST_CLEAN: Final = FIRST_HELD_OUT + 10_000
FIRST_SIMPLE: Final = FIRST_HELD_OUT + 20_000
CROPS: Final = 16  # per batch
COLUMNS: Final = (
    "NRMSE", "pooled", "prior's", "displacement", "recovery", "error / sigma", "inside 95 %", "sum / sigma",
)  # fmt: skip


@dataclass(frozen=True)
class OtherScenes:
    """Scenes that are made when asked for. See `Scenes`, and `draw_scene` for their kind."""

    first: int
    clean: bool = False
    simple: bool = False
    figures = PoolFigures()

    def scene(self, index: int) -> Samples:
        """Scene `first` + `index`, about 2 s."""
        return make_samples(draw_scene(self.first + index, clean=self.clean, simple=self.simple))


@dataclass
class Figures:
    """What one set of weights reached, over pairs with contrast."""

    logarithms: list[tuple[float, float, float]] = field(default_factory=list)
    """NRMSE of the posterior and the prior, and RMSE of displacement in cells, of every pair."""
    slopes: list[float] = field(default_factory=list)
    errors: list[float] = field(default_factory=list)
    """Mean squares of error over sigma."""
    normalised: list[float] = field(default_factory=list)
    """Mean squares of error over true contrast."""
    inside: list[float] = field(default_factory=list)
    accumulated: list[tuple[float, float]] = field(default_factory=list)

    def row(self) -> tuple[float, ...]:
        """By `COLUMNS`; displacement in thousandths of a cell."""
        typical = np.exp(np.mean(self.logarithms, axis=0))
        over, weight = np.sum(self.accumulated, axis=0)
        return (
            typical[0],
            math.sqrt(np.mean(self.normalised)),
            typical[1],
            1e3 * typical[2],
            float(np.mean(self.slopes)),
            math.sqrt(np.mean(self.errors)),
            float(np.mean(self.inside)),
            math.sqrt(over / weight),
        )


def measured(net: LiveNet, batches: Sequence[Batch]) -> Figures:
    """Figures of `net`, pair by pair."""
    result = Figures()
    for batch in batches:
        with torch.inference_mode():
            found = net(batch.cells)
        _accumulate(result, found, batch)
        for pair in range(len(batch.strain)):
            use = batch.counted[pair]
            truth = batch.strain[pair][use]
            contrast = float(truth.std()) if use.any() else 0.0
            if contrast < MIN_CONTRAST:
                continue
            error = found.strain[pair][use] - truth
            prior = found.prior.strain[pair][use] - truth
            moved = (found.axial - batch.motion)[pair][use]
            z = error / found.strain_std[pair][use]
            rms = [float(values.square().mean().sqrt()) for values in (error, prior, moved)]
            result.logarithms.append((
                math.log(rms[0] / contrast), math.log(rms[1] / contrast), math.log(rms[2])
            ))  # fmt: skip
            centred = truth - truth.mean()
            result.slopes.append(float((error * centred).sum() / centred.square().sum()) + 1.0)
            result.errors.append(float(z.square().mean()))
            result.normalised.append((rms[0] / contrast) ** 2)
            result.inside.append(float((z.abs() < 1.96).float().mean()))
    return result


def _accumulate(result: Figures, found: LiveEstimate, batch: Batch) -> None:
    """Squared sums of the prior's error over what its sigma states, where that decides."""
    error = torch.where(batch.counted, found.prior.strain - batch.strain, 0.0)
    for squared, variance, weight in sums(error, found.prior.strain_std, found.prior, batch.counted.float()):
        over = weight * squared / variance.clamp(min=TINY)
        result.accumulated.append((float(over.sum()), float(weight.sum())))


def held_out_sets(folder: Path) -> dict[str, list[Batch]]:
    """Held-out scenes by their kind; `folder` keeps those that are as drawn."""
    with ScenePool(folder, first=FIRST_HELD_OUT, count=SCENES) as pool:
        drawn = held_out_batches(pool, SCENES, CROPS)
    others = {
        "without noise and disturbances": OtherScenes(FIRST_CLEAN, clean=True),
        "simple tissue": OtherScenes(FIRST_SIMPLE, simple=True),
    }
    return {"as drawn": drawn} | {
        kind: held_out_batches(scenes, OTHERS, CROPS) for kind, scenes in others.items()
    }


def main() -> None:
    """Print a table of each of `held_out_sets`."""
    folder, *files = map(Path, sys.argv[1:])
    torch.set_num_threads(1)
    for title, batches in held_out_sets(folder).items():
        typer.echo(f"\n| {title} | {' | '.join(COLUMNS)} |\n|{'---|' * (len(COLUMNS) + 1)}")
        for path in files:
            net, _ = load(path)
            row = measured(net.eval(), batches).row()
            typer.echo(f"| {path.stem} | {' | '.join(f'{value:.3f}' for value in row)} |")


if __name__ == "__main__":
    main()
