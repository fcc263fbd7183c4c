"""Where a figure or movie comes from, written into the file itself: the source's SHA-256 and the settings.

    .webm   a Tags element, which MKVToolNix, ffprobe and VLC list
    .mp4    XMP in a box of its own at the end, as exiftool reads and writes it
    .gif    a comment
    figures their own metadata, through matplotlib

`musse-stream info` prints it.
"""

import json
import re
import struct
import uuid
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final
from xml.sax.saxutils import escape, unescape

from tools.display.options import DisplayOptions
from tools.errors import RecordingError, ToolError
from tools.measure.frames import ImageFrame

ENDINGS: Final = frozenset({".pdf", ".svg", ".png", ".webm", ".mp4", ".gif"})
_MARK: Final = "musse-stream "
_COMMENT: Final = 255  # bytes of one block, which no length byte interrupts
_XMP: Final = uuid.UUID("be7acfcb-97a9-42e8-9c71-999491e3afac").bytes
_SEGMENT, _TAGS = b"\x18\x53\x80\x67", b"\x12\x54\xc3\x67"
_FOUND: Final = re.compile(r"musse-stream (\{[^{}\0]*\})")


def facts_of(frames: Sequence[ImageFrame], options: DisplayOptions, source_sha256: str) -> dict[str, Any]:
    """Source, images, engine and colours of a figure or movie; no name of anyone or of any file."""
    return {
        "source_sha256": source_sha256,
        "first_frame": frames[0].frame_index,
        "last_frame": frames[-1].frame_index,
        "engine": frames[-1].engine,
        "persistence": frames[-1].time_constant,
        "color_map": options.color_map,
        "range_max": options.range_max,
    }


def stamp_text(facts: dict[str, Any]) -> str:
    """One line: the program's name, then its version and these facts as JSON without nesting."""
    whole = {"version": version("musse-stream"), **facts}
    return _MARK + json.dumps(whole, sort_keys=True, separators=(",", ":"))


def stamp_movie(path: Path, text: str) -> None:
    """Write the text into a finished movie; players pass over it. Raises ToolError, OSError."""
    data = path.read_bytes()
    match path.suffix.lower():
        case ".gif":
            data = _commented(data, text.encode())
        case ".mp4":
            data += _box(b"uuid", _XMP + _xmp(text).encode())
        case _:
            data = _tagged(data, text)
    path.write_bytes(data)


def describe_export(path: Path) -> dict[str, Any]:
    """The facts in a figure or movie. Raises RecordingError where it has none or cannot be read."""
    try:
        text = path.read_bytes().decode("latin-1")
    except OSError as error:
        raise RecordingError(f"cannot read {path}: {error.strerror}") from error
    found = _FOUND.search(unescape(text, {"&quot;": '"'}))
    if found is None:
        raise RecordingError(f"{path} states no source: it is no figure or movie of this program")
    return {"file": str(path), **json.loads(found[1])}


def _commented(data: bytes, text: bytes) -> bytes:
    """A GIF with a comment before its trailer."""
    if data[-1:] != b"\x3b":
        raise ToolError("this GIF has no end")
    if len(text) > _COMMENT:
        raise ToolError(f"a comment of {len(text)} bytes is too long for a GIF")
    return data[:-1] + b"\x21\xfe" + bytes([len(text)]) + text + b"\0\x3b"


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def _xmp(text: str) -> str:
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:source>'
        f'{escape(text)}</dc:source></rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
    )


def _tagged(data: bytes, text: str) -> bytes:
    """A WebM whose segment, its last element, ends with one more Tags element."""
    simple = _element(b"\x45\xa3", b"SOURCE") + _element(b"\x44\x87", text.encode())
    tags = _element(_TAGS, _element(b"\x73\x73", _element(b"\x63\xc0", b"") + _element(b"\x67\xc8", simple)))
    at = data.find(_SEGMENT) + len(_SEGMENT)
    size = struct.unpack(">Q", data[at : at + 8])[0] & (2**56 - 1)
    if data[at] != 1 or at + 8 + size != len(data):
        raise ToolError("this WebM has no segment of a known size at its end")
    return data[:at] + struct.pack(">Q", 2**56 | (size + len(tags))) + data[at + 8 :] + tags


def _element(name: bytes, content: bytes) -> bytes:
    return name + struct.pack(">Q", 2**56 | len(content)) + content
