"""The figures of three frames for one engine: closure relative to its predicted standard deviation."""

from collections.abc import Callable
from dataclasses import astuple
from typing import Any

import numpy as np

from engine.metrics.accuracy import Map
from engine.metrics.closure import PairMaps, closure
from tools.evaluate.figures.pairs import PairView
from tools.evaluate.methods import Maps
from tools.evaluate.suite.scene import Scene


def triple_figures(
    scene: Scene, estimate: Callable[[int, int], Maps]
) -> tuple[dict[str, float], dict[str, Any]]:
    """(figures, sums) of frames 0, 1 and 2; `estimate` maps two of their indices to the estimated maps.

    The frozen control returns the estimate of the first pair for all three, which violates closure.
    """
    view = PairView(scene)
    rows = view.truth.axial_index
    step = float(rows[1] - rows[0])
    first, second, both = (_on_rows(estimate(i, j), step) for i, j in ((0, 1), (1, 2), (0, 2)))
    found = closure(first, second, both, view.region)
    frozen = closure(first, first, first, view.region)
    figures = {
        "closure": found.z,
        "closure_strain": found.strain,
        "closure_samples": found.rows * step,
        "closure_frozen": frozen.z,
    }
    return figures, {"closure": astuple(found), "closure_frozen": astuple(frozen)}


def _on_rows(maps: Maps, step: float) -> PairMaps:
    """Maps with displacement in rows of the evaluation grid, whose columns are lines."""
    std: Map = np.full(maps.axial_strain.shape, np.inf, np.float32)
    return PairMaps(
        axial=maps.axial_displacement / np.float32(step),
        lateral=maps.lateral_displacement,
        strain=maps.axial_strain,
        std=std if maps.strain_std is None else maps.strain_std,
    )
