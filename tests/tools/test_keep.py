"""`run` keeps recent frames and results, and `keep` saves them: the programs as a user starts them."""

import json
import signal
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner

from streamer.config import Config
from tests.process_ends import wait_for_end
from tests.tools.programs import PATIENCE, program, write_press
from tests.tools.tape.keeper import wait_for
from tools.cli import app
from tools.errors import ToolError
from tools.formats import open_recording
from tools.keep import Keeper, reachable
from tools.tape.protocol import KeepClient
from tools.tape.reader import Tape


def test_keep_saves_rf_and_results_of_a_running_node(tmp_path: Path) -> None:
    press, kept = write_press(tmp_path / "press.h5"), tmp_path / "kept"
    config = tmp_path / "node.toml"
    played = ("--loop", "bounce", "--wait-subscribers", "1", "--bind", "tcp://127.0.0.1:0", "--json")
    with program("replay", str(press), *played) as replay:
        at = replay.event("ready")["rf"]
        address = f"ipc://{tmp_path}/keep"
        config.write_text(f'[keep]\nbind = "{address}"\nfolder = "{kept}"\nmemory = 16000000\n')
        given = ("--engine", "trivial", "--bind", "tcp://127.0.0.1:0", "--http", "", "--json")
        with program("run", "--connect", at, "--config", str(config), *given) as node:
            node.event("ready")
            with KeepClient(address, "test") as client:
                wait_for(lambda: _has_frames(client, 40))
                assert not kept.exists()  # nothing on disk before it is asked for
            saved = CliRunner().invoke(app, ["keep", "--connect", address, "--json"])
            reply = json.loads(saved.output)
            killed = node.child("tape")
            killed.kill()
            killed.wait(PATIENCE)
            tape_process = node.child("tape")  # another one
            assert tape_process.pid != killed.pid
            node.end(signal.SIGKILL)  # its children must not stay: `end` looks for them
            wait_for_end(tape_process)
        replay.end(signal.SIGTERM)
    with Tape(Path(reply["path"])) as tape:
        kinds = {message.kind for message in tape.messages()}
        assert tape.condition.read == reply["messages"]
        assert tape.condition.note() is None
        assert json.loads(tape.condition.about["musse-node"]["configuration"])["engine"]["name"] == "trivial"
    assert kinds == {"rf", "strain", "fused", "bmode"}
    with open_recording(reply["path"]) as recording:
        assert recording.n_missing == 0  # without a gap
        assert recording.n_frames >= 40


def _has_frames(client: KeepClient, count: int) -> bool | None:
    try:
        rows = client.ask({"do": "frames"}, within=1.0)["frames"]
    except ToolError:
        return None  # it is still starting
    return True if sum({"rf", "strain"} <= set(row[4]) for row in rows) >= count else None


def test_a_node_without_keep_has_no_tape_process(tmp_path: Path) -> None:
    (tmp_path / "off.toml").write_text("[keep]\nmemory = 0\n")
    given = ("--engine", "trivial", "--bind", "tcp://127.0.0.1:0", "--http", "", "--json")
    with program("run", "--config", str(tmp_path / "off.toml"), *given) as node:
        node.event("ready")
        children = psutil.Process(node.process.pid).children()
        assert ["node" in child.cmdline() for child in children] == [True]
        assert node.end(signal.SIGTERM) == 0


def test_nobody_to_ask_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.tape.protocol.REPLY_WITHIN", 0.2)
    asked = CliRunner().invoke(app, ["keep", "--connect", "tcp://127.0.0.1:9"])
    assert isinstance(asked.exception, ToolError)
    assert "is the node running, with [keep] on?" in str(asked.exception)


@pytest.mark.parametrize(
    ("bound", "reached"),
    [
        ("tcp://0.0.0.0:5561", "tcp://127.0.0.1:5561"),
        ("tcp://[::]:5561", "tcp://[::1]:5561"),
        ("tcp://192.168.0.2:5561", "tcp://192.168.0.2:5561"),
    ],
)
def test_the_results_of_this_machine_are_reached(bound: str, reached: str) -> None:
    assert reachable(bound) == reached


@pytest.mark.parametrize(("code", "started"), [(-9, 2), (1, 2), (6, 1)])
def test_a_tape_process_that_ends_by_its_own_code_is_not_started_again(
    code: int, started: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 6: a second node on this machine has the address."""
    begun: list[object] = []

    class Ended:
        def __init__(self, *given: object) -> None:
            begun.append(given)

        def running(self) -> bool:
            return False

        def finish(self) -> int:
            return code

    monkeypatch.setattr("tools.keep.Child", Ended)
    monkeypatch.setattr("tools.keep.AGAIN_AFTER", 0.0)
    keeper = Keeper(Config(), "tcp://127.0.0.1:1")
    keeper.look()
    assert len(begun) == started
    if started == 1:
        keeper.look()
        assert len(begun) == 1
