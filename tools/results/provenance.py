"""Where results come from: what a reviewer needs to make them again, and nothing about a person.

Only the source's SHA-256, known numbers and words of closed sets: no name of a file or folder, no free text.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from streamer.headers import RfHeader
from tools.results.sources import files_of

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
    """Of all files that make the recording, one behind the other, the header first."""
    found = hashlib.sha256()
    for path in files_of(source):
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                found.update(block)
    return found.hexdigest()
