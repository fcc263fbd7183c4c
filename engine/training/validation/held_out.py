"""How good a network is on held-out scenes, beside every fixed window and the best one chosen with the truth.

A fixed window is what the classical engine offers; the best of them, chosen for each pair by its true error,
is what no choice of a window can beat.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.errors import EngineError
from engine.metrics.accuracy import Accuracy, accuracy
from engine.metrics.calibration import Calibration, calibration
from engine.metrics.sums import Sums
from engine.musse.net import LiveNet
from engine.musse.residual import fit_windows
from engine.musse.window_features import WINDOWS
from engine.training.data.batches import Batch, Scenes, as_batch, draw_crop

MIN_CONTRAST = 2e-4  # of strain, its true standard deviation: below, "relative to it" means nothing
NETWORK = "network"
BEST_WINDOW = "best window"


@dataclass(frozen=True, slots=True)
class Score(Sums):
    """Of one method, pooled over pairs, each in units of its true standard deviation of strain."""

    accuracy: Accuracy = field(default_factory=Accuracy)
    calibration: Calibration = field(default_factory=Calibration)
    logarithms: tuple[float, ...] = ()
    """Of every pair's own NRMSE."""

    def figures(self) -> dict[str, float]:
        """nrmse (pooled), typical_nrmse (the geometric mean over pairs, because the worst pairs make a pooled
        figure), contrast_recovery, and calibration (RMS of error over predicted sigma: 1 is right)."""
        return {
            "nrmse": self.accuracy.nrmse,
            "typical_nrmse": float(np.exp(np.mean(self.logarithms))) if self.logarithms else float("nan"),
            "contrast_recovery": self.accuracy.contrast_recovery,
            "calibration": self.calibration.z,
        }


@dataclass(slots=True)
class Validation:
    """Scores by method."""

    scores: dict[str, Score] = field(default_factory=dict)
    pairs: int = 0
    left_out: int = 0
    """Pairs without enough contrast in their truth."""

    def figures(self) -> dict[str, dict[str, float]]:
        """Of every method; see `Score.figures`."""
        return {name: score.figures() for name, score in self.scores.items()}


def held_out_batches(scenes: Scenes, count: int, size: int) -> list[Batch]:
    """Two crops of each of `count` scenes, the same whenever asked for, in batches of `size`."""
    items: list[dict[str, NDArray[np.floating]]] = []
    for index in range(count):
        samples = scenes.scene(index)
        rng = np.random.default_rng(index)
        pairs = rng.choice(len(samples.pairs), size=2, replace=False)
        items.extend(draw_crop(samples, rng).of(samples, int(pair)) for pair in pairs)
    return [as_batch(items[first : first + size]) for first in range(0, len(items), size)]


def validate(net: LiveNet, batches: Sequence[Batch], device: torch.device) -> Validation:
    """Score `net` and its windows. Raises EngineError where no pair has contrast."""
    result = Validation()
    training = net.training
    net.eval()
    for batch in batches:
        there = batch.to(device)
        with torch.inference_mode():
            fused = net(there.cells)
            found, _ = fit_windows(there.cells)
        maps = {NETWORK: (fused.strain, fused.strain_std)} | {
            f"{window.length:g} x {window.width:g} cells": (found.strain[:, k], found.strain_std[:, k])
            for k, window in enumerate(WINDOWS)
        }
        for pair in range(len(batch.strain)):
            _add(result, {name: (e[pair], s[pair]) for name, (e, s) in maps.items()}, batch, pair)
    net.train(training)
    if not result.pairs:
        raise EngineError("no held-out pair has contrast to validate on: hold out more scenes")
    return result


def _add(result: Validation, maps: dict[str, tuple[Tensor, Tensor]], batch: Batch, pair: int) -> None:
    """Pool one pair of `batch`: (strain, sigma) of every method."""
    region = batch.counted[pair].numpy()
    truth = batch.strain[pair].numpy()
    unit = float(truth[region].std()) if region.any() else 0.0
    if unit < MIN_CONTRAST:
        result.left_out += 1
        return
    result.pairs += 1
    scores = {}
    for name, (strain, std) in maps.items():
        e, t, s = strain.cpu().numpy() / unit, truth / unit, std.cpu().numpy() / unit
        agreed = accuracy(e, t, region)
        scores[name] = Score(agreed, calibration(e, t, s, region), (float(np.log(agreed.nrmse)),))
    windows = [score for name, score in scores.items() if name != NETWORK]
    scores[BEST_WINDOW] = min(windows, key=lambda score: score.accuracy.squared_error)
    for name, score in scores.items():
        result.scores[name] = result.scores.get(name, Score()) + score
