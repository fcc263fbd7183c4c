"""Stands for `musse-stream engine build` in a child process: `build FOLDER NAME`, with events on stdout.

It takes as long as the test wants: until FOLDER/go is there. FOLDER/broken makes it fail with that reason.
"""

import sys
import time
from pathlib import Path

from tools.output import emit
from tools.processes import end_with_parent


def main(folder: Path, name: str) -> None:
    end_with_parent()
    with (folder / "started").open("a", encoding="utf-8") as log:
        log.write(f"{name}\n")
    emit("step", {"step": "compiling"}, as_json=True)
    while not (folder / "go").exists():
        time.sleep(0.01)
    if (folder / "broken").exists():
        emit("failed", {"reason": "the compiler refuses the graph"}, as_json=True)
        sys.exit(4)
    (folder / name).touch()
    emit("built", {"engine": name, "status": "verified"}, as_json=True)


if __name__ == "__main__":
    main(Path(sys.argv[2]), sys.argv[3])
