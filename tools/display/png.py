"""An image as PNG that carries its time, settings and numbers as text."""

import json
import struct
import time
import zlib
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import cv2

from tools.display.colors import MAP_NAMES, Image
from tools.display.readouts import persistence_label, source_of_percent
from tools.display.view import View
from tools.output import check_ending
from tools.part import check_output, writing
from tools.results.layout import assumed_fields

_HEADER: Final = 33  # bytes: signature and IHDR, which text chunks come behind


def save_png(
    image: Image, path: Path, facts: dict[str, Any] | None = None, *, overwrite: bool = True
) -> None:
    """Write an image as PNG. Raises ToolError, naming the file, where it cannot be written.

    `facts` become text chunks, one per key, as `exiftool` and Pillow read them; a value that is no text is
    written as JSON.
    """
    _, encoded = cv2.imencode(".png", image)
    data = encoded.tobytes()
    chunks = b"".join(_text_chunk(key, value) for key, value in (facts or {}).items())
    with writing(path, overwrite=overwrite) as part:  # not cv2.imwrite: it cannot open every path on Windows
        part.write_bytes(data[:_HEADER] + chunks + data[_HEADER:])


def check_image(path: Path, *, overwrite: bool) -> None:
    """Raise ToolError where `save_png` could not write `path`: before work that takes its time."""
    check_ending(path, (".png",), "an image")
    check_output(path, overwrite=overwrite)


def for_export(view: View) -> View:
    """The view without what may name somebody: the source, passing messages with their folders."""
    hidden = replace(view, source=None, other_sources=(), notice="", pointer=None)
    if view.other_sources:
        hidden = replace(hidden, banner=replace(view.banner, detail=""))
    return hidden


def facts_of(view: View) -> dict[str, Any]:
    """Time, settings and numbers of what is shown; no name, folder or comment of anyone."""
    options, image = view.options, view.strain
    facts: dict[str, Any] = {
        "Software": f"musse-stream {version('musse-stream')}",
        "Creation Time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "Description": "relative axial strain, not stiffness; research use only",
        "State": view.frozen.label if view.frozen is not None else view.banner.text,
    }
    if view.taken_at is not None:
        facts["Image Time"] = time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(view.taken_at))
    facts["Settings"] = {
        "value": options.value if options.value == "normalised" else f"% of {source_of_percent(view)}",
        "color_map": MAP_NAMES[options.color_map],
        "range_top": round(view.range_top, 3),
        "persistence": persistence_label(view),
        "opacity": options.opacity,
        "flip": options.flip,
        "probe_mark": None if image is None else image.grid.mark or "not stated",
        "bmode_range_db": options.bmode_range,
        "bmode_gain_db": options.bmode_gain,
        "region": view.region,
        "engine": view.engine,
        "pairing": view.status.pairing if view.status else None,
        "assumed": assumed_fields(view.assumed),
    }
    facts["Numbers"] = {
        "frame": None if image is None else image.post_index,
        "pairs": None if image is None else image.pairs,
        "quality": view.quality,
        "strain_greyed": view.greyed,
        "strain_age_s": view.ages.strain.seconds,
        "mean_strain": view.mean_strain,
        "predicted_snre": view.predicted_snre,
        "echo_match": view.echo_match,
    }
    return facts


def png_text(path: Path) -> dict[str, str]:
    """The text chunks of a PNG file, by key."""
    data, at, texts = path.read_bytes(), 8, {}
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        body = data[at + 8 : at + 8 + length]
        if kind == b"iTXt":
            key, rest = body.split(b"\0", 1)
            texts[key.decode("latin-1")] = rest[2:].split(b"\0", 2)[2].decode()
        at += 12 + length
    return texts


def _text_chunk(key: str, value: Any) -> bytes:
    text = value if isinstance(value, str) else json.dumps(value)
    body = key.encode("latin-1") + b"\0\0\0\0\0" + text.encode()  # not compressed, no language
    chunk = b"iTXt" + body
    return struct.pack(">I", len(body)) + chunk + struct.pack(">I", zlib.crc32(chunk))
