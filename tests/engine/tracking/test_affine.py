"""The affine part of a motion: fitted in spite of outliers, and what is left once it is taken out."""

import numpy as np
import pytest

from engine.spec import EngineSpec, FloatArray
from engine.tracking.affine import AffineMotion
from engine.tracking.iq import OVERSAMPLING, IqTransform
from engine.tracking.normalisation import PairInitialiser, Start
from tests.engine.moved_scatterers import make_pair

SPEC = EngineSpec(shape=(512, 32), sampling_frequency=40e6, center_frequency=5e6, line_pitch=0.3e-3)
OFFSET, SLOPES = np.array([1.5, -0.4]), np.array([[-0.012, 0.02], [0.001, 0.03]])


@pytest.fixture(scope="module")
def front() -> PairInitialiser:
    transform = IqTransform(SPEC)
    pre = make_pair(lambda z, x: 0.0 * z, shape=SPEC.shape, seed=1).pre
    grid = transform.grid(transform.carrier(transform.band(pre)))
    return PairInitialiser(grid, SPEC.shape[1], SPEC.line_spacing, SPEC.sample_pitch)


def _start(front: PairInitialiser, outliers: float) -> Start[FloatArray]:
    """A search that found the motion of OFFSET and SLOPES, with a share of its nodes wrong."""
    rng = np.random.default_rng(0)
    rows = front.node_row * float(OVERSAMPLING)
    lines = np.linspace(0.0, SPEC.shape[1] - 1, front.inputs.across.shape[1])
    axial, lateral = AffineMotion(OFFSET, SLOPES).at(rows, lines).transpose(0, 2, 1)
    wrong = rng.uniform(size=axial.shape) < outliers
    axial, lateral = axial + 20.0 * wrong, lateral - 9.0 * wrong
    return Start(axial * front.grid.pitch / OVERSAMPLING, lateral, np.ones(len(rows), np.float32))


def test_outlying_nodes_do_not_change_the_fit(front: PairInitialiser) -> None:
    found = AffineMotion.of(_start(front, 0.2), front)
    assert found.offset == pytest.approx(OFFSET, abs=0.05)
    assert found.slopes == pytest.approx(SLOPES, abs=2e-3)
    half_wrong = AffineMotion.of(_start(front, 0.6), front)  # the control: a majority does change it
    assert abs(half_wrong.offset[0] - OFFSET[0]) > 1.0


def test_the_residual_leads_to_the_same_place_as_the_whole_motion() -> None:
    affine = AffineMotion(OFFSET, SLOPES)
    rows, lines = np.arange(0.0, 200.0, 7.0), np.arange(0.0, 30.0)
    motion = affine.at(rows, lines) + np.random.default_rng(1).normal(0.0, 0.5, (2, len(rows), len(lines)))
    left = affine.residual(motion, rows, lines)
    aligned = np.stack(np.meshgrid(rows, lines, indexing="ij")) + left
    alignment = OFFSET[:, None, None] + np.einsum("ij,jrl->irl", SLOPES, aligned)
    assert np.allclose(left + alignment, motion, atol=1e-4)
    assert not np.allclose(left + affine.at(rows, lines), motion, atol=1e-4)  # the control: a plain sum
