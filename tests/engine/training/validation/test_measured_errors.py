"""How errors hang together, measured on errors of which it is known."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from torch import Tensor

from engine.musse.manifest import UNMEASURED, MeasuredErrors
from engine.musse.net import LiveNet
from engine.musse.residual import LiveEstimate, Prior
from engine.musse.tracking_features import TrackingFeatures
from engine.training.data.pool import PoolFigures
from engine.training.data.samples import Samples
from engine.training.data.scenes import FRAMES
from engine.training.validation.measured_errors import measured_errors
from tests.engine.training.tiny_training import TINY, made_samples

CPU = torch.device("cpu")
SCENES, PAIRS = 3, FRAMES - 1
STEP = 3  # cells that tissue moves by from frame to frame


class _Moving:
    """Scenes of uniform strain; tissue moves by `STEP` cells per pair, which truth contains if `recorded`."""

    def __init__(self, *, recorded: bool = True, strain: float = 0.01) -> None:
        self.figures = PoolFigures()
        self.scenes = [made_samples(seed, 0.1) for seed in range(SCENES)]
        for samples in self.scenes:
            samples.maps["strain"][:] = strain
            samples.maps["motion"][:] = STEP if recorded else 0.0

    def scene(self, index: int) -> Samples:
        return self.scenes[index]


class _Wrong(LiveNet):
    """Returns prepared estimates pair by pair: truth with errors, partly common, `smooth` cells fine."""

    def __init__(
        self,
        shape: tuple[int, int],
        shared: float,
        strain: float = 0.01,
        smooth: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        super().__init__(TINY)
        rng = np.random.default_rng(2)
        self._estimates: list[NDArray[np.float64]] = []
        for _ in range(SCENES):
            common = rng.normal(size=shape)
            for pair in range(PAIRS):
                moved = np.roll(common, STEP * pair, axis=0)
                error = np.sqrt(shared) * moved + np.sqrt(1 - shared) * rng.normal(size=shape)
                error = gaussian_filter(error, smooth, mode="wrap")
                error /= error.std()
                self._estimates.append(strain * (1.0 + 0.2 * error))
        self._std = 0.2 * abs(strain)

    def forward(self, cells: TrackingFeatures, measured: Tensor | None = None) -> LiveEstimate:
        strain = torch.from_numpy(self._estimates.pop(0).astype(np.float32))[None]
        one = torch.ones_like(strain)
        prior = Prior(strain, self._std * one, 0 * one, 0 * one)
        return LiveEstimate(strain, self._std * one, 0 * one, one[None], one, prior)


def _measured(
    scenes: _Moving, shared: float, strain: float = 0.01, smooth: tuple[float, float] = (0.0, 0.0)
) -> MeasuredErrors:
    shape = scenes.scene(0).maps["weight"].shape[1:]
    return measured_errors(_Wrong((shape[0], shape[1]), shared, strain, smooth), scenes, SCENES, CPU)


@pytest.mark.parametrize("shared", [0.0, 0.5, 1.0])
def test_the_share_is_what_it_was_made_to_be(shared: float) -> None:
    assert _measured(_Moving(), shared).shared == pytest.approx(shared, abs=0.03)


def test_a_common_error_is_found_only_where_the_tissue_has_gone() -> None:
    """Negative control: compared at the same place, moved errors have nothing in common."""
    assert _measured(_Moving(recorded=False), 1.0).shared < 0.1


def test_without_accepted_pairs_the_fraction_stays_unmeasured() -> None:
    found = _measured(_Moving(strain=1e-4), 0.5, strain=1e-4)
    assert found == MeasuredErrors() == MeasuredErrors(shared=UNMEASURED, correlation=None)


@pytest.mark.parametrize("smooth", [(2.0, 1.0), (4.0, 2.0)])
def test_the_lengths_are_those_the_errors_were_made_with(smooth: tuple[float, float]) -> None:
    """White noise through a Gaussian of sigma s correlates as exp(-(d / 2 s)^2)."""
    found = _measured(_Moving(), 0.5, smooth=smooth).correlation
    assert found == pytest.approx([2 * s for s in smooth], rel=0.15)


def test_independent_errors_have_lengths_below_a_cell() -> None:
    found = _measured(_Moving(), 0.0).correlation
    assert found is not None
    assert max(found) < 1.0
