"""`musse-stream display`: the window that shows a node's results."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from tools.commands import options as shared

_RESULTS = "tcp://127.0.0.1:5561"
_TAPE = "tcp://127.0.0.1:5564"


def display(
    file: Annotated[
        Path | None, typer.Argument(help="Tape or result file (.h5) to show instead of a node.")
    ] = None,
    connect: Annotated[
        str | None,
        typer.Option(help=f"Address the node publishes results at [default: {_RESULTS}]."),
    ] = None,
    source: Annotated[
        str | None, typer.Option(help="source_id to show. Default: the first one that sends.")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="TOML file: [display] has the defaults of the options below, [security] the keys."),
    ] = None,
    mode: Annotated[
        Literal["side-by-side", "overlay"] | None, typer.Option(help="B-mode beside strain, or under it.")
    ] = None,
    value: Annotated[
        Literal["normalised", "percent"] | None,
        typer.Option(help="Relative strain (1 = average of the region), or signed %."),
    ] = None,
    picture: Annotated[
        Literal["fused", "pair"] | None,
        typer.Option(help="The steady image fused from many pairs, or the newest pair alone."),
    ] = None,
    color_map: Annotated[
        Literal["clinical", "reversed", "perceptual", "grey"] | None,
        typer.Option(help="clinical: blue hard, red soft. reversed: red hard. perceptual, grey: dark hard."),
    ] = None,
    opacity: Annotated[
        float | None, typer.Option(min=0, max=1, help="Of strain over B-mode in the overlay.")
    ] = None,
    persistence: Annotated[
        float | None,
        typer.Option(min=0, max=30, help="Averaging of single-pair images: time constant in s, 0: off."),
    ] = None,
    range_max: Annotated[
        float | None, typer.Option(min=1.1, max=100, help="Top of the relative colour range.")
    ] = None,
    region: Annotated[
        str | None,
        typer.Option(
            help="Your region of interest in mm: DEPTH_FROM,DEPTH_TO,LEFT,RIGHT such as 5,30,-10,10."
        ),
    ] = None,
    headless: Annotated[bool, typer.Option("--headless", help="No window: receive, count and save.")] = False,
    seconds: Annotated[
        float | None,
        typer.Option(min=0, help="End after this many seconds, from the first strain result on."),
    ] = None,
    save: Annotated[Path | None, typer.Option(dir_okay=False, help="PNG file for the last image.")] = None,
    overwrite: shared.Overwrite = False,
    save_folder: Annotated[
        Path, typer.Option(file_okay=False, exists=True, help="Folder for the images saved with the key s.")
    ] = Path(),
    timeout: Annotated[
        float, typer.Option(min=0, help="Headless: give up after so many seconds without any strain result.")
    ] = 120.0,
    keep: Annotated[
        str | None,
        typer.Option(
            help=f"Address of the tape process that the key g asks; '' for none [default: {_TAPE}]."
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the summary as one JSON line.")] = False,
) -> None:
    """Show strain and B-mode of a running node in a window; the key h lists the others.

    Relative axial strain, not stiffness: for research use only.

    Examples:

        musse-stream display

        musse-stream display --connect tcp://192.168.0.20:5561 --mode overlay --persistence 0.3

        musse-stream display --region 5,30,-10,10 --color-map perceptual

        musse-stream display strain.h5

        musse-stream display --headless --seconds 20 --save out.png
    """
    from contextlib import ExitStack
    from dataclasses import asdict

    from streamer.curve import PLAIN
    from tools.children import child
    from tools.configuration import load_config
    from tools.display.loop import run_display
    from tools.display.options import DisplayOptions
    from tools.output import emit
    from tools.processes import on_stop_signal

    if file is not None:
        shared.refuse(f"{file} is shown instead of a node", {"connect": connect, "keep": keep})
    chosen = {
        "layout": mode,
        "value": value,
        "picture": picture,
        "color_map": color_map,
        "opacity": opacity,
        "persistence": persistence,
        "range_max": range_max,
        "region": _region(region),
    }
    given = {key: item for key, item in chosen.items() if item is not None}
    configuration = load_config(config, {"display": given})
    settings, security = configuration.display, configuration.security.load()
    options = DisplayOptions(
        **settings.model_dump(exclude={"picture", "region"}),
        image=settings.picture,
        region=settings.region if any(settings.region) else None,
        save_folder=save_folder,
    )
    signals: list[int] = []
    on_stop_signal(lambda number, _: signals.append(number))
    with ExitStack() as beside:
        if file is not None:
            player = beside.enter_context(
                child("replay", str(file), "--what", "results", "--bind", "tcp://127.0.0.1:0",
                      "--loop", "restart", "--wait-subscribers", "1", "--json")
            )  # fmt: skip
            security = PLAIN  # the player is this command's own, on loopback
            connect = player.wait_for("ready")["results"]
        summary = run_display(
            options,
            address=_RESULTS if connect is None else connect,
            source=source,
            headless=headless,
            seconds=seconds,
            save=save,
            overwrite=overwrite,
            timeout=timeout,
            keep="" if file is not None else _TAPE if keep is None else keep,
            security=security,
            stopped=lambda: bool(signals),
        )
    emit("summary", asdict(summary), as_json=json)


def _region(text: str | None) -> tuple[float, ...] | None:
    if text is None:
        return None
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) != 4 or not (numbers[0] < numbers[1] and numbers[2] < numbers[3]):
        raise typer.BadParameter(
            "give DEPTH_FROM,DEPTH_TO,LEFT,RIGHT in mm, such as 5,30,-10,10", param_hint="--region"
        )
    return numbers
