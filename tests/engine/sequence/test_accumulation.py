"""Displacement chained over pairs: right on moving tissue, equal to the direct one within its sigma."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.factory import open_estimator
from engine.sequence.accumulation import Accumulation
from engine.simulation import inclusion_phantom, simulate_acquisition
from engine.simulation.deformation import Mode, motion
from engine.simulation.effects import Noise
from engine.simulation.imaging import Imaging, Zone
from engine.simulation.pointspread import PointSpread
from engine.spec import EngineSpec, StrainResult

ROWS, COLS, STEP = 120, 16, 8.0
EVERYWHERE = np.ones((ROWS, COLS), bool)


def _stretch(scale: float) -> StrainResult:
    """A pair whose tissue at sample z goes to z * scale."""
    index = np.arange(ROWS, dtype=np.float32) * np.float32(STEP)
    move = np.broadcast_to(((scale - 1.0) * index)[:, None], (ROWS, COLS)).astype(np.float32)
    zero = np.zeros((ROWS, COLS), np.float32)
    return StrainResult(
        axial_displacement=move,
        lateral_displacement=zero,
        axial_strain=zero,
        strain_std=zero,
        ncc=zero,
        axial_index=index,
        lateral_index=np.arange(COLS, dtype=np.float32),
    )


def test_stretches_multiply() -> None:
    chain = Accumulation()
    for k in range(5):
        reached = chain.update(_stretch(0.98), valid=EVERYWHERE, pre_index=k, post_index=k + 1)
    assert reached is not None
    expected = (0.98**5 - 1.0) * np.arange(ROWS) * STEP
    np.testing.assert_allclose(reached.axial, np.broadcast_to(expected[:, None], (ROWS, COLS)), atol=2e-3)
    assert np.isfinite(reached.axial).all()
    added = 5 * (0.98 - 1.0) * np.arange(ROWS) * STEP  # the sum without following the tissue
    assert np.abs(added - expected).max() > 1.0


def test_press_and_release_end_where_they_began() -> None:
    chain = Accumulation()
    chain.update(_stretch(0.98), valid=EVERYWHERE, pre_index=0, post_index=1)
    back = chain.update(_stretch(1 / 0.98), valid=EVERYWHERE, pre_index=1, post_index=2)
    assert back is not None
    np.testing.assert_allclose(back.axial, 0.0, atol=1e-3)


def test_key_frames_and_strides_continue_the_chain() -> None:
    chain = Accumulation()
    chain.update(_stretch(0.98), valid=EVERYWHERE, pre_index=0, post_index=2)
    same = chain.update(_stretch(0.97), valid=EVERYWHERE, pre_index=0, post_index=3)  # the same key frame
    on = chain.update(_stretch(0.98), valid=EVERYWHERE, pre_index=2, post_index=4)  # a reached post as key
    assert same is not None
    assert on is not None
    assert same.axial[-1, 0] == pytest.approx((0.97 - 1) * (ROWS - 1) * STEP, abs=1e-3)
    assert on.axial[-1, 0] == pytest.approx((0.98**2 - 1) * (ROWS - 1) * STEP, abs=2e-3)


def test_a_pair_that_does_not_continue_it_is_left_out() -> None:
    chain = Accumulation()
    chain.update(_stretch(0.98), valid=EVERYWHERE, pre_index=0, post_index=1)
    assert chain.update(_stretch(0.98), valid=EVERYWHERE, pre_index=7, post_index=8) is None
    chain.reset()
    assert chain.update(_stretch(0.98), valid=EVERYWHERE, pre_index=7, post_index=8) is not None


def test_lost_tissue_has_no_value_and_stays_lost() -> None:
    valid = EVERYWHERE.copy()
    valid[40:50] = False
    chain = Accumulation()
    first = chain.update(_stretch(0.999), valid=valid, pre_index=0, post_index=1)
    second = chain.update(_stretch(0.999), valid=EVERYWHERE, pre_index=1, post_index=2)
    assert first is not None
    assert second is not None
    assert np.isnan(first.axial[41:49]).all()
    assert np.isnan(second.axial[41:49]).all()
    assert np.isfinite(second.axial[60:-3]).all()
    gone = chain.update(_stretch(1.5), valid=EVERYWHERE, pre_index=2, post_index=3)
    assert gone is not None
    assert np.isnan(gone.lateral[0:60]).sum() < gone.lateral[0:60].size  # what stays inside has a value


def test_chained_equals_direct_within_two_sigma() -> None:
    spec = EngineSpec(shape=(1000, 48), sampling_frequency=40e6, center_frequency=5e6, line_pitch=0.3e-3)
    phantom = inclusion_phantom()
    press = np.linspace(0.0, 0.03, 6)
    acquisition = simulate_acquisition(
        phantom,
        Imaging(spec=spec, zones=(Zone(depth=0.0, point_spread=PointSpread(center_frequency=5e6)),)),
        motion([Mode(field=phantom.compression, amplitude=press)]),
        effects=(Noise(in_band_snr_db=25.0),),
        seed=3,
    )
    frames = list(acquisition.frames())
    estimator = open_estimator(
        "reference", shape=spec.shape, sampling_frequency=40e6, center_frequency=5e6, line_pitch=0.3e-3
    )
    chain, variance = Accumulation(), 0.0
    added: NDArray[Any] | float = 0.0
    to_displacement = spec.axial_window / spec.sample_pitch / np.sqrt(12.0)  # slope and mean of one line fit
    for k in range(5):
        link = estimator.step(frames[k], frames[k + 1])
        everywhere = np.isfinite(link.strain_std)
        reached = chain.update(link, valid=everywhere, pre_index=k, post_index=k + 1)
        variance = variance + (link.strain_std * to_displacement) ** 2
        added = added + link.axial_displacement
    direct = estimator.step(frames[0], frames[5])
    sigma = np.sqrt(variance + (direct.strain_std * to_displacement) ** 2)
    inside = (slice(20, -20), slice(3, -3))
    assert reached is not None
    within = np.abs(reached.axial - direct.axial_displacement)[inside] <= 2.0 * sigma[inside]
    assert np.mean(within) >= 0.95
    not_following = np.abs(added - direct.axial_displacement)[inside] <= 2.0 * sigma[inside]
    assert np.mean(not_following) < 0.8
