"""The command line from outside: help, exit codes, and errors in one line."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine.device import chosen_device
from tests.root import ROOT
from tests.tools.programs import program, write_press
from tools.cli import EXIT_CODES, app, exit_code_table, main

COMMANDS = [command.callback.__name__ for command in app.registered_commands if command.callback]
NOBODY = "tcp://127.0.0.1:9"
LINE_LIMIT = 400  # characters: what and what to do, not a wall of text


def musse(*arguments: str) -> "subprocess.CompletedProcess[str]":
    without_screen = {key: value for key, value in os.environ.items() if "DISPLAY" not in key}
    return subprocess.run(
        [sys.executable, "-m", "tools", *arguments],
        capture_output=True, text=True, check=False, timeout=60,
        env={**without_screen, "COLUMNS": "200", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_examples_of_itself(name: str) -> None:
    result = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    examples = result.output.partition("Examples:")[2]
    assert f"musse-stream {name}" in examples


def test_the_first_help_names_every_command_and_exit_code() -> None:
    done = musse("--help")
    assert done.returncode == 0
    text = " ".join(done.stdout.split())
    for word in (*COMMANDS, "research use only", "musse-stream demo", *EXIT_CODES.values()):
        assert word in text
    assert len(COMMANDS) >= 10
    panels = [text.find(f"─ {panel} ─") for panel in ("Live", "Recordings", "Results", "Network", "System")]
    assert panels[0] > -1
    assert panels == sorted(panels)
    assert musse().returncode == 2  # without a command: help, but nothing was done


@pytest.mark.alone
def test_help_comes_at_once() -> None:
    """Nothing heavy is imported for it; the limit is generous because a test machine may be busy."""
    times = []
    for _ in range(2):
        begun = time.monotonic()
        assert musse("run", "--help").returncode == 0
        times.append(time.monotonic() - begun)
    assert min(times) < 3.0


def test_the_version_is_that_of_the_package() -> None:
    assert musse("--version").stdout == "musse-stream 0.1.0\n"


def test_the_table_of_exit_codes_is_complete() -> None:
    assert exit_code_table() in (ROOT / "docs" / "operation.md").read_text(encoding="utf-8")
    rows = exit_code_table().splitlines()[2:]
    assert [int(row.split("|")[1]) for row in rows] == list(EXIT_CODES) == [*range(10), 130]


CASES = {
    "2 no such command": (["fly"], ["fly"]),
    "2 no such option": (["run", "--wings", "2"], ["--wings"]),
    "2 a number out of range": (["replay", "a.h5", "--speed", "0"], ["--speed"]),
    "2 headless without an end": (["demo", "--headless"], ["--headless needs --seconds"]),
    "2 pairs given twice": (
        ["process", "{press}", "--output", "o.h5", "--pairs-from", "{press}", "--frames", "3"],
        ["leave out --frames"],
    ),
    "3 a file that is not there": (["config", "check", "none.toml"], ["none.toml", "No such file"]),
    "3 no address": (["run", "--connect", "here", "--bind", "tcp://127.0.0.1:0", "--http", ""], ["'here'"]),
    "3 no address to record from": (["record", "--connect", "x", "--output", "o.mcap"], ["tcp://HOST:PORT"]),
    "3 no source_id": (["replay", "{press}", "--source", "Scanner 1"], ["--source 'Scanner 1'", "a-z, 0-9"]),
    "4 no recording": (["info", "{rubbish}"], ["rubbish.h5"]),
    "4 nothing there": (["replay", "none.mhd", "--bind", "tcp://127.0.0.1:0"], ["none.mhd"]),
    "4 an unknown ending": (["process", "{press}", "--output", "o.txt"], ["o.txt", ".h5 or .npz"]),
    "4 a file that exists": (
        ["process", "{press}", "--output", "{rubbish}"],
        ["rubbish.h5 exists", "--overwrite"],
    ),
    "4 no results": (
        ["process", "{press}", "--output", "o.h5", "--pairs-from", "{press}"],
        ["press.h5 holds no strain results", "`record`"],
    ),
    "5 run": (
        ["run", "--engine", "magic", "--bind", "tcp://127.0.0.1:0", "--http", ""],
        ["'magic'", "auto, musse, reference"],
    ),
    "5 process": (["process", "{press}", "--output", "o.h5", "--engine", "magic"], ["'magic'"]),
    "5 demo": (["demo", "--headless", "--seconds", "1", "--engine", "magic"], ["'magic'"]),
    "5 bench": (["bench", "--file", "{press}", "--engine", "magic"], ["'magic'"]),
    "5 config": (["config", "check", "{magic}"], ["'magic'"]),
    "6 run": (["run", "--bind", "{taken}", "--http", ""], ["{taken}", "output.bind"]),
    "6 replay": (["replay", "{press}", "--bind", "{taken}"], ["{taken}", "--bind"]),
    "7 display": (["display"], ["DISPLAY is not set", "--headless"]),
    "7 demo": (["demo"], ["DISPLAY is not set", "--headless"]),
    "8 record strain": (
        ["record", "--connect", NOBODY, "--output", "o.mcap", "--timeout", "0.1"],
        [NOBODY, "is the node running"],
    ),
    "8 record rf": (
        ["record", "--what", "rf", "--connect", NOBODY, "--output", "o.mcap", "--timeout", "0.1"],
        [NOBODY, "bridge or replay"],
    ),
    "8 display": (
        ["display", "--headless", "--connect", NOBODY, "--timeout", "0.1"],
        [NOBODY, "musse-stream run"],
    ),
}


@pytest.fixture
def refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """Runs a command line within this process, in an empty folder: what it prints as it ends with a code."""

    def run_it(code: int, *arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["musse-stream", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        errors = capfd.readouterr().err
        assert ended.value.code == code, errors
        assert "Traceback" not in errors
        return " ".join(errors.split())

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return run_it


FIRST_OF_ITS_CODE = {case[0]: case for case in reversed(CASES)}


@pytest.mark.parametrize("case", CASES)
def test_a_failure_has_its_exit_code_and_one_line(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """One case of every code as a process, the others within this one, which is quicker."""

    def run_it(arguments: list[str]) -> tuple[int, str]:
        if case in FIRST_OF_ITS_CODE.values():
            done = musse(*arguments)
            return done.returncode, done.stderr
        for name in [name for name in os.environ if "DISPLAY" in name]:
            monkeypatch.delenv(name)
        monkeypatch.setattr(sys, "argv", ["musse-stream", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        assert isinstance(ended.value.code, int)
        return ended.value.code, capfd.readouterr().err

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    write_press(tmp_path / "press.h5")
    (tmp_path / "rubbish.h5").write_bytes(b"no HDF5 at all")
    (tmp_path / "magic.toml").write_text('[engine]\nname = "magic"\n')
    with socket.create_server(("127.0.0.1", 0)) as taken:
        places = {
            "press": str(tmp_path / "press.h5"),
            "rubbish": str(tmp_path / "rubbish.h5"),
            "magic": str(tmp_path / "magic.toml"),
            "taken": f"tcp://127.0.0.1:{taken.getsockname()[1]}",
        }
        arguments, words = CASES[case]
        code, errors = run_it([word.format(**places) for word in arguments])
    assert code == int(case[0]), errors
    assert "Traceback" not in errors
    for word in words:
        assert word.format(**places) in " ".join(errors.split())
    if code != 2:  # typer draws a box around mistakes of the command line
        lines = [line for line in errors.splitlines() if line.startswith("musse-stream: ")]
        assert len(lines) == 1, errors
        assert errors.splitlines()[-1] == lines[0]
        assert len(lines[0]) < LINE_LIMIT
    assert not list(tmp_path.glob("o.*"))


ON_A_CARD = {
    "check": ["config", "check", "card.toml"],
    "process": ["process", "press.h5", "--output", "o.h5", "--config", "card.toml"],
    "run": ["run", "--config", "card.toml", "--bind", "tcp://127.0.0.1:0", "--http", ""],
}


@pytest.mark.skipif(chosen_device("auto") == "cuda", reason="there is a card here")
@pytest.mark.parametrize("command", ON_A_CARD)
@pytest.mark.parametrize(("engine", "reason"), [("musse", "NVIDIA"), ("trivial", "does not run on")])
def test_an_engine_for_a_card_that_is_not_here_is_refused_with_the_remedy(
    command: str, engine: str, reason: str, tmp_path: Path, refused: Callable[..., str]
) -> None:
    write_press(tmp_path / "press.h5")
    (tmp_path / "card.toml").write_text(f'[engine]\nname = "{engine}"\ndevice = "cuda"\n')
    complaint = refused(5, *ON_A_CARD[command])
    for words in (f"engine '{engine}'", "'cuda'", reason, "choose device 'cpu'"):
        assert words in complaint
    assert not (tmp_path / "o.h5").exists()


def test_an_image_without_matplotlib_names_an_option_that_the_command_has(
    tmp_path: Path, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_press(tmp_path / "press.h5")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    complaint = refused(1, "assess", "press.h5", "--engine", "trivial", "--save", "o.png")
    assert "matplotlib" in complaint
    assert "leave out --save" in complaint
    assert "--no-report" not in complaint


def test_every_mistake_of_a_configuration_is_listed(tmp_path: Path) -> None:
    file = tmp_path / "clinic.toml"
    file.write_text('[pairing]\nmodus = "stride"\nstride = 99\n[quality]\nmin_nc = 0.5\n[http]\nbind = 5\n')
    done = musse("config", "check", str(file))
    assert done.returncode == 3
    for words in (
        "pairing.modus: unknown key; did you mean 'mode'",
        "pairing.stride",
        "'min_ncc'",
        "http.bind",
    ):
        assert words in done.stderr
    assert len(done.stderr.splitlines()) == 5


def test_a_configuration_without_mistakes_is_shown_and_read_again(tmp_path: Path) -> None:
    shown = musse("config", "show")
    assert shown.returncode == 0
    (tmp_path / "a.toml").write_text(shown.stdout)
    done = musse("config", "check", str(tmp_path / "a.toml"))
    assert (done.returncode, done.stdout) == (0, f"{tmp_path / 'a.toml'}: no mistakes\n")


def test_ctrl_c_before_the_work_is_done_is_130_and_leaves_no_file(tmp_path: Path) -> None:
    press = write_press(tmp_path / "press.h5")
    arguments = ("--loop", "bounce", "--frames", "1000000", "--engine", "trivial")
    with program("process", str(press), "--output", str(tmp_path / "o.h5"), *arguments) as process:
        end = time.monotonic() + 30
        while not (tmp_path / "o.h5.part").exists():
            assert time.monotonic() < end, process.err
            time.sleep(0.01)
        assert process.end(signal.SIGINT) == 130
    assert not any("Traceback" in line for line in process.err)
    assert [path.name for path in tmp_path.iterdir()] == ["press.h5"]
