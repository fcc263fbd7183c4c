"""Everything that differs between operating systems: stop signals and child processes."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

GRACE = 3.0  # s for a child to end by itself


def on_stop_signal(handler: Callable[[int, object], None]) -> None:
    """Call `handler` on Ctrl-C and on a request to end: SIGTERM, a closed terminal, Ctrl-Break on Windows."""
    signal.signal(signal.SIGINT, handler)
    signal.signal(signal.SIGTERM, handler)
    if sys.platform == "win32":
        signal.signal(signal.SIGBREAK, handler)
    elif signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup asks for the opposite
        signal.signal(signal.SIGHUP, handler)


def start(arguments: Sequence[str], module: str) -> "subprocess.Popen[str]":
    """Start `python -m MODULE ARGUMENTS`, its standard output to be read by the caller.

    The child has a group of its own, so that Ctrl-C reaches the parent only and the parent ends the children
    in order.
    """
    command = [sys.executable, "-m", module, *arguments]
    if sys.platform == "win32":
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, creationflags=subprocess.CREATE_NEW_PROCESS_GROUP
        )
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)


def cache_folder() -> Path:
    """Where this user's programs keep what they can make again; made if it is not there."""
    home = Path.home()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", home / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    folder = base / "musse-stream"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def ask_to_stop(process: "subprocess.Popen[str]") -> None:
    """Ask a child to end; returns at once."""
    if process.poll() is None:
        if sys.platform == "win32":
            process.send_signal(signal.CTRL_BREAK_EVENT)
        else:
            process.terminate()


def wait_or_kill(process: "subprocess.Popen[str]", seconds: float = GRACE) -> int:
    """Wait for a child to end, kill it after `seconds`; returns its exit code."""
    killer = threading.Timer(seconds, process.kill)
    killer.start()
    try:
        return process.wait()
    finally:
        killer.cancel()


def end_without_waiting(code: int) -> None:
    """End this process now although a library is still being loaded in another thread."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
