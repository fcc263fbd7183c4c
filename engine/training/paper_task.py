"""The published network's two stages on canonical RF: a warm start with truth, then the published objective.

The published objective alone finds its way over half a wavelength only, so the first `Recipe.warm_start`
steps learn from simulated truth: the first stage on its own, then both, where the second starts as a copy of
the first. The rest are without truth, on sequences with the ConvLSTM's state carried along.
"""

import time
from collections import OrderedDict
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from engine.network.musse import MusseConfiguration, MusseNet
from engine.network.upsample import BandLimitedWarp
from engine.training.data.rf_scenes import RfScene, Sequences, as_batch, draw_sequence, rf_scene
from engine.training.data.scenes import in_share
from engine.training.losses.displacement import displacement_loss, strain_loss
from engine.training.losses.paper import Terms, unsupervised
from engine.training.recipe import FIRST_HELD_OUT, Recipe

METHODS: Final = ("network", "alignment", "constant", "no motion")
STRAIN_WINDOW: Final = 49  # canonical rows: 12 cycles
WARM_LENGTH: Final = 2  # frames of a warm-start sequence: state from zero, and carried once
MAX_SCENES: Final = 4096  # in memory, 0.5-1 MB each
TINY: Final = 1e-12
TERMS: Final = ("displacement", "strain", "similarity", "smoothness", "consistency")


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """A batch on the device, and per pair the displacement after each stage and the final strain, all of
    what aligning left."""

    batch: Sequences
    firsts: list[Tensor]
    finals: list[Tensor]
    strains: list[Tensor]


class PaperTask:
    """See `engine.training.task.Task`. Scenes are simulated when first drawn and kept in memory."""

    def __init__(self, recipe: Recipe, device: torch.device, start: MusseNet | None = None) -> None:
        torch.manual_seed(recipe.seed)
        configuration = MusseConfiguration(window=STRAIN_WINDOW, stage=recipe.trunk)
        net = MusseNet(configuration)
        if start is not None:
            net.load_state_dict(start.state_dict())
        self.net = net.to(device).train()
        # with few channels, convolutions are up to twice as fast in this order
        self.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in the stub
        self.waited = 0.0
        self.left_out = 0
        self._recipe, self._device = recipe, device
        self._warp = BandLimitedWarp().to(device)
        self._scenes: OrderedDict[int, RfScene] = OrderedDict()

    @property
    def pairs_per_step(self) -> int:
        """A step has about as many pairs whatever the length of its sequences."""
        return self._recipe.batch

    def terms(self, step: int) -> dict[str, Tensor]:
        """See `Task`; weighted, in the warm start and after it."""
        recipe = self._recipe
        warm, alone = step < recipe.warm_start, step < recipe.first_stage
        if step == recipe.first_stage > 0:
            self.net.stages[1].load_state_dict(self.net.stages[0].state_dict())
        frozen = step >= (1.0 - recipe.fixed_statistics) * recipe.warm_start
        self._freeze_statistics(frozen)
        rng = np.random.default_rng([recipe.seed, step])
        length = (1 if alone else min(WARM_LENGTH, recipe.length)) if warm else recipe.length
        drawn = [
            draw_sequence(
                self._scene(recipe.first_scene + int(rng.integers(recipe.scenes))),
                length,
                rng,
                shifted=recipe.shifted,
            )
            for _ in range(max(1, recipe.batch // length))
        ]
        coarse = recipe.half_precision and not frozen
        context = torch.autocast(self._device.type, dtype=torch.bfloat16) if coarse else nullcontext()
        with context:
            found = self._through(as_batch(drawn), alone=alone)
        zero = torch.zeros((), device=self._device)
        terms = self._with_truth(found) if warm else self._without_truth(found)
        return dict.fromkeys(TERMS, zero) | terms  # the log has one set of columns

    def held_out(self) -> dict[str, dict[str, float]]:
        """Figures on held-out scenes, of the network and of three estimates without one.

        Displacement RMSE in canonical rows, NRMSE of strain (RMSE over the standard deviation of true strain
        in the crop; both pooled over pairs), the medians over pairs of both RMSE, and similarity loss
        (1 - LNCC). "alignment" is the affine motion that the network starts from, "no motion" zero,
        "constant" each crop's true mean of both.
        """
        recipe = self._recipe
        training = self.net.training
        self.net.eval()
        squares: dict[str, list[tuple[float, float]]] = {name: [] for name in METHODS}
        similarity = dict.fromkeys(("network", "alignment"), 0.0)
        for number in range(recipe.held_out):
            rng = np.random.default_rng(number)
            scene = self._scene(FIRST_HELD_OUT + number)
            batch = as_batch([draw_sequence(scene, recipe.length, rng, varied=False)])
            with torch.no_grad():
                found = self._through(batch)
                still = [torch.zeros_like(d) for d in found.finals]
                for k, motion in enumerate(found.batch.motion):
                    left = motion[:, :1]
                    whole = left + found.batch.alignment[k][:, :1]
                    for name, error in (
                        ("network", found.finals[k][:, :1] - left),
                        ("alignment", left),
                        ("no motion", whole),
                    ):
                        squares[name].append((_square(error), _square(self.net.lsse(error))))
                    squares["constant"].append((_spread(whole), _spread(self.net.lsse(whole))))
                similarity["network"] += float(self._unsupervised(found, found.finals).similarity)
                similarity["alignment"] += float(self._unsupervised(found, still).similarity)
        self.net.train(training)
        variance = max(float(np.mean(squares["constant"], axis=0)[1]), TINY)
        figures = {}
        for name, values in squares.items():
            pooled, median = np.mean(values, axis=0), np.sqrt(np.median(values, axis=0))
            figures[name] = {
                "displacement_rmse": float(np.sqrt(pooled[0])),
                "nrmse": float(np.sqrt(pooled[1] / variance)),
                "median_displacement_rmse": float(median[0]),
                "median_strain_rmse": float(median[1]),
            }
        for name, loss in similarity.items():
            figures[name]["similarity"] = loss / max(recipe.held_out, 1)
        return figures

    def _through(self, batch: Sequences, *, alone: bool = False) -> _Found:
        """What the network finds in a batch; `alone`: its first stage only, which then counts as both."""
        pre = batch.pre.to(self._device)
        posts, motion, alignment = (
            [values.to(self._device) for values in part]
            for part in (batch.posts, batch.motion, batch.alignment)
        )
        state = self.net.zero_state((pre.shape[-2], pre.shape[-1]), batch=len(pre), device=self._device)
        firsts, finals = [], []
        for post in posts:
            if alone:
                first, state = self.net.stages[0](pre, post, torch.cat((pre, post), 1), state)
                first = final = first.float()
            else:
                first, final, state = self.net.displacements(pre, post, state)
            firsts.append(first)
            finals.append(final)
        strains = [self.net.lsse(final[:, :1]) for final in finals]
        return _Found(Sequences(pre, posts, motion, alignment), firsts, finals, strains)

    def _with_truth(self, found: _Found) -> dict[str, Tensor]:
        self.left_out = 0
        truths = found.batch.motion
        moved = [displacement_loss(*each) for each in zip(found.firsts, found.finals, truths, strict=True)]
        strained = [
            strain_loss(strain, self.net.lsse(truth[:, :1]))
            for strain, truth in zip(found.strains, truths, strict=True)
        ]
        return {
            "displacement": torch.stack(moved).mean(),
            "strain": self._recipe.strain_weight * torch.stack(strained).mean(),
        }

    def _without_truth(self, found: _Found) -> dict[str, Tensor]:
        terms = self._unsupervised(found, found.finals)
        self.left_out = terms.left_out
        return {
            "similarity": terms.similarity,
            "smoothness": terms.smoothness,
            "consistency": self._recipe.objective.consistency * terms.consistency,
        }

    def _unsupervised(self, found: _Found, displacements: list[Tensor]) -> Terms:
        """The paper's objective for these displacements; strain counts with what aligning took out."""
        batch = found.batch
        strains = [
            self.net.lsse((moved + alignment)[:, :1])
            for moved, alignment in zip(displacements, batch.alignment, strict=True)
        ]
        return unsupervised(
            batch.pre, batch.posts, displacements, strains, objective=self._recipe.objective, warp=self._warp
        )

    def _freeze_statistics(self, frozen: bool) -> None:
        """Running statistics instead of the batch's: what the network sees when it runs."""
        for module in self.net.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.train(not frozen)

    def _scene(self, number: int) -> RfScene:
        if number not in self._scenes:
            begun = time.monotonic()
            clean = number < FIRST_HELD_OUT and in_share(number, self._recipe.clean)
            self._scenes[number] = rf_scene(number, clean=clean)
            self.waited += time.monotonic() - begun
            if len(self._scenes) > MAX_SCENES:
                self._scenes.popitem(last=False)
        return self._scenes[number]


def _square(error: Tensor) -> float:
    """Mean square of what is finite; 0 where nothing is."""
    seen = torch.isfinite(error)
    return float(error[seen].square().mean()) if bool(seen.any()) else 0.0


def _spread(values: Tensor) -> float:
    """Variance of what is finite; 0 where nothing is."""
    seen = torch.isfinite(values)
    return float(values[seen].var(correction=0)) if bool(seen.any()) else 0.0
