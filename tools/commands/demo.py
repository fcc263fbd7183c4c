"""`musse-stream demo`: live strain without a scanner."""

from pathlib import Path
from typing import Annotated

import typer

from tools.commands import options


def demo(
    headless: Annotated[bool, typer.Option("--headless", help="No window.")] = False,
    seconds: Annotated[
        float | None, typer.Option(help="End so long after the first strain [default: when closed].", min=0)
    ] = None,
    save: Annotated[Path | None, typer.Option(help="PNG file for the last image.")] = None,
    overwrite: options.Overwrite = False,
    engine: Annotated[str, typer.Option(help=options.ENGINES)] = "auto",
    device: options.Device = None,
    weights: options.Weights = None,
    json: Annotated[bool, typer.Option("--json", help="Print the summary as one JSON line.")] = False,
) -> None:
    """Simulate a phantom that is pressed and released, and watch its strain live.

    The first run simulates for some seconds; the recording is kept in the user's cache folder. Ends with q,
    Ctrl-C or --seconds.

    Examples:

        musse-stream demo

        musse-stream demo --headless --seconds 20 --save out.png
    """
    from streamer.stopping import Stop, StopRequested
    from tools.processes import on_stop_signal

    stop = Stop()

    def interrupt(number: int, frame: object) -> None:
        stop.set()
        raise StopRequested(number)  # also ends the simulation

    on_stop_signal(interrupt)  # before what takes long to import
    if headless and seconds is None:
        raise typer.BadParameter("--headless needs --seconds, because there is no window to close")
    try:
        from tools.demo import check_needs, prepared_recording, run_demo
        from tools.display.png import check_image
        from tools.display.window import check_screen
        from tools.log import log_to_stderr
        from tools.output import emit, node_line

        log_to_stderr()
        if save is not None:
            check_image(save, overwrite=overwrite)
        check_needs(engine, weights, None if headless else check_screen)
        recording = prepared_recording(stop)
        on_stop_signal(lambda number, frame: stop.set())
        shown = ["--headless"] if headless else []
        shown += [] if seconds is None else ["--seconds", str(seconds)]
        shown += [] if save is None else ["--save", str(save)]
        shown += ["--overwrite"] if overwrite else []
        given = [] if weights is None else ["--weights", str(weights)]
        given += [] if device is None else ["--device", device]
        summary = run_demo(recording, shown, ["--engine", engine, *given], stop)
    except StopRequested:
        return  # before anything was received
    totals = {
        "engine": summary["engine"],
        "device": summary["device"],
        "received": summary["received"],
        "lost": summary["lost"],
        "overwritten": summary["overwritten"],
        "published": summary["published_valid"],
        "rejected": sum(summary["rejected"].values()),
        "latency_p50_ms": _milliseconds(summary["latency_p50"]),
        "latency_p99_ms": _milliseconds(summary["latency_p99"]),
    }
    emit("summary", totals, as_json=json, text=node_line(summary))


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1e3, 2)
