"""The text header of a MetaImage file, as PLUS, SUPRA and ITK write it.

Lines of `Key = value` up to `ElementDataFile`, behind which local data begin at once. Sequences carry
`Seq_FrameNNNN_Field = value` for every frame; the numbers need not begin at 0 and grow beyond four digits,
so frames are ordered by number, not by text. Conventions: PLUS user manual, 'Sequence metafile' and
'Ultrasound image orientation'; ITK's MetaIO documentation.
"""

import codecs
import math
import re
from dataclasses import dataclass, replace
from decimal import Context, Decimal, DecimalException
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tools.errors import RecordingError
from tools.formats.acquisition import OPTIONS

ASSUMED: Final = "assumed"
PROBE_ORIENTATION: Final = "probe_orientation"
"""Field of files written here whose UltrasoundImageOrientation states the depth axis alone."""
UNKNOWN: Final = "unknown"
"""Header field with the notes of a recording that was written here, separated by ' | '."""
_MAX_HEADER_BYTES: Final = 64 * 1024 * 1024  # 10 000 frames with ten tracked transforms each are about 20 MB
_MAX_LINE_BYTES: Final = 64 * 1024
_SEQUENCE_FIELD: Final = re.compile(r"Seq_Frame(\d{1,18})_(\w+)\Z")
_FIRST_FIELDS: Final = frozenset(
    {"ObjectType", "ObjectSubType", "Comment", "NDims", "Name", "ID", "BinaryData", "DimSize", "ElementType"}
)  # a file that begins with anything else is no MetaImage
_EXACT: Final = Context(prec=60)  # float64 would round today's date to 256 ns
_MAX_SECONDS: Final = 9 * 10**9  # int64 nanoseconds reach to the year 2262


@dataclass(frozen=True, slots=True, kw_only=True)
class MetaHeader:
    """A parsed header. Keys are as written; `frames` is ordered by frame number."""

    path: Path
    fields: dict[str, str]
    frames: dict[int, dict[str, str]]
    """Per frame number, its `Seq_Frame` fields."""
    data_offset: int
    """Byte at which the header ends, where local data begin."""

    def text(self, *keys: str, default: str = "") -> str:
        """The value of the first of `keys` that is there."""
        return next((self.fields[key] for key in keys if key in self.fields), default)

    def numbers(self, key: str) -> list[float]:
        """The value of `key` as finite numbers; empty where it is absent.

        Raises RecordingError for anything else.
        """
        try:
            numbers = [float(word) for word in self.text(key).split()]
        except ValueError:
            numbers = [math.nan]
        if not all(map(math.isfinite, numbers)):
            raise RecordingError(f"{self.path}: {key} = {self.text(key)!r} is not a list of numbers")
        return numbers

    def flag(self, *keys: str) -> bool:
        """The truth value of the first of `keys` that is there; False where none is."""
        return self.text(*keys)[:1] in {"T", "t", "1"}  # as ITK's own library reads them

    def first(self, n_frames: int) -> "MetaHeader":
        """The same without the fields of frames behind the first `n_frames`."""
        return replace(self, frames=dict(islice(self.frames.items(), n_frames)))

    def times(self) -> NDArray[np.int64] | None:
        """(frames,) ns of every frame in order, or None where no frame has a Timestamp.

        Raises RecordingError where only some have one, or one is no time.
        """
        stamps = {number: fields.get("Timestamp") for number, fields in self.frames.items()}
        missing = [number for number, stamp in stamps.items() if stamp is None]
        if len(missing) == len(stamps):
            return None
        if missing:
            raise RecordingError(
                f"{self.path}: frame {missing[0]} (and {len(missing) - 1} more) has no Timestamp, the others "
                f"have: give the times of all frames with {OPTIONS['frame_rate']}"
            )
        return np.array(
            [self._nanoseconds(number, stamp or "") for number, stamp in stamps.items()], np.int64
        )

    def _nanoseconds(self, number: int, stamp: str) -> int:
        try:
            seconds = Decimal(stamp)
            reachable = abs(seconds) <= _MAX_SECONDS
        except DecimalException:
            reachable = False
        if not reachable:
            raise RecordingError(f"{self.path}: Timestamp {stamp!r} of frame {number} is no time in seconds")
        return int(_EXACT.multiply(seconds, Decimal(10**9)).to_integral_value())


def parse_header(path: Path) -> MetaHeader:
    """Read the header of the MetaImage file at `path`.

    Raises RecordingError for a file that is no MetaImage, or whose header was never finished.
    """
    fields: dict[str, str] = {}
    frames: dict[int, dict[str, str]] = {}
    try:
        with path.open("rb") as stream:
            while "ElementDataFile" not in fields:
                line = stream.readline(_MAX_LINE_BYTES)
                if not line or stream.tell() > _MAX_HEADER_BYTES:
                    raise RecordingError(_unfinished(path, fields))
                if stream.tell() == len(line):
                    line = _without_mark(path, line)
                key, equals, value = line.decode("utf-8", "replace").partition("=")
                key, value = key.strip(), value.strip()
                if not key or key[0] in "#%;":
                    continue
                if not equals or (not fields and key not in _FIRST_FIELDS):
                    raise RecordingError(f"{path} is not MetaImage: it has no line `ObjectType = Image`")
                match = _SEQUENCE_FIELD.match(key)
                if match:
                    frames.setdefault(int(match[1]), {})[match[2]] = value
                else:
                    fields[key] = value
            offset = stream.tell()
    except OSError as error:
        raise RecordingError(f"{path} cannot be read: {error}") from error
    ordered = {number: frames[number] for number in sorted(frames)}
    return MetaHeader(path=path, fields=fields, frames=ordered, data_offset=offset)


def _without_mark(path: Path, line: bytes) -> bytes:
    """The first line without UTF-8's byte order mark, which some editors write."""
    if line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise RecordingError(f"{path} is UTF-16 text: save its header as UTF-8 or ASCII")
    return line.removeprefix(codecs.BOM_UTF8)


def _unfinished(path: Path, fields: dict[str, str]) -> str:
    if "DimSize" not in fields:
        return f"{path} is not MetaImage: it has no DimSize and no ElementDataFile"
    return (
        f"{path} has no ElementDataFile: the recorder did not finish it. "
        f"Add the last line `ElementDataFile = {path.stem}.raw` if that is where the samples are"
    )
