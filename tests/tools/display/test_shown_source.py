"""Which source and session is shown, and how the others are named."""

from tests.tools.display.display_messages import (
    bmode_message,
    received,
    status_message,
    strain_message,
)
from tests.tools.display.display_states import ADDRESS, opened, running
from tools.display.options import DisplayOptions
from tools.display.state import DisplayState


def test_waiting_names_the_address_then_the_state_of_the_node() -> None:
    state = opened()
    view = state.view(3.0)
    assert any(ADDRESS in line for line in view.waiting)
    assert any("demo opens a window of its own" in line for line in view.waiting)  # it sends nothing here
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


def test_a_node_without_frames_yet_is_no_source_to_wait_for() -> None:
    state = DisplayState(DisplayOptions(), address="tcp://127.0.0.1:5561", now=0.0)
    state.update(received(status_message(source_id="none", state="WAITING")), 0.5)
    state.update(received(status_message(), strain_message()), 1.0)
    assert state.view(1.0).strain is not None
    assert state.view(1.0).source == "arm"
    state.update(received(strain_message(source_id="other")), 1.1)  # a second source is still kept apart
    assert state.view(1.1).other_sources == ("other",)
