"""`musse-stream record`: a live link to a file."""

from pathlib import Path
from typing import Annotated, Literal

import typer


def record(
    output: Annotated[Path, typer.Option(help="File to write: .h5 (strain also .npz).")],
    what: Annotated[
        Literal["strain", "rf"],
        typer.Option(help="strain: results of a node; rf: frames of a scanner bridge."),
    ] = "strain",
    connect: Annotated[
        str | None, typer.Option(help="Address [default: tcp://127.0.0.1:5561 for strain, 5560 for rf].")
    ] = None,
    seconds: Annotated[float | None, typer.Option(help="End so long after the first message.", min=0)] = None,
    count: Annotated[int | None, typer.Option(help="End after so many messages.", min=1)] = None,
    timeout: Annotated[
        float, typer.Option(help="Give up after so many seconds without a first message.", min=0)
    ] = 120.0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Record live strain results or RF frames until Ctrl-C.

    Results that were lost on the way are counted as missed; a node with `output.high_water_mark = 64` keeps
    more of them for a slow disk. Another acquisition ends the recording, and what was written is kept.

    Examples:

        musse-stream record --output live.h5 --seconds 10

        musse-stream record --what rf --output scan.h5 --count 100
    """
    from streamer.stopping import Stop
    from tools.processes import on_stop_signal

    stop = Stop()
    on_stop_signal(stop.on_signal)

    from dataclasses import asdict

    from tools.log import log_to_stderr
    from tools.output import emit
    from tools.record import Until, record_rf, record_strain

    log_to_stderr()
    writer, address = (
        (record_strain, "tcp://127.0.0.1:5561") if what == "strain" else (record_rf, "tcp://127.0.0.1:5560")
    )
    until = Until(seconds=seconds, count=count, timeout=timeout)
    summary = writer(connect or address, output, stop, until, overwrite=overwrite)
    emit("summary", asdict(summary), as_json=json)
