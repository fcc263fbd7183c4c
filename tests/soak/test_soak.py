"""A short soak: every fault that the node lives through, one after the other."""

import pytest

from tests.soak.faults import SURVIVED
from tests.soak.soak import LATEST, soak


@pytest.mark.alone
def test_after_every_fault_values_come_again_and_every_frame_is_accounted_for() -> None:
    report = soak(SURVIVED, 0.0, "--no-keep")
    faults = report["faults"]
    assert len(faults) == len(SURVIVED)
    slowest = [fault["slowest"] for fault in faults.values()]
    assert all(value is not None and value < LATEST for value in slowest), faults
    assert (report["exit code"], report["restarts"], report["unaccounted"]) == (0, 0, 0)
    assert not report["traceback"]
