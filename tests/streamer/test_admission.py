"""Which frames of a link belong to the stream, and how many are missing."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.admission import FORGET_SOURCE_AFTER, MAX_SESSIONS, Admission
from streamer.errors import MessageRefused
from streamer.headers import RfHeader
from tests.echo_frames import rf_header


def admit(admission: Admission, header: RfHeader, now: float = 0.0) -> int:
    """Frames lost before a frame whose samples are usable."""
    admission.check(header, now)
    return admission.accept(header, now)


def admitted(
    admission: Admission, indices: Iterable[int], now: float = 0.0, **changes: Any
) -> list[int | str]:
    """Frames lost before each index, or the reason it is refused for."""
    outcome: list[int | str] = []
    for index in indices:
        try:
            outcome.append(admit(admission, rf_header(index, **changes), now))
        except MessageRefused as refused:
            outcome.append(refused.reason)
    return outcome


def test_holes_are_counted_once_and_late_frames_refused() -> None:
    assert admitted(Admission(), [4, 5, 9, 9, 7, 10]) == [0, 0, 3, "duplicate", "backwards", 0]


@given(st.lists(st.tuples(st.integers(0, 200), st.booleans()), max_size=60, unique_by=lambda f: f[0]))
def test_sent_is_received_and_lost_whatever_is_missing_or_unreadable(frames: list[tuple[int, bool]]) -> None:
    """Of frames sent in order some are missing and some arrive unreadable; none is counted twice."""
    admission = Admission()
    frames.sort()
    lost = 0
    for index, readable in frames:
        if readable:
            lost += admit(admission, rf_header(index))
        else:
            admission.refused()
    readables = [index for index, readable in frames if readable]
    if readables:
        received = sum(readables[0] <= index <= readables[-1] for index, _ in frames)
        assert readables[-1] - readables[0] + 1 == received + lost


def test_what_was_recorded_and_is_sent_again_is_refused() -> None:
    admission = Admission()
    assert admitted(admission, [7, 8], session_id="morning") == [0, 0]
    assert admitted(admission, [1, 2], session_id="noon") == [0, 0]
    assert admitted(admission, [7, 8], session_id="morning") == ["backwards"] * 2
    assert admitted(admission, [3], session_id="noon") == [0]
    assert admitted(admission, [9], session_id="morning") == [0]  # a sender that goes on where it was
    long_after = FORGET_SOURCE_AFTER + 1.0
    assert admitted(admission, [9, 5], long_after, session_id="morning") == ["duplicate", "backwards"]


def test_the_sessions_that_are_remembered_are_bounded() -> None:
    admission = Admission()
    for number in range(MAX_SESSIONS + 2):
        admitted(admission, [5], session_id=f"s{number}")
    assert admitted(admission, [5], session_id="s0") == [0]
    assert admitted(admission, [5], session_id=f"s{MAX_SESSIONS}") == ["backwards"]


def test_an_unreadable_message_is_no_loss_even_when_a_duplicate_follows() -> None:
    admission = Admission()
    admit(admission, rf_header(1))
    admission.refused()  # this was 2
    assert admitted(admission, [1, 3]) == ["duplicate", 0]


def test_a_new_session_begins_anywhere_and_forgets_the_old() -> None:
    admission = Admission()
    assert admitted(admission, [100, 101]) == [0, 0]
    assert admitted(admission, [3, 4], session_id="two") == [0, 0]


def test_a_second_source_waits_until_the_first_is_silent_for_long() -> None:
    admission = Admission()
    assert admitted(admission, [5], 0.0) == [0]
    assert admitted(admission, [0], FORGET_SOURCE_AFTER, source_id="other") == ["other_source"]
    later = FORGET_SOURCE_AFTER + 0.1
    assert admitted(admission, [0, 1], later, source_id="other") == [0, 0]  # the same session_id by chance
    assert admitted(admission, [6], later) == ["other_source"]


def test_a_source_that_was_asked_for_is_never_given_up() -> None:
    admission = Admission("bridge")
    assert admitted(admission, [0], 1e6, source_id="other") == ["other_source"]
    assert admitted(admission, [0], 2e6) == [0]


def test_refusals_name_the_remedy() -> None:
    admission = Admission()
    admit(admission, rf_header(5))
    with pytest.raises(
        MessageRefused, match="frame 4 after 5; a sender that restarts must change session_id"
    ):
        admit(admission, rf_header(4))


@pytest.mark.parametrize(
    "poison",
    [{"frame_index": 2**38}, {"frame_index": 3, "session_id": "two"}, {"source_id": "other"}],
)
def test_a_frame_whose_samples_are_refused_moves_nothing_on(poison: dict[str, Any]) -> None:
    """Otherwise one damaged header would make every later frame backwards, or another source's."""
    later = FORGET_SOURCE_AFTER + 0.1  # when any source may take the link
    changes = {"frame_index": 9, **poison}
    for accepted in (False, True):
        admission = Admission()
        admitted(admission, [7, 8])
        header = rf_header(changes["frame_index"], **{k: v for k, v in poison.items() if k != "frame_index"})
        admission.check(header, later)
        admission.accept(header, later) if accepted else admission.refused(header)
        going_on = admitted(admission, [10, 11], later)
        if not accepted:
            assert going_on == [0, 0]
        elif "session_id" not in poison:
            assert "backwards" in going_on or "other_source" in going_on  # the control


@pytest.mark.parametrize(
    ("refused", "lost"),
    [
        ({"frame_index": 9}, 0),
        ({"frame_index": 2**38}, 1),
        ({"session_id": "two"}, 1),
        ({"source_id": "other"}, 1),
    ],
)
def test_only_a_refused_frame_of_the_hole_itself_is_no_loss(refused: dict[str, Any], lost: int) -> None:
    """Frames 7 and 8, one whose samples are refused, then 10: what became of 9?"""
    admission = Admission()
    admitted(admission, [7, 8])
    rest = {name: value for name, value in refused.items() if name != "frame_index"}
    admission.refused(rf_header(refused.get("frame_index", 9), **rest))
    assert admitted(admission, [10, 11]) == [lost, 0]
