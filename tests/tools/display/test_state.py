"""What the display decides from messages and a clock: STALE, NODE LOST, held, frozen, waiting."""

import pytest

from streamer.headers import StrainHeader
from streamer.subscriber import Received
from tests.tools.display.display_messages import (
    bmode_message,
    phantom,
    received,
    received_with,
    status_message,
    strain_message,
)
from tools.display.options import DisplayOptions
from tools.display.state import DisplayState

ADDRESS = "tcp://127.0.0.1:5561"


def opened(options: DisplayOptions | None = None, source: str | None = None) -> DisplayState:
    return DisplayState(options or DisplayOptions(), address=ADDRESS, now=0.0, source=source)


def running(rate: float = 25.0, until: float = 2.0) -> tuple[DisplayState, float]:
    """A state after a steady stream of good results; and the time of the last one."""
    state, number = opened(), round(until * rate)
    for index in range(1, number + 1):
        message = strain_message(post_index=index)
        state.update(received(status_message(frame_rate=rate), bmode_message(), message), index / rate)
    return state, number / rate


@pytest.mark.parametrize(("rate", "limit"), [(50.0, 0.2), (25.0, 0.4), (10.0, 0.5), (500.0, 0.1)])
def test_stale_after_ten_frame_periods_at_most_half_a_second(rate: float, limit: float) -> None:
    state, last = running(rate)
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


def test_a_fault_is_told_with_its_reason_and_an_old_image_is_grey_under_it() -> None:
    state, last = running()
    state.update(received(status_message(state="FAULT", reasons=("no GPU memory",))), last + 0.9)
    view = state.view(last + 0.9)
    assert (view.banner.text, view.banner.detail, view.greyed) == ("FAULT", "no GPU memory", True)


def test_a_rejected_pair_keeps_the_last_good_image_greyed_with_its_reason() -> None:
    state, last = running()
    before = state.view(last).strain
    state.update(received(status_message(), strain_message(rejection="decorrelated")), last + 0.04)
    view = state.view(last + 0.04)
    assert view.strain is before
    assert view.greyed
    assert view.held is not None
    assert "out-of-plane" in view.held
    assert view.held_for == pytest.approx(0.04)
    assert view.mean_strain is None


def test_a_weak_pair_keeps_the_last_image_in_colour_for_half_a_second_only() -> None:
    state, last = running()
    before = state.view(last).strain
    for step in range(1, 20):
        now = last + 0.04 * step
        weak = strain_message(phantom(-0.0003), mean=-0.0003, predicted_snre=1.2)
        state.update(received(status_message(), weak), now)
        view = state.view(now)
        assert view.strain is before
        assert view.held is not None
        assert "1.2 is below 2" in view.held
        assert view.greyed == (now - last > 0.5)


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


def test_frozen_nothing_of_the_image_moves_but_a_lost_node_is_still_told() -> None:
    state, last = running()
    state.toggle_freeze(last)
    frozen = state.view(last)
    assert frozen.frozen
    newer = strain_message(2 * phantom(), mean=-0.01, post_index=99)
    state.update(received(bmode_message(seed=9), newer), last + 0.04)
    view = state.view(last + 2.0)
    assert view.strain is frozen.strain
    assert view.bmode is frozen.bmode
    assert view.trace == frozen.trace
    assert view.trace_end == frozen.trace_end
    assert not view.greyed
    assert view.banner.text == "NODE LOST"
    state.toggle_freeze(last + 2.0)
    state.update(received(status_message(), newer), last + 2.0)
    assert state.view(last + 2.0).strain is not frozen.strain


def test_waiting_names_the_address_then_what_the_node_says() -> None:
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
