"""The node's state from counts and times alone; no clock runs in these tests."""

from typing import Any

import pytest

from streamer.frame_counters import MAX_LOST, Counts, FrameCounters
from streamer.health import Health
from tests.echo_frames import rf_header


def counts(**changes: Any) -> Counts:
    none: dict[str, Any] = {
        "received": 0, "lost": 0, "overwritten": 0, "published_valid": 0, "link_resets": 0, "refused": {},
        "rejected": {},
    }  # fmt: skip
    return Counts(**{**none, **changes})


def fed(frames: int = 20, rate: float = 50.0, **changes: Any) -> tuple[Health, float]:
    """A health state after so many frames, and the time of the last."""
    health = Health()
    health.state(counts(), 0.0)
    for number in range(frames):
        health.frame_accepted(rf_header(number, **changes), number / rate)
    return health, (frames - 1) / rate


def test_rate_and_age_are_unknown_before_frames_came() -> None:
    health = Health()
    assert (health.frame_rate(), health.frame_age(5.0)) == (None, None)
    assert health.state(counts(), 5.0) == ("WAITING", ())
    health, last = fed()
    assert health.frame_rate() == pytest.approx(50)
    assert health.frame_age(last + 0.3) == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("rate", "limit"), [(50.0, 0.2), (25.0, 0.4), (12.0, 0.5), (2.0, 0.5), (5000.0, 0.1)]
)
def test_stale_is_ten_periods_within_bounds(rate: float, limit: float) -> None:
    health, last = fed(rate=rate)
    assert health.state(counts(received=20), last + limit - 0.01)[0] == "LIVE"
    assert health.state(counts(received=20), last + limit + 0.01)[0] == "STALE"


def test_a_replay_is_marked_as_such() -> None:
    health, last = fed(origin="replay")
    assert health.state(counts(received=20), last) == ("REPLAY", ())


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"received": 94, "lost": 6}, "6 of 100 frames lost on the link"),
        (
            {"received": 100, "refused": {"saturated": 2, "duplicate": 4}},
            "6 of 100 frames refused, most as dupl",
        ),
        ({"received": 100, "overwritten": 6}, "6 of 100 frames skipped: the engine is slower"),
    ],
)
def test_many_bad_frames_degrade_and_the_reason_counts_them(changes: dict[str, Any], reason: str) -> None:
    health, last = fed()
    state, reasons = health.state(counts(**changes), last)
    assert state == "DEGRADED"
    assert reasons[0].startswith(reason)


def test_frames_overwritten_while_the_engine_is_built_are_not_its_slowness() -> None:
    health, last = fed()
    health.building = True
    assert health.state(counts(received=20, overwritten=15), last)[0] == "BUILDING"
    health.building = False
    health.pair_published("first")
    assert health.state(counts(received=25, overwritten=19), last) == ("LIVE", ())
    health.pair_published(None)
    assert health.state(counts(received=27, overwritten=20), last) == ("LIVE", ())
    for _ in range(20):
        health.pair_published(None)
    state, reasons = health.state(counts(received=60, overwritten=30), last)  # the control: now it is slow
    assert (state, "slower than the scanner" in reasons[0]) == ("DEGRADED", True)


def test_a_burst_is_called_a_burst() -> None:
    health, last = fed()
    for number in range(20):  # 20 frames acquired in 0.4 s come within 0.1 s
        header = rf_header(20 + number, t_acq=int(1e9) + number * 20_000_000)
        health.frame_accepted(header, last + 1 + number / 200)
    state, reasons = health.state(counts(received=40, overwritten=15), last + 1.1)
    assert state == "DEGRADED"
    assert reasons[0].startswith("15 of 40 frames came in a burst")
    assert "slower" not in " ".join(reasons)


def test_where_nothing_comes_the_address_and_what_was_received_are_named() -> None:
    waiting = Health("tcp://127.0.0.1:5560", "leg")
    assert waiting.state(counts(), 0.0)[1] == (
        "no RF frame of source 'leg' has come from tcp://127.0.0.1:5560",
    )
    _, reasons = waiting.state(counts(received=9, refused={"malformed": 9}), 1.0)
    assert reasons[0].endswith("from tcp://127.0.0.1:5560; 9 came, 9 refused")
    waiting.peer = "the link is up"
    waiting.other_source("arm")
    _, reasons = waiting.state(counts(received=9, refused={"other_source": 9}), 1.0)
    assert "5560: the link is up; 9 came, 9 refused; other sources that send: arm" in reasons[0]


def test_few_bad_frames_do_not_degrade() -> None:
    health, last = fed()
    state = health.state(counts(received=100, refused={"saturated": 5}, overwritten=5), last)
    assert state == ("LIVE", ())


def test_old_trouble_is_forgotten() -> None:
    health, last = fed()
    bad = counts(received=100, overwritten=50)
    assert health.state(bad, last)[0] == "DEGRADED"
    health.state(bad, last + 4)
    health.frame_accepted(rf_header(99), last + 8)
    assert health.state(counts(received=200, overwritten=50), last + 8) == ("LIVE", ())


def test_frames_that_are_all_refused_are_reported_while_waiting_and_stale() -> None:
    waiting = Health()
    waiting.state(counts(), 0.0)
    state, reasons = waiting.state(counts(received=9, refused={"malformed": 9}), 1.0)
    assert (state, reasons) == ("WAITING", ("9 of 9 frames refused, most as malformed",))
    stale, last = fed()
    state, reasons = stale.state(counts(received=40, refused={"backwards": 20}), last + 1)
    assert (state, reasons) == ("STALE", ("20 of 40 frames refused, most as backwards",))


def test_ten_engine_errors_in_a_row_are_a_fault_and_one_good_pair_ends_it() -> None:
    health, last = fed()
    for _ in range(9):
        health.pair_published("engine_error")
    assert health.state(counts(received=20), last)[0] == "DEGRADED"
    health.pair_published("engine_error")
    assert health.state(counts(received=20), last)[0] == "FAULT"
    health.pair_published("no_motion")
    assert health.state(counts(received=20), last)[0] == "LIVE"


def test_a_fault_is_said_before_everything_else() -> None:
    health, last = fed()
    health.building, health.fault = True, "no engine for this"
    assert health.state(counts(received=20), last + 9) == ("FAULT", ("no engine for this",))
    health.fault = None
    assert health.state(counts(received=20), last + 9)[0] == "BUILDING"


def test_counters_add_up_and_never_leave_64_bits() -> None:
    frame_counters = FrameCounters()
    for _ in range(7):
        frame_counters.frame_received()
    frame_counters.frame_refused("saturated")
    frame_counters.frames_overwritten(2)
    frame_counters.result_published(None, 0.010)
    frame_counters.result_published("gap", 0.030)
    for _ in range(3):
        frame_counters.frames_lost(2**63 - 2)
    frame_counters.link_reset()
    now = frame_counters.counts()
    assert (now.in_flight, now.published_no_value, now.lost, now.link_resets) == (2, 1, MAX_LOST, 1)
    assert frame_counters.latency(50) == pytest.approx(0.020)
    assert FrameCounters().latency(50) is None
    frame_counters.frame_received()
    assert now.received == 7  # a moment that has passed does not change
