"""Every call that only some operating systems have, with what stands for it on the others."""

import ctypes
import errno
import os
import platform
import signal
import socket
import stat
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, BinaryIO, Final

PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h
_WINDOWS: Final = os.name == "nt"


def allowed_cores() -> int:
    """How many CPU cores this process may use; those of the computer where the system cannot limit them."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def cpu_name() -> str:
    """The processor's name; of a Linux without one its architecture."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def steady_ns() -> int:
    """ns on a clock that setting the time does not move; it runs on in a sleeping Linux or Windows."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic_ns() if boot is None else time.clock_gettime_ns(boot)


def unix_ahead_ns() -> int:
    """ns that unix time is ahead of `steady_ns`, as this computer's clock is set now."""
    return time.time_ns() - steady_ns()


def listens(path: Path) -> bool:
    """Whether a program listens on this local socket; never on Windows, where ipc addresses are no files."""
    family = getattr(socket, "AF_UNIX", None)
    if family is None or not path.exists():
        return False
    with closing(socket.socket(family, socket.SOCK_STREAM)) as probe:
        try:
            probe.connect(str(path))
        except OSError:  # left behind by a program that was killed
            return False
        return True


def send_datagram(address: str, content: bytes) -> None:
    """Send to a local datagram socket, without waiting; lost where nobody takes it, and on Windows."""
    family = getattr(socket, "AF_UNIX", None)
    if family is None:
        return
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as link:
        link.setblocking(False)
        link.sendto(content, address)


def hold(file: BinaryIO) -> bool:
    """Lock an open file of this program's own until it is closed or the process ends; False: another has it.

    True as well on a file system that has no locks.
    """
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EAGAIN, errno.EACCES, errno.EDEADLK)
    return True


def mode_for_others(file: Path) -> int | None:
    """The permission bits of a file that others than its owner can use; None where they can use none.

    Always None on Windows, whose bits do not concern others. Raises OSError.
    """
    mode = stat.S_IMODE(file.stat().st_mode)
    return None if _WINDOWS or not mode & 0o077 else mode


def on_hangup(handler: Any) -> None:
    """Call `handler` when the terminal closes, except under nohup; on Windows on Ctrl-Break."""
    if sys.platform == "win32":
        signal.signal(signal.SIGBREAK, handler)
    elif signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup asks for the opposite
        signal.signal(signal.SIGHUP, handler)


def end_with_parent(parent: int) -> None:
    """Let the death of its parent, the process `parent`, end this one by SIGTERM (Linux only: elsewhere it
    lives on). Main thread.

    A parent that is killed cannot end its children. Asked for here and not between fork and exec, where other
    threads of the parent may hold locks: so the parent may be dead already.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            signal.raise_signal(signal.SIGTERM)


def own_group() -> dict[str, Any]:
    """Arguments of `Popen` for a child that Ctrl-C does not reach."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}


def stop_signal() -> int:
    """What asks a child with a group of its own to end."""
    if sys.platform == "win32":
        return signal.CTRL_BREAK_EVENT
    return signal.SIGTERM
