"""The fused image: shown by default, normalised by the viewer's region, with its age."""

import numpy as np
import pytest

from tests.tools.display.display_messages import (
    bmode_message,
    fused_message,
    phantom,
    received,
    status_message,
    strain_message,
)
from tools.display import panels, readouts
from tools.display.options import DisplayOptions
from tools.display.png import facts_of
from tools.display.readouts import pointer_text
from tools.display.render import SIZE, render
from tools.display.state import DisplayState
from tools.display.strain_image import StrainImage, fused_image, strain_image


def opened(options: DisplayOptions | None = None) -> DisplayState:
    return DisplayState(options or DisplayOptions(), address="tcp://127.0.0.1:5561", now=0.0)


def test_it_is_shown_by_default_and_the_pair_on_demand() -> None:
    state = opened()
    state.update(received(status_message(), strain_message(), fused_message()), 1.0)
    shown = state.view(1.0).strain
    assert shown is not None
    assert shown.pairs == pytest.approx(12.0)
    state.change(DisplayOptions(image="pair"))
    pair = state.view(1.0).strain
    assert pair is not None
    assert pair.pairs is None


def test_signed_percent_is_always_that_of_a_pair() -> None:
    state = opened(DisplayOptions(value="percent"))
    state.update(received(status_message(), strain_message(), fused_message()), 1.0)
    shown = state.view(1.0).strain
    assert shown is not None
    assert np.isfinite(shown.percent).all()


@pytest.mark.parametrize(("persistence", "words"), [(0.0, "one pair"), (0.5, "single pairs")])
def test_signed_percent_is_marked_as_that_of_a_pair_wherever_it_stands(
    persistence: float, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = opened(DisplayOptions(value="percent", persistence=persistence))
    state.update(received(status_message(), strain_message(), fused_message()), 1.0)
    state.pointer = (0.0, 5.0)
    view, drawn = state.view(1.0), list[str]()
    for module in (panels, readouts):
        monkeypatch.setattr(module, "draw_text", lambda canvas, text, *_, **__: drawn.append(text))
    render(view, SIZE)
    assert f"% of {words}" in drawn  # at the colour bar
    assert any(text.endswith(f"signed, in %, {words}") for text in drawn)
    assert pointer_text(view).endswith(f"% of {words}")
    assert facts_of(view)["Settings"]["value"] == f"% of {words}"


def test_without_a_fused_image_the_pair_is_shown() -> None:
    state = opened()
    state.update(received(status_message(), strain_message()), 1.0)
    assert isinstance(state.view(1.0).strain, StrainImage)


def test_it_equals_the_image_of_a_pair_of_the_same_strain() -> None:
    fused, pair = fused_image(fused_message(phantom(1.0)), None), strain_image(strain_message(), None)
    assert isinstance(fused, StrainImage)
    assert isinstance(pair, StrainImage)
    np.testing.assert_allclose(fused.normalised, pair.normalised, rtol=1e-5)
    other = fused_image(fused_message(phantom(1.0) ** 2), None)
    assert isinstance(other, StrainImage)
    assert not np.allclose(other.normalised, pair.normalised, rtol=1e-2)


def test_the_viewers_region_divides_its_own_median_out() -> None:
    region = (14e-3, 22e-3, -1e-3, 5e-3)  # inside the hard inclusion
    shown = fused_image(fused_message(), region)
    assert isinstance(shown, StrainImage)
    finite = np.isfinite(shown.normalised)
    assert 0 < np.count_nonzero(finite) < finite.size
    np.testing.assert_allclose(shown.normalised[finite], 1.0, rtol=1e-5)


def test_no_value_stays_no_value() -> None:
    relative = phantom(1.0)
    relative[:20] = np.nan
    shown = fused_image(fused_message(relative), None)
    assert isinstance(shown, StrainImage)
    assert np.isnan(shown.normalised[:20]).all()
    assert (shown.confidence[:20] == 0).all()


@pytest.mark.parametrize(
    ("rejection", "after", "grey"),
    [
        ("no_motion", 0.9, False),
        ("no_motion", 1.1, True),
        ("decorrelated", 0.9, False),
        ("sliding", 1.1, True),
    ],
)
def test_it_outlives_rejected_pairs_for_a_second(rejection: str, after: float, grey: bool) -> None:
    state = opened()
    state.update(received(status_message(), strain_message(), fused_message()), 1.0)
    now = 1.0
    while now < 1.0 + after - 0.04:
        now += 0.04
        state.update(received(status_message(), strain_message(rejection=rejection)), now)
    view = state.view(1.0 + after)
    assert view.greyed is grey
    assert view.held


def test_a_new_image_ends_the_holding() -> None:
    state = opened()
    state.update(received(status_message(), strain_message(), fused_message()), 1.0)
    state.update(received(strain_message(rejection="no_motion")), 1.1)
    state.update(received(strain_message(), fused_message(post_index=3)), 1.2)
    view = state.view(1.2)
    assert view.held is None
    assert not view.greyed


def test_the_title_gives_the_equivalent_number_of_pairs() -> None:
    state = opened()
    state.update(received(status_message(), bmode_message(), strain_message(), fused_message()), 1.0)
    twelve = render(state.view(1.0))
    state.update(received(fused_message(effective_pairs=3.0)), 1.0)
    three = render(state.view(1.0))
    assert (twelve != three).any()
    assert (twelve == three).mean() > 0.99  # only the title differs
