"""The command `musse-stream assess`: engines on recordings without truth, as a table, JSON and an image."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from streamer.config import Config
from tools.evaluate.figures.unsupervised import Watched, unsupervised_figures, watch
from tools.evaluate.methods import Engines
from tools.formats import Recording
from tools.output import check_ending, emit
from tools.part import check_output, writing
from tools.playback import Loop
from tools.processes import ctrl_c


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the table: a figure, its format and its criterion."""

    figure: str
    title: str
    form: str
    scale: float = 1.0
    least: float = -math.inf
    most: float = math.inf

    def met(self, value: float) -> bool:
        """Whether the criterion is met; true where there is no value."""
        return math.isnan(value) or self.least <= value <= self.most

    def text(self, value: float) -> str:
        """The value, with a mark where it misses its criterion."""
        if math.isnan(value):
            return ""
        shown = self.form.format(value * self.scale)
        return shown if self.met(value) else f"{shown} (missed)"


LINES: Final = (
    Line(figure="accepted", title="pairs accepted, %", form="{:.0f}", scale=100.0),
    Line(figure="mean_strain", title="|mean strain| of a pair, %", form="{:.3f}", scale=100.0),
    Line(
        figure="mean_preserved",
        title="mean strain / displacement difference (0.98-1.02)",
        form="{:.4f}",
        least=0.98,
        most=1.02,
    ),
    Line(figure="mean_preserved_worst", title="the same, worst pair", form="{:.4f}"),
    Line(figure="closure", title="three-frame closure / sigma (at most 1.2)", form="{:.2f}", most=1.2),
    Line(figure="closure_samples", title="closure of displacement, samples", form="{:.3f}"),
    Line(figure="ncc", title="NCC after warping, in band", form="{:.3f}"),
    Line(figure="ncc_explained_low", title="NCC explained by sigma, at least", form="{:.3f}"),
    Line(figure="ncc_explained_high", title="NCC explained by sigma, at most", form="{:.3f}"),
    Line(figure="steady_single", title="NCC of consecutive single pairs", form="{:.2f}"),
    Line(figure="steady_fused", title="NCC of consecutive fused images", form="{:.2f}"),
    Line(figure="change_single", title="RMS change, single pairs, relative strain", form="{:.2f}"),
    Line(figure="change_fused", title="RMS change, fused, relative strain", form="{:.2f}"),
)


def run_assessment(
    files: Sequence[Path],
    opens: Callable[[Path], Recording],
    config: Config,
    engines: Sequence[str],
    console: Console,
    *,
    loop: Loop,
    image: Path | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Show the figures of every engine on every file; `image` is drawn with the first engine.

    Raises RecordingError, ConfigError, EngineError, and ToolError where the image cannot be drawn.
    """
    if image is not None:
        from tools.evaluate.report.page import need_matplotlib

        need_matplotlib("the image", "leave out --save")
        check_ending(image, (".png",), "an image")
        check_output(image, overwrite=overwrite)
    weights = Path(config.engine.weights) if config.engine.weights else None
    opened = Engines(config.engine.threads, weights=weights, device=config.engine.where)
    names = short_names(files)
    watched: dict[tuple[str, str], Watched] = {}
    figures: dict[tuple[str, str], dict[str, float]] = {}
    with ctrl_c() as check:
        for file in files:
            with opens(file) as recording:
                for engine in engines:
                    check()
                    watched[names[file], engine] = watch(recording, config, engine, opened, loop)
                    figures[names[file], engine] = unsupervised_figures(watched[names[file], engine])
    console.print(assessment_table(figures))
    if image is not None:
        from tools.evaluate.report.consecutive import draw_consecutive

        with writing(image, overwrite=overwrite) as part:
            draw_consecutive([(name, watched[name, engines[0]]) for name in names.values()], part)
        console.print(f"image: {image}")
    entries = [
        {"file": file, "engine": engine, **{k: None if math.isnan(v) else v for k, v in found.items()}}
        for (file, engine), found in figures.items()
    ]
    missed = sum(not line.met(found[line.figure]) for found in figures.values() for line in LINES)
    text = f"assessed with {', '.join(engines)}; figures that miss their criterion: {missed or 'none'}"
    emit("assess", {"loop": loop, "figures": entries}, as_json=as_json, text=text)


def short_names(files: Sequence[Path]) -> dict[Path, str]:
    """What to call each file: its name without ending, and as many folders before it as distinguish it."""
    parts = {file: file.absolute().with_suffix("").parts for file in files}
    names = {}
    for file, own in parts.items():
        others = [other for path, other in parts.items() if path != file]
        enough = (n for n in range(1, len(own)) if all(other[-n:] != own[-n:] for other in others))
        number = next(enough, None)  # None: apart in the ending alone
        names[file] = str(file) if number is None else "/".join(own[-number:])
    return names


def assessment_table(figures: dict[tuple[str, str], dict[str, float]]) -> Table:
    """One column per recording and engine."""
    table = Table(title="Without truth: no figure is sufficient alone, read them together")
    table.add_column("figure")
    for file, engine in figures:
        table.add_column(f"{file}\n{engine}", justify="right")
    for line in LINES:
        table.add_row(line.title, *(line.text(found[line.figure]) for found in figures.values()))
    return table
