"""Small tapes of RF frames and results whose every sample says which message it belongs to."""

import random
from pathlib import Path
from typing import Any

import numpy as np

from streamer.wire import encode
from tests.echo_frames import rf_header
from tests.tools.recorder import maps, strain_header
from tools.tape.reader import TapeMessage
from tools.tape.writer import TapeWriter

SHAPE = (64, 8)


def samples(index: int) -> Any:
    return np.random.default_rng(index).integers(-2000, 2000, SHAPE).astype(np.int16)


def rf_parts(index: int, **changes: Any) -> list[Any]:
    return encode("rf", rf_header(index, shape=SHAPE, **changes), (samples(index),))


def strain_parts(index: int, **changes: Any) -> list[Any]:
    header = strain_header(index, **changes)
    return encode("strain", header, [maps(index, entry.shape) for entry in header.arrays])


def write_tape(path: Path, count: int) -> list[int]:
    """RF frame and strain in turn; returns the size of the file after each message."""
    ends = []
    with TapeWriter(path) as tape:
        for index in range(count):
            kind = "strain" if index % 2 else "rf"
            parts = strain_parts(index) if index % 2 else rf_parts(index)
            tape.append(parts, f"musse.{kind}", 10**18 + index)
            ends.append(tape.n_bytes)
    return ends


def assert_true(message: TapeMessage, **changes: Any) -> int:
    """The message is the one that was written under its number, bit for bit; returns the number."""
    index = message.received - 10**18
    parts = strain_parts(index, **changes) if message.kind == "strain" else rf_parts(index, **changes)
    assert message.parts() == [bytes(part) for part in parts]
    return index


def random_places(size: int, count: int) -> list[int]:
    return sorted(random.Random(size).sample(range(8, size), count))
