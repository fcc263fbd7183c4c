"""`musse-stream keep`: what was just seen to a file."""

from typing import Annotated

import typer

from tools.commands import options


def keep(
    seconds: Annotated[
        float | None, typer.Option(help="The last so many seconds [default: all that is held].", min=0.1)
    ] = None,
    after: Annotated[
        float, typer.Option(help="Go on for so many seconds, in the same file.", min=0, max=3600)
    ] = 0.0,
    connect: Annotated[str, typer.Option(help="Address of the tape process.")] = "tcp://127.0.0.1:5564",
    config: options.KeysOf = None,
    json: Annotated[bool, typer.Option("--json", help="Print the answer as one JSON line.")] = False,
) -> None:
    """Save the RF frames and results that a running node saw last.

    `run` and `demo` hold them in memory, 1 GiB by default ([keep] in the configuration), and nothing is on
    disk before this command, the window's key or the page asks. The tape lies in the folder the node was
    started in.

    Examples:

        musse-stream keep --seconds 20

        musse-stream keep --seconds 20 --after 5
    """
    from tools.output import emit
    from tools.tape.protocol import REPLY_WITHIN, SAVE_WITHIN, KeepClient, saved_text

    with KeepClient(connect, "command", options.security(config)) as client:
        client.ask({"do": "state"}, REPLY_WITHIN)  # nobody there: known at once; a disk may take longer
        reply = client.ask({"do": "keep", "seconds": seconds, "after": after}, SAVE_WITHIN + after)
    del reply["ok"]
    if json:
        emit("saved", reply, as_json=True)
    else:
        typer.echo(saved_text(reply))
