"""A child that asks for its parent's death when that has happened: `python -m tests.tools.late_child FILE 0`.

It starts such a child and is killed. The signal that the child ends by is written to FILE.
"""

import os
import signal
import sys
import time
from pathlib import Path

from tools.processes import on_stop_signal, start


def main(file: Path, starter: int) -> None:
    """`starter`: 0 in the parent, else its process id."""
    if not starter:
        start([str(file), str(os.getpid())], "tests.tools.late_child")
        os.kill(os.getpid(), signal.SIGKILL)
    while os.getppid() == starter:
        time.sleep(0.01)
    ended: list[int] = []
    on_stop_signal(lambda number, frame: ended.append(number))
    part = file.with_suffix(".part")
    part.write_text(" ".join(signal.Signals(number).name for number in ended) or "nothing")
    part.replace(file)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
