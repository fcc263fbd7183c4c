"""The live network as a task: crops of scenes, with truth or without."""

from copy import deepcopy

import torch
from torch import Tensor

from engine.musse.net import LiveNet
from engine.training.data.batches import COLS, ROWS, Scenes, draw_batch, reachable
from engine.training.data.withheld import draw_measured
from engine.training.losses.live_supervised import coupled, supervised
from engine.training.losses.live_unsupervised import unsupervised
from engine.training.recipe import Recipe

FINE_SHARE = 0.1  # of the steps, the last ones: without half precision


class LiveTask:
    """See `engine.training.task.Task`. `net`: a network to adapt, whose sigma is kept; None: a new one."""

    def __init__(
        self, recipe: Recipe, scenes: Scenes, device: torch.device, net: LiveNet | None = None
    ) -> None:
        torch.manual_seed(recipe.seed)  # drawn on the CPU, so that every device starts with equal weights
        self.net = (net or LiveNet(recipe.trunk)).to(device).train()
        # channels beside each other: convolutions train 1.5 times as fast on CPUs
        self.net.trunk.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # stubs
        self._teacher = None if net is None else deepcopy(self.net).eval().requires_grad_(False)
        self.pairs_per_step = recipe.batch * recipe.length
        self.left_out = 0
        self._recipe, self._scenes, self._device = recipe, scenes, device

    @property
    def waited(self) -> float:
        """See `Task`."""
        return self._scenes.figures.waited

    def terms(self, step: int) -> dict[str, Tensor]:
        """See `Task`. Raises PoolFailed."""
        recipe = self._recipe
        n_scenes = reachable(
            step,
            at_start=recipe.scenes_at_start,
            per_step=1.4 * recipe.scenes / recipe.steps,  # all of them after 70 % of the run
            count=recipe.scenes,
        )
        drawn = draw_batch(
            self._scenes, n_scenes, recipe.batch, seed=recipe.seed, step=step, length=recipe.length
        )
        batches = [batch.to(self._device) for batch in drawn]
        self.net.half_precision = recipe.half_precision and step < (1.0 - FINE_SHARE) * recipe.steps
        try:
            if recipe.coupled:
                shape = (recipe.batch, ROWS, COLS)
                use = draw_measured(shape, seed=recipe.seed, step=step).to(self._device)
                # one for all: what a shadow or a lost line hides it hides in consecutive pairs
                return coupled(self.net, batches, [use] * len(batches), contrast=recipe.contrast)
            if recipe.truth:
                return supervised(self.net, batches, contrast=recipe.contrast)
            terms, self.left_out = unsupervised(self.net, batches, recipe.unsupervised, self._teacher)
            return terms
        finally:
            self.net.half_precision = False  # what looks at the network between steps sees it as it will run
