"""The work of `musse-stream measure`: strain ratios of a file's images to a table and to JSON."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from streamer.config import Config
from tools.measure.frames import ImageFrame
from tools.measure.published import holds_images, published_pairing
from tools.measure.ratio import as_row, measure, presses
from tools.measure.regions import Regions
from tools.measure.table import to_csv, to_json
from tools.part import writing
from tools.results.provenance import sha256


def write_measurements(
    frames: Sequence[ImageFrame],
    chosen: ImageFrame | None,
    regions: Regions,
    config: Config,
    *,
    source: Path,
    csv: Path | None,
    json_file: Path | None,
    overwrite: bool = True,
) -> None:
    """Measure the `chosen` one of a file's frames, None: all of them, and write the files that are given.

    `source` is the file that was measured: the JSON holds its SHA-256. One measurement is also printed; all
    of them are printed as CSV where no file is given. Raises RecordingError or DiskFull where a file cannot
    be written.
    """
    rows = []
    for image in frames if chosen is None else [chosen]:
        before = [f for f in frames if f.time <= image.time and f.session_id == image.session_id]
        result = measure(image, regions)
        rows.append(as_row(result, regions, per_press=presses(before, regions).text))
        if chosen is not None:
            typer.echo(
                f"frame {image.frame_index}: ratio B/A {result.ratio.text}, per press {rows[-1]['per_press']}"
            )
            for line in result.warnings:
                typer.echo(f"note: {line}")
    details: dict[str, Any] = {"regions": regions.model_dump()}
    if json_file is not None:
        computed = holds_images(source)
        details["pairing"] = published_pairing(source) if computed else config.pairing.model_dump()
        details["source_sha256"] = sha256(source)
    for path, text in ((csv, to_csv(rows)), (json_file, to_json(rows, details))):
        if path is not None:
            with writing(path, overwrite=overwrite) as part:
                part.write_text(text, encoding="utf-8")
            typer.echo(f"{path}: {len(rows)} {'row' if len(rows) == 1 else 'rows'}")
    if chosen is None and csv is None and json_file is None:
        typer.echo(to_csv(rows), nl=False)
