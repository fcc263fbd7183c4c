"""`musse-stream run`: the node."""

from typing import Annotated, Literal

import typer

from tools.commands import options


def run(
    config: options.ConfigFile = None,
    connect: Annotated[str | None, typer.Option(help="Address of the scanner bridge or replay.")] = None,
    source: Annotated[str | None, typer.Option(help="source_id to accept [default: the first].")] = None,
    engine: options.Engine = None,
    weights: options.Weights = None,
    device: options.Device = None,
    precision: options.Precision = None,
    pairing: options.Pairing = None,
    interval: options.Interval = None,
    stride: options.Stride = None,
    policy: Annotated[
        Literal["latest", "every"] | None,
        typer.Option(help="latest: newest frame first, skips when late; every: all frames in order."),
    ] = None,
    bind: Annotated[str | None, typer.Option(help="Address for results; port 0 takes a free one.")] = None,
    http: Annotated[
        str | None, typer.Option(help="host:port of metrics and health; '' turns it off.")
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep/--no-keep", help="Hold what was just seen in memory; see [keep].")
    ] = True,
    insecure: options.Insecure = False,
    json: Annotated[bool, typer.Option("--json", help="Print ready and summary as JSON lines.")] = False,
    log_json: Annotated[bool, typer.Option("--log-json", help="Log JSON lines to stderr.")] = False,
) -> None:
    """Run the node: RF frames in, strain out, until Ctrl-C.

    Results go to tcp://127.0.0.1:5561, metrics and health to http://127.0.0.1:5562.

    Examples:

        musse-stream run

        musse-stream run --connect tcp://192.168.0.10:5560 --pairing stride --stride 3

        musse-stream run --config clinic.toml --engine reference
    """
    from streamer.stopping import Stop
    from tools.processes import on_stop_signal

    stop = Stop()
    on_stop_signal(stop.on_signal)  # before the slow imports, so that a stop during them is a clean one

    from collections.abc import Callable
    from contextlib import ExitStack
    from typing import Any

    from streamer.config import UNENCRYPTED
    from tools.configuration import load_config
    from tools.keep import keeping
    from tools.log import log_to_stderr
    from tools.output import emit, node_line
    from tools.supervision import supervise

    settings = load_config(
        config,
        options.given(
            input={"connect": connect, "source": source},
            engine={
                "name": engine,
                "weights": options.absolute(weights),
                "precision": precision,
                "device": device,
            },
            pairing={"mode": pairing, "interval": interval, "stride": stride, "policy": policy},
            output={"bind": bind},
            http={"bind": http},
            keep={"memory": None if keep else 0},
            security=UNENCRYPTED if insecure else {},
        ),
    )
    log_to_stderr(as_json=log_json)
    with ExitStack() as beside:

        def on_ready(ready: dict[str, Any]) -> Callable[[], None]:
            emit("ready", ready, as_json=json)
            return beside.enter_context(keeping(settings, ready["results"])).look

        summary = supervise(settings, stop, on_ready, log_json=log_json)
        if summary is not None:
            emit("summary", summary, as_json=json, text=node_line(summary))
