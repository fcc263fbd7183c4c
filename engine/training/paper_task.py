"""The paper's two stages on raw RF, trained by the paper's objective on simulated crops, without truth.

It is here to compare with, not to run live: see `engine.network.musse`.
"""

import time
from collections import OrderedDict
from typing import Final

import numpy as np
import torch
from torch import Tensor

from engine.network.musse import MusseConfiguration, MusseNet
from engine.network.upsample import BandLimitedWarp
from engine.training.data.rf_scenes import RfScene, as_sequence, draw_crops, rf_scene
from engine.training.losses.paper import Terms, unsupervised
from engine.training.recipe import Recipe

STRAIN_WINDOW: Final = 65  # samples: a quarter of a crop
HELD: Final = 256  # scenes in memory, some 2-4 MB each
FIRST_HELD_OUT: Final = 100_000


class PaperTask:
    """See `engine.training.task.Task`. Scenes are simulated when first drawn and kept in memory."""

    def __init__(self, recipe: Recipe, device: torch.device) -> None:
        torch.manual_seed(recipe.seed)
        configuration = MusseConfiguration(window=STRAIN_WINDOW, stage=recipe.trunk)
        self.net = MusseNet(configuration).to(device).train()
        self.pairs_per_step = recipe.batch * recipe.length
        self.waited = 0.0
        self.left_out = 0
        self._recipe, self._device = recipe, device
        self._warp = BandLimitedWarp().to(device)
        self._held: OrderedDict[int, RfScene] = OrderedDict()

    def terms(self, step: int) -> dict[str, Tensor]:
        """See `Task`; weighted as in `engine.training.losses.paper`."""
        recipe = self._recipe
        rng = np.random.default_rng([recipe.seed, step])
        crops = [
            draw_crops(self._scene(int(rng.integers(recipe.scenes))), recipe.length, rng)
            for _ in range(recipe.batch)
        ]
        found = self._through(*as_sequence(crops))
        self.left_out = found.left_out
        return {
            "similarity": found.similarity,
            "smoothness": found.smoothness,
            "consistency": recipe.objective.consistency * found.consistency,
        }

    def held_out(self) -> dict[str, float]:
        """Similarity loss (1 - LNCC) on held-out scenes, beside what not moving at all leaves."""
        recipe = self._recipe
        training = self.net.training
        self.net.eval()
        moved, still = [], []
        for number in range(min(recipe.held_out, HELD)):
            rng = np.random.default_rng(number)
            pre, posts = as_sequence([draw_crops(self._scene(FIRST_HELD_OUT + number), recipe.length, rng)])
            with torch.no_grad():
                moved.append(float(self._through(pre, posts).similarity))
                still.append(float(self._through(pre, posts, move=False).similarity))
        self.net.train(training)
        return {"similarity": float(np.mean(moved)), "without_motion": float(np.mean(still))}

    def _through(self, pre: Tensor, posts: list[Tensor], *, move: bool = True) -> Terms:
        """The objective of a sequence; without `move`, of a displacement of zero."""
        pre, posts = pre.to(self._device), [post.to(self._device) for post in posts]
        state = self.net.zero_state((pre.shape[-2], pre.shape[-1]), batch=len(pre), device=self._device)
        displacements, strains = [], []
        for post in posts:
            displacement, strain, state = self.net(pre, post, state)
            displacements.append(displacement if move else torch.zeros_like(displacement))
            strains.append(strain)
        return unsupervised(
            pre, posts, displacements, strains, objective=self._recipe.objective, warp=self._warp
        )

    def _scene(self, number: int) -> RfScene:
        if number not in self._held:
            begun = time.monotonic()
            self._held[number] = rf_scene(number)
            self.waited += time.monotonic() - begun
            if len(self._held) > HELD:
                self._held.popitem(last=False)
        return self._held[number]
