"""Where results come from: what a reviewer needs to make them again, and nothing about a person.

Only the source's SHA-256, known numbers and words of closed sets: no name of a file or folder, no free text.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from streamer.headers import RfHeader

_NUMBERS: Final = (
    "sampling_frequency",
    "center_frequency",
    "demodulation_frequency",
    "line_pitch",
    "sound_speed",
    "initial_time",
)
_BLOCK: Final = 2**20


def provenance(source: Path, configuration: str, header: RfHeader | None = None) -> dict[str, Any]:
    """Attributes of a result file made of `source` now.

    `configuration` is the JSON of `streamer.config.result_settings`, empty where it is unknown; `header`
    gives the constants of the acquisition, SI units as in the protocol. Raises OSError.
    """
    numbers: Mapping[str, Any] = {} if header is None else {n: getattr(header, n) for n in _NUMBERS}
    return {
        "source_sha256": sha256(source),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "configuration": configuration,
        **numbers,
    }


def sha256(source: Path) -> str:
    """Of the file; of a MetaImage header (.mhd) of it and the file with its samples behind it."""
    found = hashlib.sha256()
    for path in (source, *_samples_of(source)):
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                found.update(block)
    return found.hexdigest()


def _samples_of(source: Path) -> list[Path]:
    """The file with the samples that a MetaImage header names."""
    if source.suffix.lower() != ".mhd":
        return []
    text = source.read_bytes()[: 16 * _BLOCK].decode("utf-8", errors="replace")
    lines = (line.partition("=") for line in text.splitlines())
    names = [value.strip() for key, _, value in lines if key.strip() == "ElementDataFile"]
    return [source.parent / name for name in names if (source.parent / name).is_file()]
