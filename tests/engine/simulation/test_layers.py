"""The demo's tissue: layers that B-mode shows, a hard lesion that it hides, a soft one that it does not."""

from dataclasses import replace

import numpy as np
import pytest

from engine.bmode import bmode
from engine.simulation.layers import layered_tissue
from engine.simulation.scenario import DEMO, simulated_acquisition


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    acquisition = simulated_acquisition(replace(DEMO, frames=1))
    grey = bmode(acquisition.frame(0), acquisition.imaging.spec)
    return grey.astype(float) / 255 * 60  # dB above the floor


def disc(image: np.ndarray, depth: float, lateral: float, radius: float) -> np.ndarray:
    rows, cols = np.indices(image.shape)
    z, x = (rows + 0.5) / image.shape[0] * 38.5, (cols - 63.5) * 0.3
    return np.asarray((z - depth) ** 2 + (x - lateral) ** 2 < radius**2)


def test_bmode_hides_the_hard_lesion_and_shows_the_soft_one(image: np.ndarray) -> None:
    hard, soft = DEMO.inclusions
    for inclusion, low, high in ((hard, -1.5, 1.5), (soft, -12.0, -4.0)):
        z, x, r = (1e3 * value for value in (inclusion.depth, inclusion.lateral, inclusion.radius))
        inside = disc(image, z, x, 0.85 * r)
        around = disc(image, z, x, 1.8 * r) & ~disc(image, z, x, 1.15 * r)
        assert low < image[inside].mean() - image[around].mean() < high


def test_layers_are_bright_and_dark_bands(image: np.ndarray) -> None:
    fat, muscle = image[60:100].mean(), image[200:300, :100].mean()
    assert muscle - fat > 3
    assert image.std() > 5


def test_every_sheet_has_an_upper_edge_above_its_lower_one() -> None:
    assert all(sheet.top < sheet.bottom for sheet in layered_tissue(0.04))  # type: ignore[attr-defined]
