"""What only some systems have stands in one file, and no text depends on a system's code page."""

import ast
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from streamer import system
from tests.root import ROOT

HOME = Path("streamer/system.py")
NAMES = {
    *("AF_UNIX", "sched_getaffinity", "sched_setaffinity", "prctl", "fork", "forkpty", "killpg", "nice"),
    *("getuid", "geteuid", "getgid", "setuid", "setgid", "chown", "mkfifo", "setsid", "getpgid", "umask"),
    *("SIGHUP", "SIGKILL", "SIGALRM", "SIGUSR1", "SIGUSR2", "SIGBREAK", "CTRL_BREAK_EVENT", "setitimer"),
    *("start_new_session", "preexec_fn", "creationflags", "CREATE_NEW_PROCESS_GROUP", "pass_fds"),
    *("set_blocking", "sendmsg", "memfd_create", "statvfs", "register_at_fork", "getloadavg"),
}
MODULES = {"fcntl", "grp", "pwd", "resource", "termios", "tty", "pty", "msvcrt", "winreg", "_winapi"}
FOLDERS = ("/proc/", "/sys/", "/dev/")
OPENERS = {"open", "read_text", "write_text", "fdopen", "NamedTemporaryFile", "TextIOWrapper"}


def foreign(tree: ast.AST) -> Iterator[str]:
    """Names, modules and folders in a module that some systems do not have."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in NAMES:
            yield node.attr
        elif isinstance(node, ast.keyword) and node.arg in NAMES:
            yield node.arg
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom):
            yield from (alias.name for alias in node.names if alias.name in NAMES)
            yield from {node.module or ""} & MODULES
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from [node.value] * (node.value in NAMES or node.value.startswith(FOLDERS))


def unencoded(tree: ast.AST) -> Iterator[int]:
    """Lines where a file is opened as text in whatever encoding the system likes."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        owner = getattr(getattr(function, "value", None), "id", "")
        if name in {"read_text", "write_text"} and not isinstance(function, ast.Attribute):
            continue  # a function of the project's own
        if name not in OPENERS or (owner in {"zipfile", "tarfile", "webbrowser", "os"} and name == "open"):
            continue
        texts = [word.value for word in ast.walk(node) if isinstance(word, ast.Constant)]
        binary = any(isinstance(text, str) and "b" in text and set(text) <= set("rwxab+") for text in texts)
        stated = any(keyword.arg == "encoding" for keyword in node.keywords)
        as_text = name != "open" or any(
            isinstance(text, str) and set(text) <= set("rwxa+t") for text in texts
        )
        if as_text and not binary and not stated:
            yield node.lineno


@cache
def modules() -> list[tuple[Path, ast.AST]]:
    files = [path for room in ("engine", "streamer", "tools") for path in (ROOT / room).rglob("*.py")]
    return [(path.relative_to(ROOT), ast.parse(path.read_text(encoding="utf-8"))) for path in files]


def test_calls_of_some_systems_stand_in_one_file() -> None:
    found = {str(path): names for path, tree in modules() if (names := sorted(set(foreign(tree))))}
    assert found.pop(str(HOME))
    assert found == {}


def test_every_text_file_has_an_encoding() -> None:
    assert {str(path): lines for path, tree in modules() if (lines := list(unencoded(tree)))} == {}


@pytest.mark.parametrize(
    "line",
    [
        "import fcntl",
        "from os import getuid",
        "socket.socket(socket.AF_UNIX)",
        "Popen(a, start_new_session=True)",
        "getattr(os, 'fork')",
        "Path('/proc/cpuinfo')",
    ],
)
def test_a_call_of_some_systems_is_noticed(line: str) -> None:
    assert list(foreign(ast.parse(line)))


@pytest.mark.parametrize(
    ("line", "noticed"),
    [
        ("path.read_text()", True),
        ("path.write_text(text)", True),
        ("path.open('w')", True),
        ("open(path, 'a')", True),
        ("os.fdopen(number, 'w')", True),
        ("path.read_text(encoding='utf-8')", False),
        ("path.open('rb')", False),
        ("os.open(path, flags)", False),
    ],
)
def test_a_file_without_an_encoding_is_noticed(line: str, noticed: bool) -> None:
    assert bool(list(unencoded(ast.parse(line)))) == noticed


def test_without_them_there_is_a_counterpart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As on Windows: fewer promises, and nothing raised."""
    path = tmp_path / "a"
    path.touch(0o644)
    assert system.mode_for_others(path) == 0o644
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.delattr(socket, "AF_UNIX", raising=False)
    monkeypatch.setattr(system, "_WINDOWS", True)
    assert system.allowed_cores() == os.cpu_count()
    assert not system.listens(path)
    system.send_datagram(str(path), b"READY=1")
    assert system.mode_for_others(path) is None


@pytest.mark.parametrize("page", ["cp1252", "cp437", "cp932"])
def test_help_and_errors_reach_a_console_of_any_code_page(page: str) -> None:
    """Help holds every option's text; the error names a file with letters that the page may not have."""
    code = (
        "import sys; from tools.cli import main\n"
        "for words in (['run', '--help'], ['measure', '--help'], ['info', '\\xb5-\\u6ce2-\\xe9.h5']):\n"
        "    sys.argv[1:] = words\n"
        "    try: main()\n"
        "    except SystemExit as end: sys.stderr.write(f'ended {end.code}\\n')"
    )
    environment = {**os.environ, "PYTHONIOENCODING": page, "PYTHONUTF8": "0", "LC_ALL": "C"}
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, cwd=ROOT, env=environment
    )
    assert ended.stdout.decode(page)
    shown = ended.stderr.decode(page)
    assert "UnicodeEncodeError" not in shown
    assert shown.count("ended 0") == 2
    assert "ended 2" in shown  # no such file
