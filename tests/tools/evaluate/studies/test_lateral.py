"""The study of lateral displacement: its figures on errors of known size, and the bound that it draws."""

import numpy as np
import pytest

from tools.evaluate.studies.lateral import PROBE, Seen, strain_std, table


@pytest.mark.parametrize(("scale", "inside"), [(1.0, 95.0), (2.0, 67.3)])
def test_errors_larger_than_stated_show(scale: float, inside: float) -> None:
    rng = np.random.default_rng(0)
    std = rng.uniform(1e-5, 3e-4, 40_000)
    row, pixels = table("a", [Seen(scale * std * rng.standard_normal(std.size), std)])
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert float(cells[1]) == pytest.approx(scale, rel=0.02)
    assert float(cells[2].removesuffix(" %")) == pytest.approx(inside, abs=0.7)
    assert 0.4 < float(cells[5]) < 0.7  # errors rank with what is stated
    assert pixels.std.size == std.size


def test_lateral_strain_has_seventeen_times_the_bound_of_axial_strain() -> None:
    coherence = np.array([0.8, 0.95, 0.99])
    axial = strain_std(coherence, PROBE["wavelength"] / (4 * np.pi))
    assert strain_std(coherence, PROBE["beam"]) / axial == pytest.approx([17.1] * 3, rel=0.01)
    assert (np.diff(axial) < 0).all()
