"""`musse-stream node`: the node itself. Started by `run`, which watches it."""

from typing import Annotated

import typer


def node(
    settings: Annotated[str, typer.Option(help="The whole configuration as JSON.")],
    restarts: Annotated[str, typer.Option(help="Why earlier nodes ended, as JSON.")] = "{}",
    log_json: Annotated[bool, typer.Option("--log-json", help="Log JSON lines to stderr.")] = False,
) -> None:
    """Run the node in this process; events, and a line for its turns, go to standard output as JSON.

    Examples:

        musse-stream node --settings '{}'
    """
    from streamer.stopping import Stop
    from tools.processes import end_without_waiting, on_stop_signal

    stop = Stop()
    on_stop_signal(stop.on_signal)  # before the slow imports, so that a stop during them is a clean one

    import json
    from dataclasses import asdict

    from streamer.config import Config
    from streamer.node import run
    from tools.engines.building import BuildsBeside
    from tools.log import log_to_stderr
    from tools.output import emit
    from tools.turns import Turns

    log_to_stderr(as_json=log_json)
    config = Config.model_validate_json(settings)
    with Turns() as turns, BuildsBeside(stop, config.engine.build_timeout) as builds:
        summary = run(
            config,
            stop,
            on_ready=lambda ready: emit("ready", asdict(ready), as_json=True),
            on_turn=turns.on_turn,
            restarts=json.loads(restarts),
            compile_engine=builds,
        )
    emit("summary", asdict(summary), as_json=True)
    if summary.busy:
        end_without_waiting(0)
