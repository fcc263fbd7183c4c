"""`musse-stream bench`: how fast the node is here."""

from pathlib import Path
from typing import Annotated

import typer

from tools.commands import options


def bench(
    config: options.ConfigFile = None,
    engine: Annotated[str, typer.Option(help=options.ENGINES)] = "auto",
    device: options.Device = None,
    weights: options.Weights = None,
    rate: Annotated[float, typer.Option(help="Frames per second.", min=0.1, max=1000)] = 20.0,
    seconds: Annotated[float, typer.Option(help="How long to send.", min=1)] = 20.0,
    displays: Annotated[int, typer.Option(help="Headless displays that watch.", min=0, max=8)] = 0,
    file: Annotated[Path | None, typer.Option(help="Recording to send [default: the demo's].")] = None,
    yardstick: Annotated[
        bool,
        typer.Option("--yardstick", help="Instead time the network beside a published one, without sockets."),
    ] = False,
    runs: Annotated[int, typer.Option(help="Turns of --yardstick.", min=1)] = 30,
    against: Annotated[
        Path | None, typer.Option(help="File of recorded JSON lines; compare with the run of equal settings.")
    ] = None,
    find_rate: Annotated[
        bool,
        typer.Option(
            "--find-rate",
            help="Search the highest rate sustained for --seconds (no frame lost, at most 0.5 % without a "
            "result), from --rate on in steps of 6 %.",
        ),
    ] = False,
    plot: Annotated[
        Path | None, typer.Option(help="Chart of where the time of a pair goes: .png, .svg or .pdf.")
    ] = None,
    overwrite: options.Overwrite = False,
    json: Annotated[bool, typer.Option("--json", help="End in one JSON line.")] = False,
) -> None:
    """Measure the node with real sockets and processes, relative to a bare receiver of the same frames.

    Times are from one run on one machine: compare their ratios, and compare machines with care.

    Examples:

        musse-stream bench --engine trivial --rate 50 --seconds 60 --json

        musse-stream bench --engine reference --rate 12 --displays 1

        musse-stream bench --engine reference --rate 12 --against docs/benchmarks/2026-11-28-amd-epyc.json

        musse-stream bench --engine musse --displays 1 --rate 20 --seconds 60 --find-rate --plot stages.png

        musse-stream bench --yardstick --json
    """
    from streamer.stopping import Stop
    from tools.processes import on_stop_signal

    stop = Stop()
    on_stop_signal(stop.on_signal)

    if yardstick and against is not None:
        raise typer.BadParameter("--against compares runs over sockets; leave out --yardstick")
    if yardstick:
        from tools.bench.ratios import measure_ratios
        from tools.output import emit

        emit("yardstick", measure_ratios(threads=1, runs=runs, weights=weights), as_json=json)
        return
    from tools.bench.command import run_bench

    run_bench(
        file,
        stop,
        config=config,
        engine=engine,
        device=device,
        weights=weights,
        rate=rate,
        seconds=seconds,
        displays=displays,
        against=against,
        searching=find_rate,
        plot=plot,
        overwrite=overwrite,
        as_json=json,
    )
