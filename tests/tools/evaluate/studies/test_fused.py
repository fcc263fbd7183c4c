"""The table of the fused deviation, on images made by hand."""

import numpy as np
import pytest

from tools.evaluate.studies.fused import Image, table


def _cells(factor: float) -> list[str]:
    """Of images whose errors are `factor` times what the deviation states."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(4):
        std = rng.uniform(0.05, 0.5, 5000)
        found.append(Image(factor * std * rng.normal(size=5000), std, rng.uniform(0.5, 1.0, 5000)))
    return [cell.strip() for cell in table("any", found).strip("|").split("|")]


def test_errors_as_large_as_stated_give_one_everywhere() -> None:
    name, ratio, inside, deciles, bands, median, count = _cells(1.0)
    assert (name, count) == ("any", "4")
    assert [float(value) for value in (ratio, median)] == pytest.approx([1.0, 1.0], abs=0.03)
    assert float(inside.removesuffix(" %")) == pytest.approx(95.0, abs=1.0)
    for row in (deciles, bands):
        assert all(abs(float(value) - 1.0) < 0.1 for value in row.split(","))


def test_errors_twice_as_large_give_two() -> None:
    _, ratio, inside, *_ = _cells(2.0)
    assert float(ratio) == pytest.approx(2.0, abs=0.06)
    assert float(inside.removesuffix(" %")) < 75.0
