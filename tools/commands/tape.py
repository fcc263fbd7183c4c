"""`musse-stream tape`: holds what a node just saw. Started by `run` and `demo`."""

from pathlib import Path
from typing import Annotated

import typer


def tape(
    connect_rf: Annotated[str, typer.Option(help="Address of the RF frames.")] = "tcp://127.0.0.1:5560",
    connect: Annotated[str, typer.Option(help="Address of the results.")] = "tcp://127.0.0.1:5561",
    bind: Annotated[str, typer.Option(help="Address of the requests.")] = "tcp://127.0.0.1:5564",
    memory: Annotated[int, typer.Option(help="RF and results held, bytes.", min=1)] = 2**30,
    folder: Annotated[Path, typer.Option(help="Where tapes are saved.")] = Path(),
    source: Annotated[str, typer.Option(help="source_id of the frames [default: all].")] = "",
    security: Annotated[str, typer.Option(help="[security] of the configuration as JSON.")] = "{}",
    json: Annotated[bool, typer.Option("--json", help="Print ready and summary as JSON lines.")] = False,
) -> None:
    """Hold the newest RF frames and results in memory, and save or serve them when asked.

    `run` and `demo` start it; `keep`, the window and the page ask it.

    Examples:

        musse-stream tape --folder kept
    """
    from streamer.stopping import Stop
    from tools.processes import on_stop_signal

    stop = Stop()
    on_stop_signal(stop.on_signal)

    from dataclasses import asdict

    from streamer.config import SecurityConfig
    from tools.log import log_to_stderr
    from tools.output import emit
    from tools.tape.service import KeepSettings, serve

    log_to_stderr()
    settings = KeepSettings(
        rf=connect_rf,
        results=connect,
        bind=bind,
        memory=memory,
        folder=folder,
        source=source,
        security=SecurityConfig.model_validate_json(security).load(),
    )
    counts = serve(settings, stop, lambda address: emit("ready", {"keep": address}, as_json=json))
    emit("summary", asdict(counts), as_json=json)
