"""`musse-stream record`: live links to a tape."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from tools.commands import options

_RF = "tcp://127.0.0.1:5560"
_RESULTS = "tcp://127.0.0.1:5561"


def record(
    output: Annotated[Path, typer.Option(help="File to write: .mcap.")],
    what: Annotated[
        Literal["strain", "rf", "both"],
        typer.Option(help="strain: results of a node, B-mode included; rf: frames of a scanner bridge."),
    ] = "strain",
    connect: Annotated[
        str | None,
        typer.Option(help=f"Address of the results [default: {_RESULTS}]; of the RF with --what rf."),
    ] = None,
    connect_rf: Annotated[
        str, typer.Option("--connect-rf", help="Address of the RF frames with --what both.")
    ] = _RF,
    seconds: Annotated[float | None, typer.Option(help="End so long after the first message.", min=0)] = None,
    count: Annotated[int | None, typer.Option(help="End after so many pairs or RF frames.", min=1)] = None,
    timeout: Annotated[
        float, typer.Option(help="Give up after so many seconds without a first message.", min=0)
    ] = 120.0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file.")] = False,
    keep: Annotated[
        str, typer.Option(help="Tape process whose window and page show that a recording runs.")
    ] = "tcp://127.0.0.1:5564",
    config: options.KeysOf = None,
    json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Record live strain results, RF frames or both until Ctrl-C, in a file that survives a crash.

    Every message is in the file as soon as it came; a change of geometry goes on in the same file. A full
    disk ends the recording with what there is (exit code 9). Results that were lost on the way are counted
    as missed; a node with `output.high_water_mark = 64` keeps more of them for a slow disk.

    Examples:

        musse-stream record --output live.mcap --seconds 10

        musse-stream record --what rf --output scan.mcap --count 100

        musse-stream record --what both --output examination.mcap

        musse-stream convert live.mcap --output live.h5
    """
    from streamer.stopping import Stop
    from tools.processes import on_stop_signal

    stop = Stop()
    on_stop_signal(stop.on_signal)

    from dataclasses import asdict

    from tools.errors import DiskFull
    from tools.log import log_to_stderr
    from tools.output import StatusLine, emit
    from tools.record import Sources, Until
    from tools.record import record as write
    from tools.tape.announcing import Announcing

    log_to_stderr()
    keys = options.security(config)
    sources = {
        "strain": Sources(results=connect or _RESULTS, security=keys),
        "rf": Sources(rf=connect or _RF, security=keys),
        "both": Sources(rf=connect_rf, results=connect or _RESULTS, security=keys),
    }[what]
    until = Until(seconds=seconds, count=count, timeout=timeout)
    with Announcing(keep, keys), StatusLine("recording") as line:
        summary = write(
            sources,
            output,
            stop,
            until,
            overwrite=overwrite,
            on_progress=lambda now: line.show(now.text, now.seconds),
        )
    emit("summary", asdict(summary), as_json=json)
    if summary.ended.startswith("the disk is full"):
        raise DiskFull(summary.ended)
