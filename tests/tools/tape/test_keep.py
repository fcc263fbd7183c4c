"""Recent frames can be kept, viewed one by one and frozen; nothing is on disk before that."""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streamer.headers import StrainHeader
from tests.tools.recorder import PATIENCE, maps, status_header
from tests.tools.tape.keeper import Keeper, keeper, wait_for
from tests.tools.tape.tapes import rf_parts, strain_parts
from tests.tools.test_disk_full import room_for
from tools.errors import DiskFull, ToolError
from tools.tape.protocol import KeepClient
from tools.tape.reader import Tape
from tools.tape.ring import OVERHEAD, Ring


def saved(path: str) -> tuple[list[int], list[int]]:
    """Frame numbers of RF and of strain on a tape; every one is checked bit for bit."""
    found: dict[str, list[int]] = {"rf": [], "strain": []}
    with Tape(Path(path)) as tape:
        for message in tape.messages():
            header: Any = message.header
            index = header.post_index if isinstance(header, StrainHeader) else header.frame_index
            expected = strain_parts(index) if message.kind == "strain" else rf_parts(index)
            assert message.parts() == [bytes(part) for part in expected]
            found[message.kind].append(index)
        assert tape.condition.note() is None
    return found["rf"], found["strain"]


@pytest.mark.alone
def test_keep_saves_rf_and_results_within_a_second(tmp_path: Path) -> None:
    with keeper(tmp_path / "kept") as running:
        running.results.status(3)
        running.send(*range(100))
        running.wait_until_held(100)
        assert not (tmp_path / "kept").exists()
        begun = time.monotonic()
        reply = running.client.ask({"do": "keep"})
        assert time.monotonic() - begun < 1.0
        assert Path(reply["path"]).parent == tmp_path / "kept"
        assert reply["messages"] == 200
        assert saved(reply["path"]) == (list(range(100)), list(range(100)))
        with Tape(Path(reply["path"])) as tape:
            list(tape.messages())
            assert tape.condition.about["musse-node"]["source_id"] == status_header(0, 0).source_id
        state = running.client.ask({"do": "state"})
        assert state["last"]["path"] == reply["path"]
        assert not state["saving"]


def test_two_tapes_of_one_second_have_names_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of two nodes that save in one folder: a name is taken after the look whether it is free."""
    with keeper(tmp_path) as running:
        running.send(*range(3))
        running.wait_until_held(3)
        with monkeypatch.context() as patched:
            patched.setattr("tools.tape.answers.datetime", OneSecond)
            patched.setattr(Path, "exists", lambda path: False)
            paths = [running.client.ask({"do": "keep"})["path"] for _ in range(3)]
    assert [Path(path).name for path in paths] == [f"keep-then{number}.mcap" for number in ("", "-2", "-3")]
    assert [saved(path) for path in paths] == [(list(range(3)), list(range(3)))] * 3


class OneSecond:
    """A clock that stands."""

    @classmethod
    def now(cls, zone: object) -> "OneSecond":
        return cls()

    def astimezone(self) -> "OneSecond":
        return self

    def __format__(self, text: str) -> str:
        return "then"


def test_what_comes_after_the_key_follows_without_a_gap(tmp_path: Path) -> None:
    with keeper(tmp_path) as running:
        running.send(*range(30))
        running.wait_until_held(30)
        with KeepClient(running.address, "other") as other:
            other._socket.send_json({"do": "keep", "after": 2.0})
            wait_for(lambda: running.client.ask({"do": "state"})["saving"] or None)
            running.send(*range(30, 60))
            assert other._socket.poll(int(PATIENCE * 1000))
            path = json.loads(other._socket.recv())["path"]
        assert saved(path) == (list(range(60)), list(range(60)))


@pytest.mark.parametrize("step", [-3600, 3600])
def test_a_clock_that_is_set_neither_hides_nor_splits_what_is_held(
    step: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with keeper(tmp_path) as running:
        running.send(*range(10))
        running.wait_until_held(10)
        before = time.time_ns
        monkeypatch.setattr("time.time_ns", lambda: before() + step * 10**9)
        running.send(*range(10, 20))
        received = [row[3] for row in running.wait_until_held(20)]
        assert max(received) - min(received) < 60
        assert abs(received[-1] - before() * 1e-9 - step) < 60
        reply = running.client.ask({"do": "keep", "seconds": 60.0})
        assert saved(reply["path"]) == (list(range(20)), list(range(20)))
        for seconds in (reply["seconds"], running.client.ask({"do": "state"})["seconds"]):
            assert 0 < seconds < 60
        running.client.ask({"do": "freeze"})
        assert len(running.wait_until_held(20)) == 20


def test_a_full_disk_is_told_from_other_refusals(tmp_path: Path) -> None:
    with keeper(tmp_path) as running:
        running.send(*range(30))
        running.wait_until_held(30)
        with room_for(10_000), pytest.raises(DiskFull, match=r"the disk is full.*before that is in it"):
            running.client.ask({"do": "keep"})
        assert running.client.ask({"do": "keep"})["messages"] == 60


def test_the_oldest_make_room(tmp_path: Path) -> None:
    size = sum(len(bytes(part)) for part in (*rf_parts(0), *strain_parts(0))) + 2 * OVERHEAD
    with keeper(tmp_path, memory=20 * size) as running:
        running.send(*range(50))
        wait_for(lambda: True if running.wait_until_held(15)[-1][2] == 49 else None)
        state = running.client.ask({"do": "state"})
        assert 15 * size < state["bytes"] <= state["limit"] == 20 * size
        indices = [row[2] for row in running.client.ask({"do": "frames"})["frames"]]
        assert indices == list(range(indices[0], 50))
        with pytest.raises(ToolError, match="frame 3 is not held"):
            running.client.frame("bridge", "one", 3, ["strain"])


def test_a_freeze_holds_the_span_before_it_until_unfrozen(tmp_path: Path) -> None:
    size = sum(len(bytes(part)) for part in (*rf_parts(0), *strain_parts(0))) + 2 * OVERHEAD
    with keeper(tmp_path, memory=20 * size) as running, KeepClient(running.address, "other") as other:
        running.send(*range(10))
        running.wait_until_held(10)
        running.client.ask({"do": "freeze"})
        running.send(*range(10, 50))  # twice what there is room for
        wait_for(lambda: running.client.ask({"do": "state"})["not_held"] > 40 or None)
        frozen = running.client.ask({"do": "frames"})["frames"]
        assert [row[2] for row in frozen] == list(range(10))
        assert len(other.ask({"do": "frames"})["frames"]) > 10
        assert saved(running.client.ask({"do": "keep"})["path"]) == (list(range(10)), list(range(10)))
        running.client.ask({"do": "unfreeze"})
        running.send(*range(50, 90))
        wait_for(lambda: running.wait_until_held(10)[-1][2] == 89 or None)
        indices = [row[2] for row in running.client.ask({"do": "frames"})["frames"]]
        assert indices == list(range(indices[0], 90))


def test_frames_are_served_by_number(tmp_path: Path) -> None:
    with keeper(tmp_path) as running:
        running.send(*range(5))
        rows = running.wait_until_held(5)
        assert [row[:3] for row in rows] == [["bridge", "one", index] for index in range(5)]
        assert abs(rows[0][3] - time.time()) < 60
        assert sorted(rows[0][4]) == ["rf", "strain"]
        assert rows[0][5:] == [-0.01, 0.9, 0.99, None]
        (message,) = running.client.frame("bridge", "one", 3, ["bmode", "strain"])
        np.testing.assert_array_equal(message.arrays["axial_strain"], maps(3, (6, 5)))


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"do": "nonsense"}, "do:"),
        ({"do": "keep", "seconds": -1}, "seconds:"),
        ({"do": "keep", "path": "/etc/passwd"}, "path: Extra inputs"),
        ({"do": "keep"}, "nothing is held"),
        ({"do": "freeze", "client": ""}, "name of the client"),
        ({"do": "frame", "index": 7}, "frame 7 is not held"),
    ],
)
def test_a_request_that_cannot_be_met_is_answered(
    running: Keeper, request_: dict[str, Any], words: str
) -> None:
    with pytest.raises(ToolError, match=words):
        running.client.ask(request_)
    assert running.client.ask({"do": "state"})["seconds"] == 0


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with keeper(tmp_path_factory.mktemp("keep")) as running:
        yield running


def test_lost_frames_are_counted(tmp_path: Path) -> None:
    with keeper(tmp_path) as running:
        running.send(0, 1, 2, 7, 8)
        running.wait_until_held(5)
        assert running.client.ask({"do": "state"})["missed"] == 4


def test_nobody_there_is_said_within_the_time(tmp_path: Path) -> None:
    with KeepClient("tcp://127.0.0.1:9", "x") as client, pytest.raises(ToolError, match="no answer from"):
        client.ask({"do": "state"}, within=0.1)


def test_an_empty_ring_has_no_length() -> None:
    assert Ring(1000).seconds == 0.0
