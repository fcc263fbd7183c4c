"""`python -m tests.tools.tape.killed_writer FOLDER COUNT SEED`: writes tapes and is killed while it writes.

A parent without threads forks COUNT writers one after the other and kills each at a random length of its
tape. Each writer notes in FOLDER/N.txt, line by line, the number of every message once `append` has returned.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

from tests.tools.tape.tapes import rf_parts, strain_parts
from tools.tape.writer import TapeWriter


def write_until_killed(path: Path, messages: list[Any]) -> None:
    with TapeWriter(path) as tape, path.with_suffix(".txt").open("wb", buffering=0) as noted:
        for index, parts in enumerate(messages):
            tape.append(parts, "musse.strain" if index % 2 else "musse.rf", 10**18 + index)
            noted.write(f"{index}\n".encode())
        time.sleep(60)


def main(folder: Path, count: int, seed: int) -> None:
    draw = random.Random(seed)
    messages = [strain_parts(index) if index % 2 else rf_parts(index) for index in range(1000)]
    message = sum(len(bytes(part)) for parts in messages for part in parts) / len(messages)
    for number in range(count):
        path = folder / f"{number}.mcap"
        writer = os.fork()
        if writer == 0:
            write_until_killed(path, messages)
            os._exit(0)
        length = draw.uniform(0, 300) * message
        while not path.exists() or path.stat().st_size <= length:
            time.sleep(draw.uniform(0, 0.001))
        os.kill(writer, signal.SIGKILL)
        os.waitpid(writer, 0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
