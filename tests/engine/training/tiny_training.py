"""A training small enough for tests: a tiny trunk, hand-made samples, scenes from memory."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from engine.musse.net import TRUNK
from engine.training.data.pool import PoolFigures
from engine.training.data.samples import Samples
from engine.training.live_task import LiveTask
from engine.training.recipe import Recipe
from engine.training.trainer import Trainer

TINY = replace(TRUNK, channels=(4, 4, 4), bottleneck=4)
RECIPE = Recipe(
    seed=3, steps=24, batch=2, learning_rate=3e-3, warm_up=4, scenes=4, scenes_at_start=4, trunk=TINY
)
ROWS, COLS, PAIRS = 136, 34, 8


class Scenes:
    """Scenes whose phase follows exactly from their strain, under noise."""

    def __init__(self, noise: float = 0.3, *, truth: bool = True) -> None:
        self.figures = PoolFigures()
        self._made = [made_samples(k, noise, truth=truth) for k in range(RECIPE.scenes)]

    def scene(self, index: int) -> Samples:
        return self._made[index]


def made_samples(seed: int, noise: float, *, truth: bool = True) -> Samples:
    """Tracking stopped at the mean strain; the rest, an inclusion, is left in the phase."""
    rng = np.random.default_rng(seed)
    shape = (PAIRS, ROWS, COLS)
    z, x = np.mgrid[:ROWS, :COLS]
    hard = (z - rng.uniform(40, 100)) ** 2 / 400 + (x - rng.uniform(10, 24)) ** 2 / 25 < 1
    size = rng.uniform(0.003, 0.01, (PAIRS, 1, 1)) * rng.choice([-1, 1], (PAIRS, 1, 1))
    strain = (size * np.where(hard, 0.4, 1.0)).astype(np.float32)
    motion = strain.cumsum(axis=1) - 0.5 * strain
    axial = np.broadcast_to(size * (z + 0.5), shape).astype(np.float32)
    radians = np.full(ROWS, 2 * np.pi, np.float32)
    signal = rng.gamma(2.0, 0.5, shape)
    phase = 2 * np.pi * (motion - axial)
    product = signal * np.exp(1j * phase) + noise * (
        rng.normal(size=shape) + 1j * rng.normal(size=shape)
    ) * np.sqrt(signal)
    maps = {
        "weight": product.real,
        "moment": product.imag / (2 * np.pi),
        "energy_pre": signal + noise**2,
        "energy_post": signal + noise**2,
        "known": np.ones(shape),
        "axial": axial,
        "lateral": np.full(shape, 0.1),
        "strain": strain if truth else np.full(shape, np.nan),
        "motion": motion if truth else np.full(shape, np.nan),
    }
    pairs = [(k, k + 1) for k in range(5)] + [(0, 2), (1, 3), (2, 4)]
    return Samples(
        maps={name: values.astype(np.float32) for name, values in maps.items()},
        radians=radians,
        pairs=np.array(pairs),
        kind="made",
    )


def trainer_in(folder: Path, recipe: Recipe = RECIPE, scenes: Scenes | None = None) -> Trainer:
    """A trainer on these scenes."""
    return Trainer(recipe, folder, LiveTask(recipe, scenes or Scenes(), torch.device("cpu")))


def trained(
    folder: Path, recipe: Recipe = RECIPE, scenes: Scenes | None = None
) -> tuple[Trainer, list[float]]:
    """A whole run, and its losses."""
    trainer = trainer_in(folder, recipe, scenes)
    losses: list[float] = []
    trainer.run(recipe.steps, lambda progress: losses.append(sum(progress.terms.values())))
    return trainer, losses
