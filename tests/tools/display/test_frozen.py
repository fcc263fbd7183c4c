"""A frozen image, and a new region in the image that stands."""

from dataclasses import replace

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
from tests.tools.display.display_states import opened, running
from tools.display.config import ImageKind
from tools.display.options import DisplayOptions


def test_a_frozen_frame_keeps_image_numbers_and_trace_after_the_node_is_killed() -> None:
    state, last = running()
    state.toggle_freeze(last + 0.1)
    frozen = state.view(last + 0.1)
    assert frozen.frozen is not None
    assert not frozen.frozen.review
    newer = strain_message(2 * phantom(), mean=-0.01, post_index=99, predicted_snre=9.0)
    state.update(received(bmode_message(seed=9), newer), last + 0.14)
    view = state.view(last + 12.0)
    for name in ("strain", "bmode", "trace", "trace_end", "quality", "mean_strain", "predicted_snre", "held"):
        assert getattr(view, name) is getattr(frozen, name), name
    assert not view.greyed
    assert not view.bmode_greyed
    assert view.ages.rates.grey  # the link's numbers are old and marked as such
    assert view.banner.text == "NODE LOST"
    assert view.frozen is not None
    assert view.frozen.age == pytest.approx(12.0)
    assert view.frozen.taken_at == pytest.approx(last)
    assert "12 s old" in view.frozen.label
    state.toggle_freeze(last + 12.0)
    state.update(received(status_message(), newer), last + 12.0)
    assert state.view(last + 12.0).strain is not frozen.strain


def test_after_a_lost_node_freeze_brings_the_last_image_back_in_colour_as_review() -> None:
    state, last = running()
    assert state.view(last + 5).greyed
    state.toggle_freeze(last + 5)
    view = state.view(last + 6)
    assert view.frozen is not None
    assert view.frozen.review
    assert view.frozen.label.startswith("REVIEW")
    assert view.frozen.age == pytest.approx(6.0)
    assert not view.greyed
    assert not view.bmode_greyed
    state.toggle_freeze(last + 7)
    assert state.view(last + 7).greyed


LESION = (14.0, 22.0, -1.0, 5.0)
"""mm, inside the hard inclusion of the messages."""


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("image", ["fused", "pair"])
def test_a_new_region_is_measured_at_once_in_the_image_that_stands(frozen: bool, image: ImageKind) -> None:
    state, last = running(DisplayOptions(image=image))
    state.update(
        received(status_message(), strain_message(post_index=51), fused_message(post_index=51)), last
    )
    if frozen:
        state.toggle_freeze(last)
    before = state.view(last)
    assert before.strain is not None
    assert state.change(replace(state.options, region=LESION))
    after = state.view(last)
    assert after.strain is not None
    assert after.region == after.strain.region == pytest.approx([n * 1e-3 for n in LESION])
    inside = np.isfinite(after.strain.normalised)
    assert np.nanmedian(after.strain.normalised) == pytest.approx(1.0, abs=1e-3)
    assert np.nanmedian(before.strain.normalised[inside]) == pytest.approx(0.35, abs=0.02)  # hard, there
    assert after.quality == after.strain.quality != before.quality
    assert after.strain.post_index == before.strain.post_index
    assert state.change(replace(state.options, region=None))  # the node's again
    back = state.view(last).strain
    assert back is not None
    np.testing.assert_array_equal(back.normalised, before.strain.normalised)


@pytest.mark.parametrize("frozen", [False, True])
def test_a_region_without_a_value_is_not_taken(frozen: bool) -> None:
    relative = phantom(1.0)
    relative[:, :12] = np.nan
    state, last = running()
    state.update(received(status_message(), strain_message(), fused_message(relative)), last)
    if frozen:
        state.toggle_freeze(last)
    before = state.view(last)
    assert before.strain is not None
    left = 1e3 * before.strain.grid.lateral_start
    width = 1e3 * before.strain.grid.lateral_step
    assert not state.change(replace(state.options, region=(0.0, 40.0, left, left + 10 * width)))
    assert state.options.region is None
    assert state.view(last).strain is before.strain


def test_a_frozen_image_has_the_bmode_of_its_own_frame() -> None:
    state, last = running()
    state.update(
        received(status_message(), strain_message(rejection="no_motion", post_index=51)), last + 0.04
    )
    state.update(received(bmode_message(frame_index=51)), last + 0.04)
    live = state.view(last + 0.04)
    assert live.bmode is not None
    assert live.bmode.frame == ("s1", 51)
    state.toggle_freeze(last + 0.04)
    view = state.view(last + 0.04)
    assert view.bmode is not None
    assert view.strain is not None
    assert view.bmode.frame == ("s1", view.strain.post_index)


def test_a_new_range_is_shown_on_a_frozen_bmode_without_strain_too() -> None:
    state = opened()
    state.update(received(status_message(), bmode_message()), 1.0)
    state.toggle_freeze(1.0)
    assert state.change(replace(state.options, range_max=4.0))
    assert state.view(1.1).range_top == 4.0


def test_an_image_that_is_not_shown_does_not_refuse_a_region() -> None:
    strain = phantom()
    strain[:, :12] = np.nan
    state = opened()
    state.update(received(status_message(), strain_message(strain), fused_message()), 1.0)
    shown = state.view(1.0).strain
    assert shown is not None
    left, width = 1e3 * shown.grid.lateral_start, 1e3 * shown.grid.lateral_step
    region = (0.0, 40.0, left, left + 10 * width)
    assert state.change(replace(state.options, region=region))
    assert state.view(1.0).strain is not None
    assert state.change(replace(state.options, image="pair"))
    view = state.view(1.0)
    assert view.strain is None  # not one that is divided by the older region's average
    assert view.held
