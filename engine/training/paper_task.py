"""The published network's two stages on canonical RF: a warm start with truth, then the published objective.

The published objective alone finds its way over half a wavelength only, so the first `Recipe.warm_start`
steps learn from simulated truth; the rest are without, on sequences with the ConvLSTM's state carried along.
"""

import time
from collections import OrderedDict
from contextlib import nullcontext
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.network.musse import MusseConfiguration, MusseNet
from engine.network.upsample import BandLimitedWarp
from engine.training.data.rf_scenes import RfScene, Sequences, as_batch, draw_sequence, rf_scene
from engine.training.losses.displacement import displacement_loss, strain_loss
from engine.training.losses.paper import unsupervised
from engine.training.recipe import Recipe

STRAIN_WINDOW: Final = 49  # canonical rows: 12 cycles
WARM_LENGTH: Final = 2  # frames of a warm-start sequence: state from zero, and carried once
STRAIN_WEIGHT: Final = 0.3
FROZEN_SHARE: Final = 0.2  # of the steps at the end: batch statistics fixed and everything in float32
MAX_SCENES: Final = 4096  # in memory, 0.5-1 MB each
FIRST_HELD_OUT: Final = 100_000
TINY: Final = 1e-12
TERMS: Final = ("displacement", "strain", "similarity", "smoothness", "consistency")


class PaperTask:
    """See `engine.training.task.Task`. Scenes are simulated when first drawn and kept in memory."""

    def __init__(self, recipe: Recipe, device: torch.device) -> None:
        torch.manual_seed(recipe.seed)
        configuration = MusseConfiguration(window=STRAIN_WINDOW, stage=recipe.trunk)
        self.net = MusseNet(configuration).to(device).train()
        self.waited = 0.0
        self.left_out = 0
        self._recipe, self._device = recipe, device
        self._warp = BandLimitedWarp().to(device)
        self._scenes: OrderedDict[int, RfScene] = OrderedDict()

    @property
    def pairs_per_step(self) -> int:
        """Pairs of a step of the published objective; a warm start has fewer."""
        return self._recipe.batch * self._recipe.length

    def terms(self, step: int) -> dict[str, Tensor]:
        """See `Task`; weighted, in the warm start and after it."""
        recipe = self._recipe
        warm = step < recipe.warm_start
        frozen = step >= (1.0 - FROZEN_SHARE) * recipe.steps
        self._freeze_statistics(frozen)
        rng = np.random.default_rng([recipe.seed, step])
        length = min(WARM_LENGTH, recipe.length) if warm else recipe.length
        drawn = [
            draw_sequence(self._scene(int(rng.integers(recipe.scenes))), length, rng)
            for _ in range(recipe.batch)
        ]
        coarse = recipe.half_precision and not frozen
        context = torch.autocast(self._device.type, dtype=torch.bfloat16) if coarse else nullcontext()
        with context:
            found = self._through(as_batch(drawn))
        zero = torch.zeros((), device=self._device)
        terms = self._with_truth(*found) if warm else self._without_truth(*found)
        return dict.fromkeys(TERMS, zero) | terms  # the log has one set of columns

    def held_out(self) -> dict[str, dict[str, float]]:
        """Figures on held-out scenes, of the network and of no motion at all.

        Displacement RMSE in canonical rows, NRMSE of strain (both pooled), similarity loss (1 - LNCC).
        """
        recipe = self._recipe
        training = self.net.training
        self.net.eval()
        sums = np.zeros(5)
        similar: list[tuple[float, float]] = []
        for number in range(recipe.held_out):
            rng = np.random.default_rng(number)
            batch = as_batch([draw_sequence(self._scene(FIRST_HELD_OUT + number), recipe.length, rng)])
            with torch.no_grad():
                sequences, moved, _, strains = self._through(batch)
                still = [torch.zeros_like(d) for d in moved]
                similar.append((self._similarity(sequences, moved), self._similarity(sequences, still)))
                for motion, displacement, strain in zip(sequences.motion, moved, strains, strict=True):
                    truth = self.net.lsse(motion[:, :1])
                    sums += _squares(displacement[:, :1], motion[:, :1], strain, truth)
        self.net.train(training)
        network, without = np.mean(similar, axis=0)
        rmse, still_rmse = np.sqrt(sums[:2] / max(recipe.held_out * recipe.length, 1))
        return {
            "network": {
                "displacement_rmse": float(rmse),
                "nrmse": float(np.sqrt(sums[2] / max(sums[3], TINY))),
                "similarity": float(network),
            },
            "no motion": {
                "displacement_rmse": float(still_rmse),
                "nrmse": float(np.sqrt(sums[4] / max(sums[3], TINY))),
                "similarity": float(without),
            },
        }

    def _through(self, batch: Sequences) -> tuple[Sequences, list[Tensor], list[Tensor], list[Tensor]]:
        """The batch on the device, its displacements after both stages and after the first, and strains."""
        pre = batch.pre.to(self._device)
        posts, motion = ([values.to(self._device) for values in part] for part in (batch.posts, batch.motion))
        state = self.net.zero_state((pre.shape[-2], pre.shape[-1]), batch=len(pre), device=self._device)
        firsts, finals, strains = [], [], []
        for post in posts:
            first, final, state = self.net.displacements(pre, post, state)
            firsts.append(first)
            finals.append(final)
            strains.append(self.net.lsse(final[:, :1]))
        return Sequences(pre, posts, motion), finals, firsts, strains

    def _with_truth(
        self, batch: Sequences, finals: list[Tensor], firsts: list[Tensor], strains: list[Tensor]
    ) -> dict[str, Tensor]:
        self.left_out = 0
        found = [
            (displacement_loss(first, final, truth), strain_loss(strain, self.net.lsse(truth[:, :1])))
            for first, final, strain, truth in zip(firsts, finals, strains, batch.motion, strict=True)
        ]
        moved, strained = (torch.stack(values).mean() for values in zip(*found, strict=True))
        return {"displacement": moved, "strain": STRAIN_WEIGHT * strained}

    def _without_truth(
        self, batch: Sequences, finals: list[Tensor], firsts: list[Tensor], strains: list[Tensor]
    ) -> dict[str, Tensor]:
        weights = self._recipe.objective
        found = unsupervised(batch.pre, batch.posts, finals, strains, objective=weights, warp=self._warp)
        self.left_out = found.left_out
        return {
            "similarity": found.similarity,
            "smoothness": found.smoothness,
            "consistency": weights.consistency * found.consistency,
        }

    def _similarity(self, batch: Sequences, displacements: list[Tensor]) -> float:
        strains = [self.net.lsse(d[:, :1]) for d in displacements]
        found = unsupervised(
            batch.pre, batch.posts, displacements, strains, objective=self._recipe.objective, warp=self._warp
        )
        return float(found.similarity)

    def _freeze_statistics(self, frozen: bool) -> None:
        """Running statistics instead of the batch's: what the network sees when it runs."""
        for module in self.net.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.train(not frozen)

    def _scene(self, number: int) -> RfScene:
        if number not in self._scenes:
            begun = time.monotonic()
            self._scenes[number] = rf_scene(number)
            self.waited += time.monotonic() - begun
            if len(self._scenes) > MAX_SCENES:
                self._scenes.popitem(last=False)
        return self._scenes[number]


def _squares(moved: Tensor, motion: Tensor, strain: Tensor, truth: Tensor) -> NDArray[np.float64]:
    """Mean squares: displacement error, motion, strain error, true strain's variance, true strain."""
    seen, strained = torch.isfinite(motion), torch.isfinite(truth)
    error, size = (moved - motion)[seen].square(), motion[seen].square()
    wrong, right = (strain - truth)[strained].square(), truth[strained]
    values = (error.mean(), size.mean(), wrong.mean(), right.var(), right.square().mean())
    return np.array([float(value) if bool(torch.isfinite(value)) else 0.0 for value in values])
