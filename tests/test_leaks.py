"""The checks that watch over every other test can fail themselves."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest
import zmq

from tests.left_behind import LeftBehind

pytest_plugins = ["pytester"]

ARM = "arm data not found beside the project; set MUSSE_DATA_DIR to the folder that holds arm/"


def test_a_thread_left_behind_is_found_until_it_ends() -> None:
    left = LeftBehind()
    release = threading.Event()
    thread = threading.Thread(target=release.wait, name="forgotten")
    thread.start()
    assert left.found(grace=0.05) == ["thread forgotten"]
    release.set()
    thread.join()
    assert left.found() == []


def test_a_child_left_behind_is_found_until_it_ends() -> None:
    left = LeftBehind()
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert left.found(grace=0.0) == [f"child process {child.pid}"]
    child.communicate(b"\n")
    assert left.found() == []


def test_a_socket_left_open_is_found_until_its_context_is_closed() -> None:
    left = LeftBehind()
    context = zmq.Context()
    socket = context.socket(zmq.PUB)
    assert left.found(grace=0.0) == ["a ZeroMQ context that is not closed"]
    socket.close(0)
    context.term()
    assert left.found() == []


@pytest.mark.parametrize("strict", [True, False])
def test_a_skip_fails_where_none_is_allowed(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, strict: bool
) -> None:
    monkeypatch.setenv("MUSSE_NO_SKIPS", "1" if strict else "0")
    pytester.makeconftest((Path(__file__).parent / "conftest.py").read_text())
    pytester.makepyfile(f"""
        import pytest

        def test_window():
            pytest.skip("no screen")

        def test_arm():
            pytest.skip({ARM!r})
    """)
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(failed=1, skipped=1) if strict else result.assert_outcomes(skipped=2)
