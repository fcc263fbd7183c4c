"""`musse-stream doctor`: what works on this computer, and what to do about the rest."""

from pathlib import Path
from typing import Annotated

import typer

from tools.commands import options
from tools.commands.recordings import Opening, opens_recording


@opens_recording
def doctor(
    file: Annotated[Path | None, typer.Argument(help="Recording to check as well.")] = None,
    config: options.ConfigFile = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of lines.")] = False,
    clear_cache: Annotated[
        bool, typer.Option("--clear-cache", help="Empty this user's caches, and do nothing else.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --clear-cache: do not ask.")] = False,
    *,
    opening: Opening,
) -> None:
    """Find out why there is no strain image: check computer, addresses, engines, disk, and a trial pair.

    It takes about 10 seconds and changes nothing. Ends with 1 where something needs attention. The report
    can be sent to others: home folder, user and name of the recording are left out.

    Examples:

        musse-stream doctor

        musse-stream doctor --config clinic.toml scan.mhd

        musse-stream doctor --clear-cache
    """
    if clear_cache:
        _clear(yes=yes)
        return
    from tools.doctor.examination import as_json, examine, healthy, line

    findings = []
    for finding in examine(config, file, opening.open):
        findings.append(finding)
        if not json:
            typer.echo(line(finding))
    if json:
        from json import dumps

        typer.echo(dumps(as_json(findings)))
    if not healthy(findings):
        raise typer.Exit(1)


def _clear(*, yes: bool) -> None:
    from tools.doctor.storage import cache_size, check_caches, clear_caches

    if not yes:
        typer.echo(check_caches().text)
        typer.confirm(f"Delete {cache_size() / 1e6:.1f} MB, compiled engines included?", abort=True)
    typer.echo(f"freed {clear_caches() / 1e6:.1f} MB")
