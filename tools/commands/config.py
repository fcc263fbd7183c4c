"""`musse-stream config`: show or check the configuration."""

from pathlib import Path
from typing import Annotated, Literal

import typer


def config(
    action: Annotated[
        Literal["show", "check"], typer.Argument(help="show: print as TOML; check: only look.")
    ],
    file: Annotated[Path | None, typer.Argument(help="TOML file [default: the defaults].")] = None,
    output: Annotated[
        Path | None, typer.Option(help="With show: write to this file, as UTF-8, not to the terminal.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the output file.")] = False,
) -> None:
    """Show or check a configuration: every key with meaning, unit and default.

    Examples:

        musse-stream config show --output clinic.toml

        musse-stream config check clinic.toml
    """
    from engine.device import check_device
    from engine.factory import resolve
    from streamer.config_file import config_toml
    from tools.configuration import load_config
    from tools.output import write_text

    settings = load_config(file)
    resolve(settings.engine.name)
    if action == "check":
        check_device(settings.engine.name, settings.engine.device)
        typer.echo(f"{file or 'defaults'}: no mistakes")
    elif output is None:
        typer.echo(config_toml(settings).rstrip())
    else:
        write_text(output, config_toml(settings), overwrite=overwrite)
        typer.echo(f"{output}: written")
