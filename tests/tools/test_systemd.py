"""The node as a systemd service: what it notifies, and that the unit starts a command that exists."""

import os
import re
import signal
import socket
import sys
from pathlib import Path

import pytest

from tests.docs.commands_named import mistakes
from tests.root import ROOT
from tests.tools.programs import PATIENCE, program
from tools.systemd import notify

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="systemd is for Linux")
ARGUMENTS = ("run", "--engine", "trivial", "--no-keep", "--bind", "tcp://127.0.0.1:0", "--http", "")


def test_a_node_notifies_ready_then_its_watchdog_then_its_end(tmp_path: Path) -> None:
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.bind(path)
        supervisor.settimeout(PATIENCE)
        with program(*ARGUMENTS, NOTIFY_SOCKET=path) as node:
            while (first := supervisor.recv(64)) == b"WATCHDOG=1":
                pass  # a slow start: systemd's watchdog begins with READY
            assert [first, *(supervisor.recv(64) for _ in range(3))] == [b"READY=1"] + [b"WATCHDOG=1"] * 3
            assert node.end(signal.SIGTERM) == 0
        supervisor.settimeout(0.5)
        rest = []
        while b"STOPPING=1" not in rest:
            rest.append(supervisor.recv(64))


def test_a_supervisor_that_is_gone_or_an_abstract_name_is_no_obstacle(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", "/none/there")
    notify("READY=1")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.bind(f"\0musse-{os.getpid()}")
        monkeypatch.setenv("NOTIFY_SOCKET", f"@musse-{os.getpid()}")
        notify("READY=1")
        assert supervisor.recv(64) == b"READY=1"


def test_the_unit_starts_a_command_that_exists() -> None:
    unit = (ROOT / "configs" / "musse-stream@.service").read_text(encoding="utf-8")
    command = re.search(r"^ExecStart=\S+/musse-stream (.+)$", unit, re.MULTILINE)
    assert command is not None
    assert mistakes(command[1].split()) == []
    assert "Type=notify" in unit
