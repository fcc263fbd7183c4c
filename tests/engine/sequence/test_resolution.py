"""Resolution follows information: coarse where pairs contain little, fine again where they contain enough."""

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.sequence.resolution import Resolution
from tests.engine.strain_noise import strain_noise

SHAPE = (200, 64)
WINDOW = (13.0, 3.3)  # rows and columns
FIXED = (0.1, 0.1)  # no box is wider than a pixel: the map itself, as fine as the strain window
INSIDE = (slice(20, -20), slice(5, -5))


def _lesion(radius: float = 30.0) -> NDArray[np.float64]:
    """A round hard lesion in soft tissue, seen through a strain window; columns are twice as wide as rows."""
    row, col = np.ogrid[: SHAPE[0], : SHAPE[1]]
    distance = np.hypot(row - 100, 2.0 * (col - 32))
    return np.asarray(1.0 - 0.6 / (1.0 + np.exp((distance - radius) / 3.0)))


def _images(
    truth: NDArray[np.float64],
    std: float,
    window: tuple[float, float] = WINDOW,
    seed: int | None = 5,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The image from one pair of this relative standard deviation; seed None: without noise."""
    noise = 0.0 if seed is None else std * strain_noise(np.random.default_rng(seed), SHAPE)
    noisy = truth + noise
    information = np.full(SHAPE, std**-2)
    return Resolution(SHAPE, window).image(
        np.stack([noisy * information, information]).astype(np.float32), 1.0
    )


def _nrmse(image: NDArray[np.float32], truth: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean((image - truth)[INSIDE] ** 2)) / truth[INSIDE].std())


def test_a_light_hand_shows_the_lesion_that_its_noise_would_hide() -> None:
    truth = _lesion()
    assert _nrmse(_images(truth, 0.6)[0], truth) < 0.6
    assert _nrmse(_images(truth, 0.6, FIXED)[0], truth) > 2.0  # the negative control: one fixed resolution


@pytest.mark.parametrize("radius", [8.0, 30.0])
def test_detail_comes_back_with_information(radius: float) -> None:
    truth = _lesion(radius)
    rows = slice(100 - int(radius) - 20, 101)

    def edge(std: float) -> float:
        return float(np.abs(np.diff(_images(truth, std, seed=None)[0][rows, 30:35].mean(axis=1))).max())

    true = float(np.abs(np.diff(truth[rows, 30:35].mean(axis=1))).max())
    assert edge(0.005) > 0.95 * true
    assert edge(0.005) > edge(0.05) > edge(0.3)
    assert _nrmse(_images(truth, 0.005)[0], truth) < 0.1


def test_a_constant_stays_what_it_is_up_to_the_border() -> None:
    value, _ = Resolution(SHAPE, WINDOW).image(np.full((2, *SHAPE), 3.0, np.float32), 1.0)
    np.testing.assert_allclose(value, 1.0, atol=1e-5)


def test_nothing_is_made_up_where_nothing_was_measured() -> None:
    sums = np.full((2, *SHAPE), 40.0, np.float32)
    sums[:, 60:90, 20:30] = 0.0
    sums[:, :, 50:] = 0.0
    value, std = Resolution(SHAPE, WINDOW).image(sums, 1.0)
    empty = sums[1] == 0
    assert np.isnan(value[empty]).all()
    assert np.isnan(std[empty]).all()
    np.testing.assert_allclose(value[~empty], 1.0, atol=1e-4)  # and no zeros leak in from there
    assert (std[~empty] > 0).all()
    assert std[~empty].max() < 3 * std[100, 10]


@pytest.mark.parametrize("std", [0.02, 0.1, 0.3, 1.0])
def test_the_std_is_not_smaller_than_the_error(std: float) -> None:
    """Pooled over draws; a ratio below 1 is room for a drifting hand, which this noise does not have."""
    truth, square, predicted = _lesion(), 0.0, 0.0
    for seed in range(6):
        image, spread = _images(truth, std, seed=seed)
        square += float(np.mean((image - truth)[INSIDE] ** 2))
        predicted += float(np.mean(spread[INSIDE] ** 2))
    assert 0.2 < np.sqrt(square / predicted) < 1.25


def test_what_the_window_leaves_out_makes_edges_uncertain_and_not_the_lesion() -> None:
    _, spread = _images(_lesion(20.0), 0.01, seed=None)
    middle, edge, far = spread[100, 32], spread[80, 32], spread[25, 6]
    assert middle < 1.3 * far
    assert edge > 2 * far


def test_one_uncertain_pixel_is_taken_from_its_neighbours() -> None:
    truth = np.ones(SHAPE)
    information = np.full(SHAPE, 1e4)
    information[100, 32] = 1.0
    values = truth.copy()
    values[100, 32] = 5.0
    sums = np.stack([values * information, information]).astype(np.float32)
    value, _ = Resolution(SHAPE, WINDOW).image(sums, 1.0)
    assert value[100, 32] == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("shape", [(8, 4), (33, 5), (250, 128), (256, 128), (37, 200)])
def test_any_grid_and_window_will_do(shape: tuple[int, int]) -> None:
    for window in ((13.0, 3.3), (26.0, 0.5), (300.0, 300.0), (1.0, 1.0)):
        value, std = Resolution(shape, window).image(np.full((2, *shape), 2.0, np.float32), 0.5)
        assert value.shape == std.shape == shape
        np.testing.assert_allclose(value, 1.0, atol=1e-4)
