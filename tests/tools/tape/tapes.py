"""Small tapes of RF frames and results whose every sample identifies its message."""

import random
from pathlib import Path
from typing import Any

import numpy as np

from streamer.headers import ArrayEntry, BmodeHeader, FusedHeader
from streamer.wire import encode
from tests.echo_frames import rf_header
from tests.tools.recorder import GRID, maps, strain_header
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


def fused_parts(index: int, **changes: Any) -> list[Any]:
    entries = tuple(
        ArrayEntry(name=n, dtype="<f4", shape=(6, 5)) for n in ("relative_strain", "relative_std")
    )
    header = FusedHeader(
        source_id="bridge", session_id="one", arrays=entries, post_index=index, grid=GRID, time_constant=0.5,
        effective_pairs=float(index), region=None, engine="trivial", model_hash=None, assumed=(),
    )  # fmt: skip
    header = header.model_copy(update=changes)
    return encode("fused", header, [maps(index + 100, (6, 5)), maps(index + 200, (6, 5))])


def bmode_parts(index: int, **changes: Any) -> list[Any]:
    entry = ArrayEntry(name="bmode", dtype="|u1", shape=(12, 8))
    header = BmodeHeader(
        source_id="bridge", session_id="one", arrays=(entry,), frame_index=index, grid=GRID,
        dynamic_range_db=60.0, assumed=(),
    )  # fmt: skip
    return encode("bmode", header.model_copy(update=changes), [np.full((12, 8), index, np.uint8)])


def write_parts(path: Path, messages: list[list[Any]]) -> Path:
    """A tape of these messages."""
    with TapeWriter(path) as tape:
        for number, parts in enumerate(messages):
            kind = bytes(parts[0]).decode().partition("/")[0]
            tape.append(parts, f"musse.{kind}", 10**18 + number)
    return path


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
