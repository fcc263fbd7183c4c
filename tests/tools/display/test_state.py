"""The display's decisions from messages and a clock: STALE, NODE LOST, held, frozen, waiting."""

from dataclasses import replace

import numpy as np
import pytest

from streamer.headers import StrainHeader
from streamer.subscriber import Received
from tests.tools.display.display_messages import (
    bmode_message,
    fused_message,
    phantom,
    received,
    received_with,
    status_message,
    strain_message,
)
from tools.display.config import ImageKind
from tools.display.options import DisplayOptions
from tools.display.state import DisplayState

ADDRESS = "tcp://127.0.0.1:5561"


def opened(options: DisplayOptions | None = None, source: str | None = None) -> DisplayState:
    return DisplayState(options or DisplayOptions(), address=ADDRESS, now=0.0, source=source)


def running(
    options: DisplayOptions | None = None, *, rate: float = 25.0, until: float = 2.0
) -> tuple[DisplayState, float]:
    """A state after a steady stream of good results; and the time of the last one."""
    state, number = opened(options), round(until * rate)
    for index in range(1, number + 1):
        message = strain_message(post_index=index)
        state.update(
            received(status_message(frame_rate=rate), bmode_message(rows=64, frame_index=index), message),
            index / rate,
        )
    return state, number / rate


@pytest.mark.parametrize(("rate", "limit"), [(50.0, 0.2), (25.0, 0.4), (10.0, 0.5), (500.0, 0.1)])
def test_stale_after_ten_frame_periods_at_most_half_a_second(rate: float, limit: float) -> None:
    state, last = running(rate=rate)
    for wait, text in ((limit - 0.02, "LIVE"), (limit + 0.02, "STALE")):
        state.update(received(status_message(frame_rate=rate)), last + wait)  # the node itself still speaks
        view = state.view(last + wait)
        assert view.banner.text == text
        assert view.greyed == (text == "STALE")
        assert view.strain is not None


def test_a_new_result_ends_stale() -> None:
    state, last = running()
    assert state.view(last + 1).banner.text == "STALE"
    state.update(received(status_message(), strain_message(post_index=99)), last + 1.1)
    view = state.view(last + 1.1)
    assert (view.banner.text, view.greyed) == ("LIVE", False)


def test_node_lost_after_1200_ms_without_status_even_when_results_go_on() -> None:
    state, last = running()
    for step in range(1, 31):
        now = last + step * 0.05
        state.update(received(strain_message(post_index=100 + step)), now)
        assert state.view(now).banner.text == ("NODE LOST" if now - last > 1.2 else "LIVE"), now - last


def test_node_lost_outweighs_stale_and_a_status_ends_it() -> None:
    state, last = running()
    view = state.view(last + 1.21)
    assert (view.banner.text, view.banner.level, view.greyed) == ("NODE LOST", "alarm", True)
    state.update(received(status_message(state="WAITING")), last + 3)
    assert state.view(last + 3).banner.text == "STALE"  # the node lives, its image is old


def test_a_fault_is_shown_with_its_reason_and_an_old_image_is_grey_under_it() -> None:
    state, last = running()
    state.update(received(status_message(state="FAULT", reasons=("no GPU memory",))), last + 0.9)
    view = state.view(last + 0.9)
    assert (view.banner.text, view.banner.detail, view.greyed) == ("FAULT", "no GPU memory", True)


@pytest.mark.parametrize("weak", [False, True])
def test_held_greys_strain_and_its_numbers_after_a_second_and_the_bmode_never(weak: bool) -> None:
    state, last = running()
    before = state.view(last).strain
    for step in range(1, 40):
        now = last + 0.04 * step
        index = 100 + step
        newest = (
            strain_message(phantom(-0.0003), mean=-0.0003, predicted_snre=1.2, post_index=index)
            if weak
            else strain_message(rejection="decorrelated", post_index=index)
        )
        state.update(received(status_message(), bmode_message(frame_index=index), newest), now)
        view = state.view(now)
        assert view.strain is before
        assert view.held is not None
        assert ("1.2 is below 2" if weak else "out-of-plane") in view.held
        assert view.held_for == pytest.approx(now - last)
        assert view.greyed == (now - last > 1.0)
        assert not view.bmode_greyed
        assert view.bmode is not None
        assert view.bmode.frame == ("s1", index)
        assert (view.mean_strain is None) == (not weak)
    lost = state.view(now + 1.5)
    assert (lost.banner.text, lost.held) == ("NODE LOST", lost.banner.detail)


def test_each_element_greys_by_its_own_age() -> None:
    state, last = running()
    for step in range(1, 16):  # strain goes on, B-mode has stopped
        state.update(received(status_message(), strain_message(post_index=100 + step)), last + 0.04 * step)
    view = state.view(last + 0.6)
    assert (view.greyed, view.bmode_greyed, view.ages.rates.grey) == (False, True, False)
    assert view.ages.bmode.seconds == pytest.approx(0.6)
    lost = state.view(last + 0.6 + 1.3)
    assert (lost.greyed, lost.bmode_greyed, lost.ages.rates.grey) == (True, True, True)
    assert lost.ages.strain.seconds == pytest.approx(1.3)


def test_a_fused_image_that_no_pair_renews_is_grey_after_a_second() -> None:
    state, last = running()
    state.update(received(status_message(), fused_message(post_index=50)), last)
    for step in range(1, 31):  # accepted pairs that add nothing to it
        now = last + 0.04 * step
        state.update(received(status_message(), strain_message(post_index=100 + step)), now)
        assert state.view(now).greyed == (now - last > 1.0)
    assert state.view(now).held == "no new image came"


def test_the_trace_gets_every_pair_rejected_ones_as_gaps() -> None:
    state = opened()
    good, bad = strain_message(mean=-0.004).header, strain_message(rejection="gap").header
    assert isinstance(good, StrainHeader)
    assert isinstance(bad, StrainHeader)
    state.update(received_with([strain_message()], [good, bad, good]), 0.3)
    trace = state.view(0.3).trace
    assert [point.mean_strain for point in trace] == [-0.004, None, -0.004]
    assert [point.time for point in trace] == pytest.approx([0.1, 0.2, 0.3])  # spread over the poll
    state.update(Received(), 11.0)
    assert state.view(11.0).trace == ()


def test_a_silence_breaks_the_trace_and_leaves_it_empty() -> None:
    state, last = running()
    state.update(Received(), last + 3.0)
    headers = [strain_message(post_index=100 + n).header for n in range(5)]
    late = last + 3.2
    state.update(received_with([strain_message(post_index=104)], headers), late)  # type: ignore[arg-type]
    trace = state.view(late).trace
    assert [point.after_gap for point in trace].count(True) == 1
    assert not [point for point in trace if last + 0.01 < point.time < late - 0.25]
    assert state.view(late).rates.result_rate == pytest.approx(25, rel=0.3)  # not one over the silence


def test_a_stopped_display_spreads_what_waited_at_its_own_period() -> None:
    state, last = running()
    headers = [strain_message(post_index=100 + n).header for n in range(4)]
    state.update(received_with([strain_message(post_index=104)], headers), last + 20)  # type: ignore[arg-type]
    assert all(point.time > last + 19.8 for point in state.view(last + 20).trace)


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


def test_waiting_names_the_address_then_the_state_of_the_node() -> None:
    state = opened()
    view = state.view(3.0)
    assert any(ADDRESS in line for line in view.waiting)
    assert view.banner.text == "WAITING"
    state.update(received(status_message(state="WAITING", reasons=("no frames from the scanner",))), 4.0)
    view = state.view(4.0)
    assert any(ADDRESS in line for line in view.waiting)
    assert "no frames from the scanner" in view.waiting
    state.update(received(bmode_message()), 4.1)
    assert state.view(4.1).waiting == ()


def test_the_first_source_is_shown_and_others_are_named() -> None:
    state = opened()
    state.update(received(status_message()), 0.1)
    state.update(received(strain_message(source_id="leg"), strain_message(source_id="arm")), 0.2)
    view = state.view(0.2)
    assert (view.source, view.other_sources) == ("arm", ("leg",))
    assert len(view.trace) == 1
    named = opened(source="leg")
    named.update(received(strain_message(source_id="arm")), 0.2)
    assert named.view(0.2).strain is None


def test_a_new_source_is_shown_once_the_old_is_gone_with_a_note() -> None:
    state, last = running()
    for step in range(1, 60):
        now = last + 0.04 * step
        other = [status_message(source_id="example"), strain_message(source_id="example", post_index=step)]
        state.update(received(*other), now)
        view = state.view(now)
        assert view.source == ("arm" if now - last <= 1.2 else "example"), now - last
    assert view.banner.text == "LIVE"
    assert view.other_sources == ()
    assert "arm is gone" in view.notice
    assert "example" in view.notice
    assert all(point.time > last + 1.19 for point in view.trace)  # the two never mix
    assert view.bmode is None


def test_a_frozen_image_keeps_its_source_and_names_the_one_that_sends_now() -> None:
    state, last = running()
    state.toggle_freeze(last)
    for step in range(1, 60):
        now = last + 0.04 * step
        state.update(received(status_message(source_id="leg"), strain_message(source_id="leg")), now)
    view = state.view(now)
    assert (view.source, view.other_sources) == ("arm", ("leg",))
    state.toggle_freeze(now)
    view = state.view(now)
    assert (view.source, view.other_sources) == ("leg", ())


def test_a_named_source_is_never_left_and_the_others_are_named() -> None:
    state = opened(source="leg")
    for step in range(60):
        state.update(received(status_message(source_id="arm"), strain_message(source_id="arm")), 0.04 * step)
    view = state.view(2.4)
    assert (view.source, view.strain) == ("leg", None)
    assert "arm" in " ".join(view.waiting)
    assert "source 'leg' does not send here; arm does" in view.banner.detail


def test_an_old_sessions_image_is_grey_at_once() -> None:
    state, last = running()
    before = state.view(last).strain
    state.update(received(strain_message(session_id="s2", predicted_snre=1.0)), last + 0.04)
    view = state.view(last + 0.04)
    assert view.strain is before
    assert view.greyed
    state.update(received(strain_message(session_id="s2")), last + 0.08)
    assert not state.view(last + 0.08).greyed


def test_frame_age_comes_from_the_younger_evidence() -> None:
    state = opened()
    state.update(received(status_message(frame_age=0.5)), 1.0)
    assert state.view(1.2).rates.frame_age == pytest.approx(0.7)
    state.update(received(strain_message(stage_seconds={"infer": 0.02, "post": 0.01})), 1.3)
    assert state.view(1.35).rates.frame_age == pytest.approx(0.08)


def test_the_range_is_held_or_fixed_and_a_new_one_shows_at_once() -> None:
    for mode, widens in (("held", True), ("fixed", False)):
        state = opened(DisplayOptions(range_mode=mode))  # type: ignore[arg-type]
        for step in range(100):
            state.update(received(strain_message(8 * phantom(-0.005), mean=-0.005)), step * 0.04)
        assert (state.view(4.0).range_top > 4) == widens
        state.change(DisplayOptions(range_mode="fixed", range_max=1.5))
        assert state.view(4.0).range_top == 1.5


def test_notices_pass() -> None:
    state = opened()
    state.emit("saved a.png", 1.0)
    assert state.view(2.0).notice == "saved a.png"
    assert state.view(6.0).notice == ""


def test_a_node_without_frames_yet_is_no_source_to_wait_for() -> None:
    state = DisplayState(DisplayOptions(), address="tcp://127.0.0.1:5561", now=0.0)
    state.update(received(status_message(source_id="none", state="WAITING")), 0.5)
    state.update(received(status_message(), strain_message()), 1.0)
    assert state.view(1.0).strain is not None
    assert state.view(1.0).source == "arm"
    state.update(received(strain_message(source_id="other")), 1.1)  # a second source is still kept apart
    assert state.view(1.1).other_sources == ("other",)


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
