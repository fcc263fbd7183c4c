"""`musse-stream replay`: a recording as a live scanner."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from tools.commands.recordings import Opening, opens_recording


@opens_recording
def replay(
    file: Annotated[Path, typer.Argument(help="Recording in any format of docs/formats.md.")],
    bind: Annotated[str, typer.Option(help="Address to publish on.")] = "tcp://127.0.0.1:5560",
    loop: Annotated[
        Literal["off", "restart", "bounce"],
        typer.Option(help="bounce: forward and backward, like a hand; restart: a new session each time."),
    ] = "off",
    rate: Annotated[
        float | None, typer.Option(help="Frames per second, instead of recorded times.", min=0.01)
    ] = None,
    speed: Annotated[float, typer.Option(help="Play this many times faster.", min=0.01)] = 1.0,
    wait_subscribers: Annotated[int, typer.Option(help="Start when so many have subscribed.", min=0)] = 0,
    source: Annotated[str, typer.Option(help="source_id of the frames.")] = "replay",
    json: Annotated[bool, typer.Option("--json", help="Print ready and summary as JSON lines.")] = False,
    *,
    opening: Opening,
) -> None:
    """Publish a recording as a scanner would, with its original timing.

    Examples:

        musse-stream replay arm.mhd --loop bounce

        musse-stream replay scan.mat --sampling-frequency 40e6 --line-pitch 0.0003 --frame-rate 30

        musse-stream replay demo.h5 --speed 0.5 --wait-subscribers 1
    """
    from streamer.stopping import Stop
    from tools.processes import on_stop_signal

    stop = Stop()
    on_stop_signal(stop.on_signal)

    from dataclasses import asdict

    from tools.log import log_to_stderr
    from tools.output import emit
    from tools.replay import replay as publish

    log_to_stderr()
    with opening.open(file) as recording:
        summary = publish(
            recording,
            stop,
            bind=bind,
            source_id=source,
            loop=loop,
            rate=rate,
            speed=speed,
            wait_subscribers=wait_subscribers,
            on_ready=lambda address: emit("ready", {"rf": address}, as_json=json),
        )
    emit("summary", asdict(summary), as_json=json)
