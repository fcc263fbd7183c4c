"""`musse-stream config`: show or check the configuration."""

from pathlib import Path
from typing import Annotated, Literal

import typer


def config(
    action: Annotated[
        Literal["show", "check"], typer.Argument(help="show: print as TOML; check: only look.")
    ],
    file: Annotated[Path | None, typer.Argument(help="TOML file [default: the defaults].")] = None,
) -> None:
    """Show or check a configuration: every key with meaning, unit and default.

    Examples:

        musse-stream config show > clinic.toml

        musse-stream config check clinic.toml
    """
    from engine.factory import resolve
    from streamer.config import config_toml, load_config

    settings = load_config(file)
    resolve(settings.engine.name)
    typer.echo(config_toml(settings).rstrip() if action == "show" else f"{file or 'defaults'}: no mistakes")
