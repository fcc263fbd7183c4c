"""`musse-stream doctor`: what it finds on real sockets and files, and what its report leaves out."""

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from streamer.config import Config
from streamer.http import HealthServer
from streamer.tls import server_tls
from tests.certificates import certificate
from tests.tools.programs import PATIENCE, program, write_press
from tests.tools.recorder import Sender
from tools.cli import app
from tools.configuration import load_config
from tools.doctor import addresses, computer, engines, services, storage
from tools.doctor.examination import MARKS, line
from tools.doctor.findings import Finding, anonymous
from tools.doctor.recording import check_recording
from tools.formats import open_recording

NAME = "Quillfeather"


def settings(**sections: dict[str, object]) -> Config:
    return load_config(None, sections)


@pytest.fixture
def free() -> str:
    """An address that nothing listens at."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"tcp://127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture
def sender() -> Iterator[Sender]:
    one = Sender()
    yield one
    one.close()


def rf_finding(rf: str, results: str, seconds: float = 0.5, source: str = "") -> Finding:
    config = settings(input={"connect": rf, "source": source}, output={"bind": results})
    return addresses.check_addresses(config, seconds)[0]


@pytest.mark.alone
def test_a_replay_is_named_with_rate_and_source(tmp_path: Path, free: str) -> None:
    arguments = ("--bind", "tcp://127.0.0.1:0", "--loop", "bounce", "--json", "--source", "arm-7")
    with program("replay", str(write_press(tmp_path / "p.h5")), *arguments) as replay:
        address = replay.event("ready")["rf"]
        finding = rf_finding(address, free, 2.0)
        other = rf_finding(address, free, 1.0, source="bridge")
        replay.process.terminate()
        replay.end()
    assert finding.level == "ok", finding
    rate = float(finding.text.partition("source arm-7 at ")[2].partition("/s")[0])
    assert rate == pytest.approx(50, rel=0.2)
    assert "512 samples x 16 lines" in finding.text
    assert other.level == "attention"
    assert "set input.source to arm-7" in str(other.remedy)


def test_results_name_the_state_of_the_node(sender: Sender, free: str) -> None:
    config = settings(input={"connect": free}, output={"bind": sender.address})
    found: list[Finding] = []
    listener = threading.Thread(target=lambda: found.extend(addresses.check_addresses(config, 1.0)))
    listener.start()
    sender.wait_for_subscriptions(1)
    sender.status(3)
    sender.parts([b"strain.bridge", b"rubbish"])
    listener.join(PATIENCE)
    assert "status of source bridge" in found[1].text
    assert "the node is LIVE" in found[1].text


def test_results_at_the_rf_address_are_named_as_such(sender: Sender, free: str) -> None:
    found: list[Finding] = []
    listener = threading.Thread(target=lambda: found.append(rf_finding(sender.address, free, 1.0)))
    listener.start()
    sender.wait_for_subscriptions(1)
    sender.strain(1)
    listener.join(PATIENCE)
    assert found[0].level == "attention"
    assert "publishes strain of source" in found[0].text
    assert "not the node's results" in str(found[0].remedy)


def test_nothing_listening_and_a_silent_sender_differ(sender: Sender, free: str) -> None:
    nothing = rf_finding(free, free)
    silent = rf_finding(sender.address, free)
    assert "nothing listens" in nothing.text
    assert "musse-stream replay" in str(nothing.remedy)
    assert "published nothing" in silent.text
    assert nothing.level == silent.level == "attention"


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", b""])
def test_another_protocol_is_a_fault_with_a_remedy(free: str, answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def serve() -> None:
            for _ in range(2):
                peer, _ = server.accept()
                with peer:
                    peer.recv(64)
                    peer.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        finding = rf_finding(f"tcp://127.0.0.1:{port}", free)
        http = services.check_http(settings(http={"bind": f"127.0.0.1:{port}"}))
        thread.join(0)
        for _ in range(2):  # in case it still waits
            with socket.create_connection(("127.0.0.1", port)) as last:
                last.sendall(b"end")
            thread.join(0.2)
        thread.join(PATIENCE)
    assert finding.level == "fault"
    assert "does not publish by ZeroMQ" in finding.text
    assert "change the port" in str(finding.remedy)
    assert http.level == "attention"
    assert "another program" in http.text


def test_a_node_with_a_certificate_is_asked_over_tls(tmp_path: Path) -> None:
    made, key = certificate(tmp_path)
    node = HealthServer(
        "127.0.0.1:0", {"/livez": lambda: (200, "text/plain", b"alive\n")}, server_tls(str(made), str(key))
    )
    try:
        finding = services.check_http(settings(http={"bind": node.address, "certificate": str(made)}))
    finally:
        node.close()
    assert (finding.level, finding.text) == ("ok", f"a node answers at https://{node.address}: alive")


def test_the_trial_pair_measures_the_true_strain(monkeypatch: pytest.MonkeyPatch) -> None:
    config = settings(engine={"name": "reference"})
    assert engines.check_trial(config, 0.0).level == "ok"
    monkeypatch.setattr(engines, "TRIAL_STRAIN", -0.012)  # a false truth: the control
    frame = engines._frame
    monkeypatch.setattr(engines, "_frame", lambda index, strain: frame(index, strain / 3))
    wrong = engines.check_trial(config, 0.0)
    assert wrong.level == "fault"
    assert "-0.40 % where -1.20 % is true" in wrong.text


def test_an_engine_that_cannot_run_is_a_fault() -> None:
    finding = engines.check_trial(settings(engine={"name": "trivial", "weights": "live"}), 0.0)
    assert (finding.level, "takes no weights" in finding.text) == ("fault", True)


def test_a_clock_of_another_year_needs_attention() -> None:
    assert computer.check_clock().level == "ok"
    assert computer.check_clock(0.0).level == "attention"


def test_a_server_without_a_screen_is_healthy_and_a_wrong_display_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    finding = computer.check_screen()
    assert (finding.level, finding.remedy) == ("ok", None)
    assert "web" in finding.text
    monkeypatch.setenv("DISPLAY", ":9876")
    assert computer.check_screen().level == "attention"


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert storage.check_disk(settings(keep={"folder": str(tmp_path)})).level == "ok"
    lost = settings(keep={"folder": str(tmp_path / "none")})
    assert storage.check_disk(lost).level == storage.check_permissions(lost).level == "fault"


def test_the_cache_is_listed_and_emptied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(variable, str(tmp_path))
    scenes = tmp_path / "musse-stream" / "scenes"
    scenes.mkdir(parents=True)
    (scenes / "1.npz").write_bytes(bytes(2_000_000))
    beside = tmp_path / "other"
    beside.write_text("stays")
    assert "scenes 2.0 MB" in storage.check_caches().text
    refused = CliRunner().invoke(app, ["doctor", "--clear-cache"], input="n\n")
    assert refused.exit_code == 1
    assert (scenes / "1.npz").exists()
    cleared = CliRunner().invoke(app, ["doctor", "--clear-cache", "--yes"])
    assert (cleared.exit_code, cleared.output) == (0, "freed 2.0 MB\n")
    assert not scenes.exists()
    assert beside.exists()


def test_a_recording_is_checked_without_its_name(tmp_path: Path) -> None:
    good = check_recording(write_press(tmp_path / "p.h5"), open_recording)
    assert (good.level, "8 frames of 512 samples x 16 lines" in good.text) == ("ok", True)
    damaged = tmp_path / f"{NAME}.mhd"
    damaged.write_text(f"ObjectType = Image\nElementDataFile = {NAME}.raw\n")
    finding = check_recording(damaged, open_recording)
    assert finding.level == "fault"
    assert NAME in finding.text  # the control
    assert NAME not in line(anonymous(finding, damaged))


def test_the_report_is_stable_json_without_home_or_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: str
) -> None:
    home = tmp_path / NAME
    (home / "scans").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.chdir(home / "scans")
    for variable in ("LOGNAME", "USER", "USERNAME"):
        monkeypatch.setenv(variable, NAME)
    monkeypatch.setattr(addresses, "LISTEN", 0.1)
    monkeypatch.setattr(engines, "TRIAL_SECONDS", 0.0)
    config = home / "clinic.toml"
    config.write_text(
        f'[input]\nconnect = "ipc://{home}/rf"\n[output]\nbind = "{free}"\n[engine]\nname = "trivial"\n'
    )
    recording = write_press(home / "scans" / "p.h5")
    printed = CliRunner().invoke(app, ["doctor", "--json", "--config", str(config), str(recording)])
    report = json.loads(printed.output)
    assert printed.exit_code == 1  # nothing listens
    assert (report["schema"], report["healthy"]) == (1, False)
    assert [finding["name"] for finding in report["findings"]] == [
        "configuration", "versions", "cores", "screen", "clock", "disk", "permissions", "caches", "rf",
        "results", "http", "keep", "engines", "compiled-engines", "device", "trial-pair", "recording",
    ]  # fmt: skip
    for finding in report["findings"]:
        assert set(finding) == {"name", "level", "text", "remedy"}
        assert (finding["remedy"] is None) == (finding["level"] == "ok")
        line(Finding(**finding)).encode("cp932")
    assert "the check itself failed" not in printed.output
    assert "~/clinic.toml" in printed.output
    assert "ipc://~/rf" in printed.output
    assert NAME not in printed.output
    raw = storage.check_disk(Config()).text
    assert NAME in raw  # the control: the checks themselves name the folder
    assert "/media/USER/disk" in anonymous(Finding("disk", "ok", f"/media/{NAME}/disk")).text


def test_marks_and_terminal_commands() -> None:
    assert all(mark.isascii() for mark in MARKS.values())
    assert anonymous(Finding("rf", "ok", "a\x1b[2Jb\nc")).text == "a[2Jb c"
