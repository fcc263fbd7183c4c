"""Signals as the commands see them."""

import signal

import pytest

from tools.processes import ctrl_c


def test_ctrl_c_that_a_library_swallows_is_raised_at_the_next_check() -> None:
    before = signal.getsignal(signal.SIGINT)
    with ctrl_c() as check:
        check()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        # swallowed, as in a callback that a library calls and whose exceptions it cannot pass on
        with pytest.raises(KeyboardInterrupt):
            check()
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_waits_for_the_check_while_a_library_must_not_be_interrupted() -> None:
    with ctrl_c(at_once=False) as check:
        signal.raise_signal(signal.SIGINT)  # raises nothing here
        with pytest.raises(KeyboardInterrupt):
            check()
        with pytest.raises(KeyboardInterrupt):  # the second one, from an operator who will not wait
            signal.raise_signal(signal.SIGINT)
