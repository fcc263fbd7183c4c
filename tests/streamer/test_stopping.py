"""Ending a run: by another thread, by a signal, in the middle of work; and the stopwatch."""

import signal
import threading
import time
from collections.abc import Iterator

import pytest

from streamer.stopping import Stop, StopRequested
from streamer.stopwatch import Stopwatch


@pytest.fixture
def on_alarm() -> Iterator[Stop]:
    """A stop that a timer signal asks for, as Ctrl-C would."""
    stop = Stop()
    before = signal.signal(signal.SIGALRM, stop.on_signal)
    yield stop
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def test_a_stop_wakes_everyone_who_waits_and_stays() -> None:
    stop = Stop()
    assert not stop.wait(0.0)
    assert not stop.wait(-1.0)
    woken: list[bool] = []
    waiting = [threading.Thread(target=lambda: woken.append(stop.wait(20.0))) for _ in range(3)]
    for thread in waiting:
        thread.start()
    stop.set()
    stop.set()
    for thread in waiting:
        thread.join(10)
    assert woken == [True] * 3
    assert stop.is_set()
    assert stop.wait(20.0)


def test_a_signal_ends_a_wait(on_alarm: Stop) -> None:
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    begun = time.monotonic()
    assert on_alarm.wait(20.0)
    assert time.monotonic() - begun < 5


def test_signals_in_the_middle_of_waiting_never_lock_it_up(on_alarm: Stop) -> None:
    """With threading.Event the handler can wait for a lock that its own thread holds: for ever."""
    signal.setitimer(signal.ITIMER_REAL, 0.0002, 0.0002)
    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        for _ in range(100):
            on_alarm.wait(0.0)
    assert on_alarm.wait(1.0)


def work(stop: Stop) -> None:
    with stop.interruptible():
        while True:
            time.sleep(0.01)


def test_a_signal_breaks_off_interruptible_work_only(on_alarm: Stop) -> None:
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    with pytest.raises(StopRequested):
        work(on_alarm)
    assert on_alarm.is_set()
    signal.raise_signal(signal.SIGALRM)  # outside: nothing is raised


def test_work_does_not_begin_after_a_signal(on_alarm: Stop) -> None:
    signal.raise_signal(signal.SIGALRM)
    begun = False
    with pytest.raises(StopRequested), on_alarm.interruptible():
        begun = True
    assert not begun


def test_a_stop_from_a_thread_lets_work_finish() -> None:
    stop = Stop()
    with stop.interruptible():
        stop.set()
        finished = True
    assert finished


def test_only_the_first_signal_breaks_off(on_alarm: Stop) -> None:
    cleared = []

    def work_that_clears_up() -> None:
        with on_alarm.interruptible():
            try:
                signal.raise_signal(signal.SIGALRM)
            finally:
                signal.raise_signal(signal.SIGALRM)
                cleared.append(True)

    with pytest.raises(StopRequested):
        work_that_clears_up()
    assert cleared


def test_a_stopwatch_adds_up_and_times_what_fails() -> None:
    watch = Stopwatch()
    with watch("infer"):
        time.sleep(0.01)
    once = watch.seconds["infer"]
    with watch("infer"):
        time.sleep(0.01)
    with pytest.raises(ValueError, match="x"), watch("post"):
        raise ValueError("x")
    assert once >= 0.01
    assert watch.seconds["infer"] >= once + 0.01
    assert watch.seconds["post"] >= 0
    assert list(watch.seconds) == ["infer", "post"]
