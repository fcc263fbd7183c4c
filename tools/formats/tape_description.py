"""What a tape holds: messages by kind, acquisitions, the node, and how much of it could be read."""

from collections import Counter
from pathlib import Path
from typing import Any

from streamer.headers import StrainHeader
from tools.formats.tape import taped_acquisitions
from tools.tape.layout import ABOUT_NODE, ABOUT_TAPE
from tools.tape.reader import Tape


def describe_tape(path: Path) -> dict[str, Any]:
    """Everything about a tape but its samples and maps, as plain JSON values. Raises RecordingError."""
    kinds: Counter[str] = Counter()
    rejected: Counter[str] = Counter()
    engines: dict[str, None] = {}
    received: list[int] = []
    with Tape(path) as tape:
        acquisitions = taped_acquisitions(tape)
        for message in tape.messages():
            kinds[message.kind] += 1
            received = [received[0] if received else message.received, message.received]
            if isinstance(message.header, StrainHeader):
                engines[f"{message.header.engine}, {message.header.precision}"] = None
                if message.header.rejection is not None:
                    rejected[message.header.rejection] += 1
        condition = tape.condition
    return {
        "file": str(path),
        "frames": kinds["rf"],
        "pairs": kinds["strain"],
        "messages": dict(kinds),
        "rejections": dict(rejected),
        "duration": (received[1] - received[0]) * 1e-9 if received else 0.0,
        "acquisitions": [str(acquisition) for acquisition in acquisitions],
        "engines": list(engines),
        "damaged": condition.damaged,
        "newer": condition.unknown,
        "condition": condition.note() or "complete",
        "tape": condition.about.get(ABOUT_TAPE, {}),
        "node": condition.about.get(ABOUT_NODE, {}),
    }
