"""Stop signals, and child processes that end with their parent."""

import os
import platform
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing import parent_process
from pathlib import Path
from types import MappingProxyType

from engine.user_cache import user_cache
from streamer import system
from tools.errors import ToolError

CHILD = "MUSSE_CHILD"  # the starter's process id, in the environment of every process that `start` makes
GRACE = 3.0  # s for a child to end by itself
_KEPT = str(16 * 2**20)  # more than any map of a frame: memory that every pair needs again is no page fault
FEW_ARENAS = {
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_TRIM_THRESHOLD_": _KEPT,
    "MALLOC_MMAP_THRESHOLD_": _KEPT,  # else 128 KiB, which stays fixed as soon as any limit is set
}
"""How glibc's malloc keeps its heap small over weeks: two arenas instead of eight a core, fixed limits."""


def on_stop_signal(handler: Callable[[int, object], None]) -> None:
    """Call `handler` on Ctrl-C and on a request to end: SIGTERM, a closed terminal, Ctrl-Break on Windows.

    In a process that `start` made, the end of its parent is such a request too (Linux).
    """
    signal.signal(signal.SIGINT, handler)
    signal.signal(signal.SIGTERM, handler)
    system.on_hangup(handler)
    starter = os.environ.pop(CHILD, None)
    if starter is not None:
        system.end_with_parent(int(starter))


def end_with_parent() -> None:
    """Begin a process that `start` or multiprocessing has made: Ctrl-C ends it silently, the death of its
    parent too (Linux).
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parent = parent_process()
    if parent is not None and parent.pid is not None:
        system.end_with_parent(parent.pid)
    elif CHILD in os.environ:
        system.end_with_parent(int(os.environ[CHILD]))


@contextmanager
def ctrl_c(*, at_once: bool = True) -> Iterator[Callable[[], None]]:
    """Ctrl-C raises KeyboardInterrupt, at once or, at the latest, when the check that this yields is called.

    What a signal handler raises inside a callback of a library is lost there. Without `at_once` only a second
    Ctrl-C raises at once: while HDF5 writes, an exception inside its callbacks crashes the process. Main
    thread only.
    """
    asked = False

    def on_signal(number: int, frame: object) -> None:
        nonlocal asked
        repeated, asked = asked, True
        if at_once or repeated:
            raise KeyboardInterrupt

    def check() -> None:
        if asked:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, on_signal)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def ctrl_c_asks() -> Iterator[Callable[[], bool]]:
    """Ctrl-C only makes the yielded function return True, for work that ends between two steps; a second one
    raises KeyboardInterrupt at once. Main thread only.
    """
    asked = False

    def on_signal(number: int, frame: object) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True

    before = signal.signal(signal.SIGINT, on_signal)
    try:
        yield lambda: asked
    finally:
        signal.signal(signal.SIGINT, before)


def few_arenas() -> dict[str, str]:
    """Environment of a process that lives for weeks; empty where the user's own sets malloc, and where the
    system's malloc is not glibc's.
    """
    own = any(name.startswith("MALLOC_") for name in os.environ) or "malloc" in os.environ.get(
        "GLIBC_TUNABLES", ""
    )
    return {} if own or platform.libc_ver()[0] != "glibc" else dict(FEW_ARENAS)


def start(
    arguments: Sequence[str], module: str, changes: Mapping[str, str] = MappingProxyType({})
) -> "subprocess.Popen[str]":
    """Start `python -m MODULE ARGUMENTS`, its standard output to be read by the caller; `changes` are to its
    environment.

    The child has a group of its own, so that Ctrl-C reaches the parent only and the parent ends the children
    in order. The current folder is not searched for modules (-P): it may hold a `tools` or a `queue.py` of
    the user's own.
    """
    command = [sys.executable, "-P", "-m", module, *arguments]
    environment = {**os.environ, CHILD: str(os.getpid()), **changes}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, **system.own_group())


def cache_folder() -> Path:
    """Where this user's programs keep what they can make again; made if it is not there. Raises ToolError."""
    folder = user_cache()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        variable = "LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME"
        raise ToolError(
            f"the cache folder {folder} cannot be made: {error.strerror}; "
            f"let {variable} name a folder that can be written"
        ) from error
    return folder


def ask_to_stop(process: "subprocess.Popen[str]") -> None:
    """Ask a child to end; returns at once."""
    if process.poll() is None:
        process.send_signal(system.stop_signal())


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
