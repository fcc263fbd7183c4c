"""A score of weights that takes seconds: the error of one pair of each of a few held-out scenes.

Every manifest of trained weights holds it, so that damage to the weights or to the program around them shows
at once. It is too small to choose between weights: that is what the held-out scenes are for.
"""

from typing import Final

import torch

from engine.musse.cells import CellGrid
from engine.musse.net import LiveNet
from engine.training.data.batches import Batch
from engine.training.data.samples import Map, Pair, track_frames
from engine.training.data.scenes import draw_scene
from engine.training.validation.unsupervised import whole

SCENES: Final = (100_003, 100_004, 100_008, 100_012)
"""Random stiffness, uniform, islands, an ellipse: quick to simulate, and unlike each other."""


def fixed_batches() -> list[Batch]:
    """The first pair of each of `SCENES`, whole, about half a second each."""
    return [_first_pair(number) for number in SCENES]


def fixed_score(net: LiveNet, batches: list[Batch]) -> dict[str, float]:
    """RMS error of strain over RMS strain, by the number of the scene."""
    return {str(number): round(_error(net, batch), 5) for number, batch in zip(SCENES, batches, strict=True)}


def _first_pair(number: int) -> Batch:
    scene = draw_scene(number)
    acquisition, (pre, post) = scene.acquisition, scene.pairs[0]

    def truth(pair: Pair, cells: CellGrid) -> tuple[Map, Map]:
        at = acquisition.pair_truth(
            pre, post, axial_index=cells.axial_index, lateral_index=cells.lateral_index
        )
        return at.axial_strain, at.axial_displacement / cells.samples

    frames = [acquisition.frame(pre), acquisition.frame(post)]
    return whole(track_frames(frames, acquisition.imaging.spec, [(0, 1)], kind=scene.kind, truth=truth), 0)


def _error(net: LiveNet, batch: Batch) -> float:
    with torch.inference_mode():
        strain = net(batch.cells).strain[batch.counted]
    truth = batch.strain[batch.counted]
    return float((strain - truth).square().mean().sqrt() / truth.square().mean().sqrt())
