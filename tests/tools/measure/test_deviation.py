"""The deviation of a region's mean: limited by the region's scatter, and never small where noise rules."""

from dataclasses import replace

import pytest

from engine.metrics.region import RegionMean
from tools.measure.deviation import limited

EVEN = RegionMean(mean=1.0, std=0.02, pixel_std=0.08, spread=0.08, valid_share=1.0, pixels=900)  # 16 cells

engines = pytest.mark.parametrize("engine", ["reference", "onnx"])


@engines
def test_deviations_that_the_region_does_not_show_count_less(engine: str) -> None:
    assert limited(EVEN, engine)[0].std == pytest.approx(0.02, rel=0.05)
    calm, share = limited(replace(EVEN, spread=0.02), engine)
    assert calm.std < 0.5 * EVEN.std
    assert share < 0.25
    contrast = replace(EVEN, spread=0.5)  # is no error
    assert limited(contrast, engine)[0].std == pytest.approx(0.02, rel=0.05)


@engines
def test_a_few_cells_do_not_show_their_scatter(engine: str) -> None:
    tiny = replace(EVEN, std=0.08, spread=0.0)
    assert limited(tiny, engine)[0].std > 0.6 * tiny.std


@engines
def test_where_noise_hides_the_tissue_the_whole_region_may_be_wrong(engine: str) -> None:
    flat = replace(EVEN, std=0.06, pixel_std=0.24, spread=0.01)
    assert limited(flat, engine)[0].std == pytest.approx(0.24, rel=0.05)


def test_an_even_region_counts_for_more_with_the_network_whose_deviations_are_cautious_there() -> None:
    calm = replace(EVEN, spread=0.02)
    assert limited(calm, "onnx")[0].std == pytest.approx(0.0059, rel=0.03)
    assert limited(calm, "reference")[0].std == pytest.approx(0.0085, rel=0.03)
