"""`musse-stream web`: the browser page."""

from typing import Annotated

import typer

from tools.commands import options


def web(
    connect: Annotated[
        str, typer.Option(help="Address the node publishes results at.")
    ] = "tcp://127.0.0.1:5561",
    bind: Annotated[
        str, typer.Option(help="HOST:PORT of the page; port 0: any free one.")
    ] = "127.0.0.1:5565",
    source: Annotated[
        str | None, typer.Option(help="source_id to show. Default: the one the node sends.")
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(help="Secret for other computers [default: made anew unless bound to loopback]."),
    ] = None,
    keep: Annotated[
        str, typer.Option(help="Address of the tape process that saves what was just seen.")
    ] = "tcp://127.0.0.1:5564",
    certificate: Annotated[
        str, typer.Option(help="PEM file for TLS, the chain included [default: unencrypted].")
    ] = "",
    certificate_key: Annotated[
        str, typer.Option(help="PEM file of its key [default: in the same file].")
    ] = "",
    config: options.KeysOf = None,
    json: Annotated[bool, typer.Option("--json", help="Print events as JSON lines.")] = False,
) -> None:
    """Serve the page for measuring, cine and export; open the address it prints in a browser.

    On this computer only, unless --bind names another address: then the printed address holds a token.
    Without --certificate the page is not encrypted: use a network you trust. Relative axial strain, not
    stiffness: for research use only.

    Examples:

        musse-stream web

        musse-stream web --bind 0.0.0.0:5565 --certificate ward.pem --certificate-key ward.key
    """
    import asyncio

    from streamer.tls import server_tls
    from tools.log import log_to_stderr
    from tools.output import emit
    from tools.processes import on_stop_signal
    from tools.web.server import WebServer, WebSettings

    log_to_stderr()
    host, colon, port = bind.rpartition(":")
    if not (colon and host and port.isdigit() and int(port) < 65536):
        raise typer.BadParameter("give HOST:PORT, such as 127.0.0.1:5565", param_hint="--bind")
    settings = WebSettings(
        results=connect,
        host=host,
        port=int(port),
        source=source,
        token=token,
        keep=keep,
        security=options.security(config),
        tls=server_tls(certificate, certificate_key),
    )

    async def serve() -> None:
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()

        def stop(number: int, frame: object) -> None:
            loop.call_soon_threadsafe(stopped.set)

        on_stop_signal(stop)
        await WebServer(settings).run(stopped, lambda page: emit("ready", {"page": page}, as_json=json))

    asyncio.run(serve())
