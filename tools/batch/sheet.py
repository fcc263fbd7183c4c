"""The contact sheet: HTML with a small strain image of every recording, and nothing to load.

An image takes 23 kB, so that a sheet of an archive of 10^5 would be 2 GB: it is cut into pages.
"""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Final

from tools.batch.plan import Task
from tools.batch.report import Report
from tools.batch.table import error_of
from tools.output import write_text

_HEAD: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Strain of {count} recordings</title>
<style>
body {{ font: 13px sans-serif; background: #181a1e; color: #e4e6e8; }}
main {{ display: flex; flex-wrap: wrap; gap: 12px; }}
figure {{ margin: 0; padding: 8px; width: 176px; background: #26292e; overflow-wrap: anywhere; }}
.error {{ color: #f04646; }}
a {{ color: #7ee0ff; }}
</style></head><body>
<h1>Strain of {count} recordings</h1>
<p>Relative axial strain, not stiffness; research use only. Blue is harder, red softer than the average of its
own image; stripes: no value.</p>
{pages}
<main>
"""
PAGE: Final = 1000
"""Recordings on a page."""


def write_sheet(path: Path, tasks: Sequence[Task], reports: Mapping[Task, Report], *, names: bool) -> None:
    """Write the sheet, in the order of the tasks: NAME.html, then NAME-page-2.html, ... Raises ToolError."""
    pages = [tasks[start : start + PAGE] for start in range(0, len(tasks), PAGE)]
    files = [path if n == 0 else path.with_stem(f"{path.stem}-page-{n + 1}") for n in range(len(pages))]
    links = " ".join(f'<a href="{file.name}">{n}</a>' for n, file in enumerate(files, 1))
    for file, page in zip(files, pages, strict=True):
        figures = [_figure(task.label, reports[task], names=names) for task in page]
        head = _HEAD.format(count=len(tasks), pages=f"<p>Pages: {links}</p>" if len(pages) > 1 else "")
        write_text(file, head + "\n".join(figures) + "\n</main></body></html>\n", overwrite=True)


def _figure(label: str, report: Report, *, names: bool) -> str:
    caption = f"<b>{escape(label)}</b><br>"
    error = error_of(report, names=names)
    if error is not None:
        return f'<figure>{caption}<span class="error">{escape(error)}</span></figure>'
    image = (
        f'<img alt="strain image" src="data:image/png;base64,{report.image}">'
        if report.image
        else "<p>no strain image</p>"
    )
    numbers = [f"{report.accepted} of {report.pairs} pairs", report.engine]
    if report.mean_abs_strain is not None:
        numbers.append(f"mean |strain| {100 * report.mean_abs_strain:.2f} %")
    if report.median_ncc is not None:
        numbers.append(f"NCC {report.median_ncc:.2f}")
    if report.predicted_snre is not None:
        numbers.append(f"SNRe {report.predicted_snre:.1f}")
    return f"<figure>{image}<figcaption>{caption}{escape(', '.join(numbers))}</figcaption></figure>"
