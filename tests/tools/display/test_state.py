"""The display's decisions from messages and a clock: STALE, NODE LOST, held, waiting; and its trace."""

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
from tests.tools.display.display_states import opened, running
from tools.display.options import DisplayOptions


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
