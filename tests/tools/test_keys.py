"""`musse-stream keys`, and a node, its tape process and a display with keys, as processes."""

import signal
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from streamer.curve import Security, read_allowed
from streamer.errors import ConfigError
from streamer.headers import StatusHeader
from streamer.subscriber import Subscriber
from tests.streamer.node.node_harness import Setup
from tests.tools.programs import program
from tools.cli import app
from tools.configuration import load_config
from tools.errors import ToolError
from tools.keys import allow_key, new_key, public_key
from tools.tape.protocol import KeepClient

PATIENCE = 20.0


def test_a_key_is_made_once_shown_and_allowed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made = CliRunner().invoke(app, ["keys", "new"])
    shown = CliRunner().invoke(app, ["keys", "show"])
    public = public_key(Path("musse.key"))
    assert public in made.output
    assert made.output == shown.output
    assert Path("musse.key").read_text().strip() not in made.output
    assert isinstance(CliRunner().invoke(app, ["keys", "new"]).exception, ToolError)
    for added in ("True", "False"):
        shown_text = CliRunner().invoke(app, ["keys", "allow", public, "--name", "ward"])
        assert f"added {added}" in shown_text.output
    assert Path("musse.allowed").read_text() == f"{public} ward\n"
    assert CliRunner().invoke(app, ["keys", "allow"]).exit_code == 2
    with pytest.raises(ConfigError, match="64 hexadecimal digits"):
        allow_key("ab", "", tmp_path / "list")
    with pytest.raises(ConfigError, match="printable"):
        allow_key(public, "two\nlines", tmp_path / "list")


def test_a_key_is_added_below_a_last_line_without_an_end(tmp_path: Path) -> None:
    file, keys = tmp_path / "list", [new_key(tmp_path / name) for name in "ab"]
    file.write_bytes(f"# the ward\r\n{keys[0]} by hand".encode())
    assert allow_key(keys[1], "ward", file)
    assert read_allowed(file) == {bytes.fromhex(key) for key in keys}
    assert not allow_key(keys[1], "ward", file)


def heard(subscriber: Subscriber, seconds: float) -> list[object]:
    """Headers of the first messages that come within so many seconds: two status intervals and more."""
    end = time.monotonic() + seconds
    while (now := time.monotonic()) < end:
        messages = subscriber.poll(end - now).messages
        if messages:
            return [message.header for message in messages]
    return []


def test_node_tape_and_viewer_are_encrypted(tmp_path: Path) -> None:
    """A viewer with the right keys gets status and is answered by the tape process; one without, nothing."""
    new_key(tmp_path / "key")
    file = tmp_path / "node.toml"
    keep_at = f"ipc://{tmp_path}/keep"
    file.write_text(
        f'[security]\nkey = "{tmp_path / "key"}"\n[keep]\nbind = "{keep_at}"\nfolder = "{tmp_path}"\n'
    )
    security = load_config(file).security.load()
    given = ("--engine", "trivial", "--bind", "tcp://0.0.0.0:0", "--http", "", "--json")
    with program("run", "--config", str(file), *given) as node:
        results = node.event("ready")["results"].replace("0.0.0.0", "127.0.0.1")  # noqa: S104 - not bound to it
        with Subscriber(results, ["status"], security=security) as viewer:
            status = next(iter(heard(viewer, PATIENCE)))
        assert isinstance(status, StatusHeader)
        assert not any("INSECURE" in reason for reason in status.reasons)
        with KeepClient(keep_at, "test", security) as keep:
            assert keep.ask({"do": "state"}, PATIENCE)["ok"]
        with (
            KeepClient(keep_at, "test") as keep,
            pytest.raises(ToolError, match="no answer"),
        ):
            keep.ask({"do": "state"}, 0.3)
        with Subscriber(results, ["status"], security=Security()) as stranger:
            assert heard(stranger, 0.5) == []
        new_key(tmp_path / "other")
        other = tmp_path / "other.toml"
        other.write_text(
            f'[security]\nkey = "{tmp_path / "other"}"\nnode = "{public_key(tmp_path / "key")}"\n'
        )
        for asking in (
            ("record", "--connect", results, "--timeout", "2", "--output", str(tmp_path / "a.mcap")),
            ("keep", "--connect", keep_at),
            ("display", "--connect", results, "--headless", "--timeout", "2"),
        ):
            refused = CliRunner().invoke(app, [*asking, "--config", str(other)])
            assert "it does not allow the key of this computer" in str(refused.exception), asking
        assert node.end(signal.SIGTERM) == 0
    secret = (tmp_path / "key").read_text().strip()
    assert not any(secret in line for line in node.err + node.out)


def test_a_node_reports_every_link_without_encryption() -> None:
    setup = Setup()
    everywhere = {"bind": "tcp://0.0.0.0:0"}
    try:
        node, listener = setup.start(
            connect="tcp://localhost.invalid:9",
            output=everywhere | {"status_interval": 0.05},
            keep=everywhere,
            security={"insecure": True},
            http={"bind": "127.0.0.1:0"},
        )
        found = [reason for reason in listener.status().reasons if "INSECURE" in reason]
        assert found == [
            "INSECURE: tcp://0.0.0.0:0 is bound without encryption",
            "INSECURE: tcp://0.0.0.0:0 is bound without encryption",
            "INSECURE RF: frames come unencrypted from tcp://localhost.invalid:9",
        ]
        assert node.get("/readyz")[1].count("INSECURE") == len(found)
    finally:
        setup.close()
