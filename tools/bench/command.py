"""The work of `musse-stream bench`: one run over sockets, beside an earlier one where a file names it."""

import tempfile
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from engine.factory import resolve
from streamer.stopping import Stop
from tools.bench.comparison import compare, lines, matching_run, recorded_runs
from tools.bench.highest import find_rate
from tools.bench.measure import measure
from tools.bench.stages import draw_stages, stage_lines
from tools.configuration import load_config
from tools.demo import demo_recording
from tools.formats import open_recording
from tools.output import check_ending, emit
from tools.part import check_output


def run_bench(
    file: Path | None,
    stop: Stop,
    *,
    config: Path | None,
    engine: str,
    device: str | None,
    weights: Path | None,
    rate: float,
    seconds: float,
    displays: int,
    against: Path | None,
    searching: bool,
    plot: Path | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Send `file`, or the demo's recording, and print the figures, compared with those of `against`.

    `searching`: at one rate after the other from `rate` on, until the highest sustained one is found.
    Raises ToolError where `against` holds no run of these settings, RecordingError, EngineError, ConfigError,
    and whatever ends a child process.
    """
    if plot is not None:
        check_ending(plot, (".png", ".svg", ".pdf"), "a chart")
        check_output(plot, overwrite=overwrite, inputs=[file, against, config, weights])
    name, _ = resolve(engine)
    threads = load_config(config).engine.threads
    runs_before = [] if against is None else recorded_runs(against)
    console = Console(stderr=True)
    if file is None:
        with console.status("preparing the demo's recording"):
            file = demo_recording(lambda done, total: None)
    with (
        open_recording(file) as recording,
        tempfile.TemporaryDirectory() as folder,
        console.status(f"{engine} at {rate:g} frames/s for {seconds:g} s"),
    ):
        settings = {
            "engine": name,
            "rate": rate,
            "shape": list(recording.shape),
            "dtype": str(recording.dtype),
            "displays": displays,
        }
        before = None if against is None else matching_run(runs_before, settings, against)

        def run(rate: float) -> dict[str, Any]:
            return measure(
                recording,
                config=config,
                engine=engine,
                device=device,
                weights=weights,
                rate=rate,
                seconds=seconds,
                displays=displays,
                stop=stop,
                folder=Path(folder),
            )

        figures = {**(find_rate(run, rate) if searching else run(rate)), "threads": threads}
    if plot is not None:
        draw_stages(figures, plot, overwrite=overwrite)
    typer.echo("\n".join(stage_lines(figures["stages"])), err=as_json)
    if before is not None:
        comparison = compare(before, figures)
        typer.echo("\n".join(lines(comparison)), err=as_json)
        figures |= {"against": comparison}
    if as_json or before is None:
        emit("bench", figures, as_json=as_json, text=_line(figures))


def _line(figures: dict[str, Any]) -> str:
    """The figures that matter most, as one line; --json has all."""
    step, added, bare = (
        f"{figures[f'{name}_p50_ms']:g} ms (99 %: {figures[f'{name}_p99_ms']:g})"
        for name in ("step", "node_added", "bare")
    )
    return (
        f"{figures['engine']}: step {step}, node adds {added}, bare receiver {bare}; "
        f"{figures['frames_sent']} frames sent, {figures['frames_overwritten']} overwritten, "
        f"{figures['frames_lost']} lost, {figures['results_with_values']} pairs with values"
    )
