"""`run` watches its node: one that hangs or dies is started again, and everybody can see that it was."""

import signal
import threading
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from streamer.config import Config
from streamer.headers import StatusHeader
from streamer.stopping import Stop
from tests.process_ends import wait_for_end
from tests.streamer.node.node_harness import Listener, Scanner
from tests.tools.programs import program
from tools import supervision, turns
from tools.children import CRASHED
from tools.errors import NodeEnded
from tools.processes import few_arenas

GIVEN = ("--engine", "trivial", "--bind", "tcp://127.0.0.1:0", "--http", "127.0.0.1:0", "--json", "--no-keep")


@pytest.mark.parametrize(("number", "reason"), [(signal.SIGSTOP, "hung"), (signal.SIGKILL, "died")])
def test_a_node_that_hangs_or_dies_is_replaced_and_displays_find_the_next_one(
    number: int, reason: str, tmp_path: Path
) -> None:
    (tmp_path / "node.toml").write_text("[engine]\ntimeout = 3.0\n")
    with Scanner() as scanner:
        given = ("--connect", scanner.address, "--config", str(tmp_path / "node.toml"), *GIVEN)
        with program("run", *given) as running:
            ready = running.event("ready")
            listener = Listener(ready["results"])
            scanner.wait_for_node()
            scanner.send_all([0, 1])
            assert listener.strain_of(1).rejection is None
            first = running.child("node")
            first.send_signal(number)
            scanner.wait_for_node()
            listener.status(lambda status: any("started again (1 so far)" in r for r in status.reasons))
            scanner.send_all([2, 3])
            assert listener.strain_of(3).rejection is None
            wait_for_end(first)
            assert f'musse_node_restarts_total{{reason="{reason}"}} 1.0' in _metrics(ready["http"])
            listener.close()
            assert running.end(signal.SIGTERM) == 0
            assert running.event("summary")["restarts"] == 1


def test_frames_that_pass_while_the_engine_starts_do_not_make_it_slower_than_the_scanner() -> None:
    given = [word if word != "trivial" else "onnx" for word in GIVEN]
    with Scanner() as scanner, program("run", "--connect", scanner.address, *given) as running:
        listener = Listener(running.event("ready")["results"])
        seen: list[StatusHeader] = []
        scanner.wait_for_node()
        scanner.send_all(range(60))

        def settled(status: StatusHeader) -> bool:
            seen.append(status)
            return status.state != "BUILDING" and status.published_valid + status.published_no_value > 0

        listener.status(settled)
        for index in range(60, 70):
            scanner.send(index)
            listener.strain_of(index)
            listener.status(settled)
        assert seen[-1].overwritten > 0  # frames did pass
        assert not [reason for status in seen for reason in status.reasons if "slower" in reason]
        listener.close()
        assert running.end(signal.SIGTERM) == 0


def test_the_end_of_the_watching_process_ends_the_node() -> None:
    with program("run", *GIVEN) as running:
        running.event("ready")
        node = running.child("node")
        assert node.environ().items() >= few_arenas().items()
        running.process.kill()
        wait_for_end(node)


class Script:
    """Stands for the node's process: the clock jumps to each event of the script, then the node is silent."""

    def __init__(self, *nodes: list[tuple[float, dict[str, Any]]]) -> None:
        self.now = 0.0
        self.killed = 0
        self.stop = Stop()
        self.paused: list[float] = []
        self.notified: list[str] = []
        self._nodes = list(nodes)
        self._events: list[tuple[float, dict[str, Any]]] = []

    def __call__(self, arguments: list[str], module: str, changes: Mapping[str, str]) -> "Script":
        if not self._nodes:
            self.stop.set()
        self._events = self._nodes.pop(0) if self._nodes else []
        return self

    def next_event(self, timeout: float) -> dict[str, Any] | None:
        if self._events and self._events[0][0] <= self.now + timeout:
            at, fields = self._events.pop(0)
            self.now = max(self.now, at)
            return fields
        self.now += timeout
        return None

    def pause(self, seconds: float) -> bool:
        self.paused.append(seconds)
        return False

    def kill(self) -> None:
        self.killed += 1

    def ask_to_stop(self) -> None:
        pass

    def finish(self) -> int:
        return self.code

    code = 0


READY = (1.0, {"event": "ready", "results": "tcp://127.0.0.1:1", "http": None})


def _turn(at: float, within: float) -> tuple[float, dict[str, Any]]:
    return at, {"event": "turn", "within": within}


def _supervise(script: Script, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    ready: list[dict[str, Any]] = []
    monkeypatch.setattr(supervision, "Child", script)
    monkeypatch.setattr("tools.supervision.time.monotonic", lambda: script.now)
    monkeypatch.setattr(script.stop, "wait", script.pause)
    monkeypatch.setattr(supervision, "notify", script.notified.append)

    def on_ready(fields: dict[str, Any]) -> Callable[[], None]:
        ready.append(fields)
        return lambda: None

    supervision.supervise(Config(), script.stop, on_ready)
    return ready


@pytest.mark.parametrize(("promised", "silent", "killed"), [(5.0, 4.5, 0), (5.0, 6.0, 1), (120.0, 100.0, 0)])
def test_silence_is_measured_by_the_last_promise(
    promised: float, silent: float, killed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = (1.1 + silent + 0.2, {"event": "end"})
    script = Script([READY, _turn(1.1, promised), _turn(1.1 + silent, 5.0), ended])
    script.code = -9
    assert len(_supervise(script, monkeypatch)) == 1
    assert script.killed == killed


def test_time_in_which_this_process_was_suspended_is_not_the_silence_of_the_node(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Suspended(Script):
        def next_event(self, timeout: float) -> dict[str, Any] | None:
            if 2.0 < self.now < 3.0:
                self.now = 3600.0  # the first look after it finds nothing yet
                return None
            return super().next_event(timeout)

    script = Suspended([READY, _turn(1.1, 5.0), _turn(3600.3, 5.0), (3600.4, {"event": "end"})])
    script.code = -9
    _supervise(script, monkeypatch)
    assert script.killed == 0


@pytest.mark.parametrize(
    ("second", "paused"),
    [([(1.2, {"event": "end"})], [pytest.approx(supervision.APART - 1.2)]), ([], [0.0])],
    ids=["dies at once", "hangs"],
)
def test_only_a_second_node_that_fails_at_once_delays_the_next_one(
    second: list[tuple[float, dict[str, Any]]], paused: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hung node has used up its time-out already: results are to come again within 10 s of its last."""
    young = [READY, _turn(1.1, 5.0)]
    script = Script(
        [*young, (1.2, {"event": "end"})], [(1.2 + at, fields) for at, fields in [*young, *second]]
    )
    script.code = -9
    _supervise(script, monkeypatch)
    assert script.paused == paused


def test_the_service_manager_hears_nothing_of_a_restart_and_gets_its_watchdog_while_one_is_built(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script = Script([READY, _turn(1.1, 120.0), _turn(61.0, 5.0), (61.2, {"event": "end"})])
    script.code = -9
    _supervise(script, monkeypatch)
    assert script.notified.count("WATCHDOG=1") > 50  # 60 s without a turn, within the promise
    assert [word for word in script.notified if word != "WATCHDOG=1"] == ["READY=1", "STOPPING=1"]


@pytest.mark.parametrize("code", [CRASHED, 6])
def test_a_node_that_ends_before_it_is_ready_is_not_replaced(
    code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = Script([(1.0, {"event": "end"})], [READY])
    script.code = code
    with pytest.raises(NodeEnded, match=str(code)):
        _supervise(script, monkeypatch)


def test_a_node_that_ends_with_a_code_of_its_own_is_not_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script([(1.0, {"event": "end"})], [READY])
    script.code = 5
    with pytest.raises(NodeEnded, match="5") as ended:
        _supervise(script, monkeypatch)
    assert ended.value.code == 5


def test_a_reader_that_does_not_read_never_delays_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    blocked, written = threading.Event(), threading.Event()

    def emit(*_: object, **__: object) -> None:
        written.set()
        blocked.wait(10.0)

    monkeypatch.setattr(turns, "emit", emit)
    with turns.Turns() as sign:
        sign.on_turn(5.0)
        assert written.wait(10.0)
        for _ in range(1000):
            sign.on_turn(5.0)  # returns although the first line is not written yet
        blocked.set()


def _metrics(address: str) -> str:
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=10.0) as answer:
        return str(answer.read().decode())
