"""Checks of the computer: versions, cores, screen and clock."""

import os
import platform
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from streamer.system import allowed_cores
from tools.doctor.findings import Finding
from tools.errors import NoScreen
from tools.machine import version_of

PACKAGES: Final = ("torch", "numpy", "onnxruntime", "pyzmq", "opencv-python")
COARSE: Final = 0.005
"""s: a clock with larger steps makes displays and replays uneven."""


def check_versions() -> Finding:
    """The versions of this package and of those that results or speed depend on."""
    found = {name: version_of(name) for name in PACKAGES}
    text = (
        f"musse-stream {version_of('musse-stream')}, Python {platform.python_version()}, "
        f"{platform.system()} {platform.release()} {platform.machine()}, "
        + ", ".join(f"{name} {version}" for name, version in found.items())
    )
    missing = [name for name, version in found.items() if version == "missing"]
    if missing:
        return Finding("versions", "attention", text, f"pip install {' '.join(missing)}")
    return Finding("versions", "ok", text)


def check_cores() -> Finding:
    """How many CPU cores this process may use."""
    count = allowed_cores()
    if count < 2:
        return Finding(
            "cores",
            "attention",
            "this process may use 1 CPU core; node and display need one each",
            "run the display on another computer, or allow this user or container two cores",
        )
    return Finding("cores", "ok", f"{count} CPU cores may be used")


def check_screen() -> Finding:
    """Whether a window can open."""
    from tools.display.window import check_screen as raise_without_screen

    try:
        raise_without_screen()
    except NoScreen as error:
        if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            # a server: nothing is wrong with it
            return Finding("screen", "ok", "this session has no screen: use musse-stream web or --headless")
        reason, _, remedy = str(error).rpartition("; ")
        return Finding(
            "screen", "attention", f"no window can open here: {reason.removeprefix('no screen: ')}", remedy
        )
    return Finding("screen", "ok", "a window can open")


def check_clock(now: float | None = None) -> Finding:
    """Whether the date is possible and the steps of the clock are fine enough; `now` is a unix time in s."""
    now = time.time() if now is None else now
    date = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d %H:%M UTC")
    installed = Path(__file__).stat().st_mtime
    if now < installed - 60:
        return Finding(
            "clock",
            "attention",
            f"the clock of this computer shows {date}, before this program was installed",
            "set date and time, or turn time synchronisation (NTP) on",
        )
    step = time.get_clock_info("monotonic").resolution
    if step > COARSE:
        return Finding(
            "clock",
            "attention",
            f"it is {date}; the clock moves in steps of {step * 1e3:.1f} ms, so images may come unevenly",
            "use Python 3.13 or later, which has finer steps on Windows",
        )
    return Finding("clock", "ok", f"it is {date}; steps of the clock are below {COARSE * 1e3:.0f} ms")
