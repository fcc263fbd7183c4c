"""`musse-stream replay`: a recording as a live scanner."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from tools.commands import options
from tools.commands.recordings import Opening, opens_recording


@opens_recording
def replay(
    file: Annotated[Path, typer.Argument(help="Recording in any format of docs/formats.md.")],
    bind: Annotated[
        str | None, typer.Option(help="Address to publish on [default: port 5560; of results 5561].")
    ] = None,
    what: Annotated[
        Literal["rf", "results"] | None,
        typer.Option(help="Of a tape: RF frames or results [default: RF where it has any]."),
    ] = None,
    loop: Annotated[
        Literal["off", "restart", "bounce"] | None,
        typer.Option(
            help="bounce: forward and backward, like a hand; restart: a new session each time "
            "[default: bounce at a terminal, otherwise off]."
        ),
    ] = None,
    rate: Annotated[
        float | None, typer.Option(help="Frames per second, instead of recorded times.", min=0.01)
    ] = None,
    speed: Annotated[float, typer.Option(help="Play this many times faster.", min=0.01)] = 1.0,
    wait_subscribers: Annotated[
        int | None,
        typer.Option(
            help="Start when so many have subscribed [default: 1 at a terminal, otherwise 0].", min=0
        ),
    ] = None,
    source: Annotated[str | None, typer.Option(help="source_id of the frames [default: replay].")] = None,
    config: options.KeysOf = None,
    insecure: options.Insecure = False,
    json: Annotated[bool, typer.Option("--json", help="Print ready and summary as JSON lines.")] = False,
    *,
    opening: Opening,
) -> None:
    """Publish a recording as a scanner would, or results as a node would, with their original timing.

    Examples:

        musse-stream replay arm.mhd

        musse-stream replay scan.mat --sampling-frequency 40e6 --line-pitch 0.0003 --frame-rate 30

        musse-stream replay demo.h5 --speed 0.5 --wait-subscribers 1

        musse-stream replay strain.h5 --loop restart
    """
    from streamer.stopping import Stop
    from tools.processes import on_stop_signal

    stop = Stop()
    on_stop_signal(stop.on_signal)

    from dataclasses import asdict

    from tools.log import log_to_stderr
    from tools.output import emit
    from tools.replay import replay as publish
    from tools.replay_results import holds_only_results, replay_results

    log_to_stderr()
    unused = {"source": source, "rate": rate, "loop": loop if loop == "bounce" else None, **opening.given}
    somebody = options.at_terminal()
    loop = loop or ("bounce" if somebody else "off")
    wait_subscribers = int(somebody) if wait_subscribers is None else wait_subscribers
    security = options.security(config, insecure=insecure)
    if what == "results" or (what is None and holds_only_results(file)):
        options.refuse(f"the results of {file} are sent as they were computed", unused)
        pairs = replay_results(
            file,
            stop,
            bind=bind or "tcp://127.0.0.1:5561",
            loop=loop != "off",
            speed=speed,
            wait_subscribers=wait_subscribers,
            security=security,
            on_ready=lambda address: emit("ready", {"results": address}, as_json=json),
        )
        emit("summary", {"pairs": pairs}, as_json=json)
        return
    with opening.open(file) as recording:
        summary = publish(
            recording,
            stop,
            bind=bind or "tcp://127.0.0.1:5560",
            source_id=options.source_id("replay" if source is None else source),
            loop=loop,
            rate=rate,
            speed=speed,
            wait_subscribers=wait_subscribers,
            security=security,
            on_ready=lambda address: emit("ready", {"rf": address}, as_json=json),
        )
    emit("summary", asdict(summary), as_json=json)
