"""What tape, window and page beside the node cost it: the node alone and with all three, in turns.

    python -m tests.soak.beside --rate 30 --seconds 20

prints one JSON line for each run. The window is on a virtual screen, and a client of the page takes every
message at once. Needs Xvfb.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from tests.soak.load import Load, page, stamps_of, times
from tests.tools.programs import Program
from tools.tape.protocol import KeepClient

TURNS: Final = 2
OPENING: Final = 3.0  # s until the window and the page are there


def run(rate: float, seconds: float, *, beside: bool) -> dict[str, Any]:
    """Counts and ms of one run with the engine trivial, with tape, window and page or without."""
    with tempfile.TemporaryDirectory() as folder, Load("trivial", Path(folder), tape=beside) as load:
        viewer = load.viewer()
        missed = None
        with ExitStack() as closing:
            if beside:
                closing.enter_context(_window(load.results))
                closing.enter_context(page(load))
            load.warm()
            time.sleep(OPENING)
            load.send(round(seconds * rate), rate)
            load.drain()
            if beside:
                with KeepClient(load.keep, "load") as keep:
                    missed = keep.ask({"do": "state"})["missed"]
            summary = load.end()
            seen = stamps_of(viewer)
    return {
        "rate": rate,
        "tape, window and page": beside,
        "lost on the link": summary["lost"],
        "received": summary["received"],
        "overwritten": summary["overwritten"],
        "missed by the tape": missed,
        "ms": times(seen, load.sent),
        "load": round(os.getloadavg()[0], 1),
    }


@contextmanager
def _window(results: str) -> Iterator[None]:
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1400x900x24", "-nolisten", "tcp"]
    with subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL) as server:
        os.close(write)
        with os.fdopen(read) as pipe:
            name = ":" + pipe.readline().strip()
        with Program(("display", "--connect", results), {"DISPLAY": name}):
            yield
        server.terminate()


def main() -> None:
    """Both, in turns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=30.0)
    parser.add_argument("--seconds", type=float, default=20.0)
    given = parser.parse_args()
    for turn in range(2 * TURNS):
        sys.stdout.write(json.dumps(run(given.rate, given.seconds, beside=bool(turn % 2))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
