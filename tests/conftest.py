"""Shared by all tests: nothing is left behind, no test is skipped on CI, and the real arm data."""

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.left_behind import LeftBehind

NO_ARM = "arm data not found beside the project; set MUSSE_DATA_DIR to the folder that holds arm/"


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """A test that leaves a thread, a child process or a ZeroMQ context behind fails."""
    left = LeftBehind()
    yield
    found = left.found()
    assert not found, f"left behind: {', '.join(found)}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With MUSSE_NO_SKIPS=1 a skipped test is a failed one: on CI nothing may be missing but the arm data."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("MUSSE_NO_SKIPS") == "1":
        reason = str(report.longrepr)
        if NO_ARM not in reason:
            report.outcome = "failed"
            report.longrepr = f"{item.nodeid} was skipped, and MUSSE_NO_SKIPS=1 allows none: {reason}"
    return report


@pytest.fixture
def arm_dir() -> Path:
    """The folder of the arm recordings: beside the project, or where MUSSE_DATA_DIR points."""
    root = Path(__file__).resolve().parents[1]
    folder = Path(os.environ.get("MUSSE_DATA_DIR") or root.parent / "shared" / "data") / "arm"
    if not (folder / "rf0304_86.mhd").is_file():
        pytest.skip(NO_ARM)
    return folder
