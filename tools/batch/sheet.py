"""The contact sheet: one HTML file with a small strain image of every recording, and nothing to load."""

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
</style></head><body>
<h1>Strain of {count} recordings</h1>
<p>Relative axial strain, not stiffness; research use only. Blue is harder, red softer than the average of its
own image; stripes: no value.</p>
<main>
"""


def write_sheet(path: Path, tasks: Sequence[Task], reports: Mapping[Task, Report], *, names: bool) -> None:
    """Write the sheet, in the order of the tasks. Raises ToolError."""
    figures = [_figure(task.label, reports[task], names=names) for task in tasks]
    text = _HEAD.format(count=len(tasks)) + "\n".join(figures) + "\n</main></body></html>\n"
    write_text(path, text, overwrite=True)


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
