"""Physics that the network owes to training or tracking; test_construction has the guaranteed properties."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from engine.musse.net import LiveNet
from engine.sequence.quality import Thresholds
from engine.spec import FloatArray, StrainResult
from tests.engine.moved_scatterers import Pair, make_pair
from tests.engine.musse.pressed_inclusion import (
    APPLIED,
    SHAPE,
    answer,
    inclusion,
    inner,
    rms,
    strain_of,
    trained,
    true_strain,
)

pytestmark = pytest.mark.usefixtures("one_thread")

NOISY_DB = 10.0  # untrained weights average all windows alike: below this they fail, see there


def assert_recovered(result: StrainResult) -> None:
    """Slope of the estimate over the truth 0.9-1.1, error at most half of the truth's own variation."""
    truth = inner(true_strain(*np.meshgrid(result.axial_index, result.lateral_index, indexing="ij")))
    strain = inner(result.axial_strain).astype(float)
    slope = np.cov(strain.ravel(), truth.ravel())[0, 1] / truth.var(ddof=1)
    assert 0.9 <= slope <= 1.1
    assert rms(strain - truth) / truth.std() <= 0.5


@pytest.mark.parametrize("noise_db", [None, NOISY_DB])
def test_a_known_strain_with_an_inclusion_is_recovered(noise_db: float | None) -> None:
    assert_recovered(answer(noise_db))


def test_untrained_weights_do_not_recover_it_from_noise() -> None:
    """On the clean pair they do: tracking, and the average of all windows, are enough there."""
    pair = inclusion(NOISY_DB)
    with pytest.raises(AssertionError):
        assert_recovered(strain_of(LiveNet(), pair.pre, pair.post))


def disagreement(
    forth: StrainResult, back: StrainResult, law: Callable[[FloatArray], FloatArray], moved: float = 1.0
) -> float:
    """RMS, in sigmas, of strain from post to pre against what `law` makes of that from pre to post.

    It is read where tissue has moved to; `moved` scales how far, 0 not at all.
    """
    there, sigma = (carried(values, forth, moved) for values in (back.axial_strain, back.strain_std))
    off = (there - law(forth.axial_strain)) / np.hypot(sigma, forth.strain_std)
    return rms(off[14:-14, 6:-6])  # without the 60 samples and 4 lines at the edge


def both_ways(pair: Pair) -> tuple[StrainResult, StrainResult]:
    return strain_of(trained(), pair.pre, pair.post), strain_of(trained(), pair.post, pair.pre)


def carried(values: FloatArray, forth: StrainResult, moved: float = 1.0) -> FloatArray:
    """`values` at the place of post that every cell of pre has moved to."""
    step = np.diff(forth.axial_index)[0], np.diff(forth.lateral_index)[0]
    rows, cols = np.meshgrid(*map(np.arange, values.shape), indexing="ij")
    place = (
        rows + moved * forth.axial_displacement / step[0],
        cols + moved * forth.lateral_displacement / step[1],
    )
    return np.asarray(map_coordinates(values, place, order=1, mode="nearest"))


def inverse(strain: FloatArray) -> FloatArray:
    """Tissue of length 1 + s goes back to length 1."""
    return -strain / (1 + strain)


@pytest.mark.parametrize(("offset", "lines"), [(0.0, 0.0), (60.0, 0.0), (30.0, 4.0)])
def test_swapped_frames_give_the_inverse_strain_where_tissue_has_moved_to(
    offset: float, lines: float
) -> None:
    pair = both_ways(inclusion(offset=offset, lines=lines))
    agreed = disagreement(*pair, inverse)
    assert agreed < 0.8
    assert disagreement(*pair, lambda strain: strain) > 3.0  # the control: the sign counts
    if offset:  # the controls: so do the place, and which way it has moved
        assert disagreement(*pair, inverse, moved=0.0) > 1.5 * agreed
        assert disagreement(*pair, inverse, moved=-1.0) > 2.5 * agreed


@pytest.mark.parametrize("strain", [-0.04, 0.035])
def test_the_inverse_of_a_large_strain_is_not_its_negative(strain: float) -> None:
    pair = make_pair(lambda z, x: strain * (z - SHAPE[0] / 2), shape=SHAPE)
    forth, back = both_ways(pair)
    there = np.mean(carried(back.axial_strain, forth)[14:-14, 6:-6])

    def bias(expected: FloatArray) -> float:
        return abs(float(there / np.mean(expected[14:-14, 6:-6])) - 1)

    assert bias(inverse(forth.axial_strain)) < 0.005
    # the controls: the negative, and the inverse taken twice
    assert bias(-forth.axial_strain) > 0.8 * abs(strain)
    assert bias(inverse(forth.axial_strain) / (1 + forth.axial_strain)) > 0.8 * abs(strain)


def largest_and_mean(pre: Any, post: Any) -> tuple[float, float]:
    strain = strain_of(trained(), pre, post).axial_strain
    return float(np.abs(strain).max()), abs(float(np.mean(inner(strain))))


def test_no_motion_gives_no_strain() -> None:
    least = Thresholds().min_strain  # what the node calls no motion
    pair = make_pair(lambda z, x: -2 * least * z, shape=SHAPE)
    still, pressed = pair.pre, pair.post
    assert largest_and_mean(still, still.copy())[0] < least
    assert largest_and_mean(still, pressed)[0] > least  # the control: twice the least is seen
    rng = np.random.default_rng(3)
    noise = [0.1 * rng.standard_normal(SHAPE) for _ in range(2)]

    def noisy(post: FloatArray) -> float:
        frames = ((frame + n).astype(np.float32) for frame, n in zip((still, post), noise, strict=True))
        return largest_and_mean(*frames)[1]

    assert noisy(still) < 1e-4
    assert noisy(pressed) > least


def change(pair: Pair) -> tuple[float, float, float]:
    """Of strain, RMS and mean, and mean of displacement, against the pair that was only pressed."""
    result = strain_of(trained(), pair.pre, pair.post)
    strain = inner(result.axial_strain - answer().axial_strain)
    moved = inner(result.axial_displacement - answer().axial_displacement)
    return rms(strain), abs(float(np.mean(strain))), float(np.mean(moved))


def test_a_rigid_shift_changes_nothing() -> None:
    spread, bias, moved = change(inclusion(offset=9.3, lines=0.7))
    assert spread < 0.1 * abs(APPLIED)
    assert bias < 0.01 * abs(APPLIED)
    assert moved == pytest.approx(9.3, abs=0.05)
    # the control: a shift that strains as well
    spread, bias, moved = change(inclusion(offset=9.3, lines=0.7, stretch=0.2 * APPLIED))
    assert spread > 0.1 * abs(APPLIED)
    assert bias > 0.1 * abs(APPLIED)
    assert moved != pytest.approx(9.3, abs=0.05)
