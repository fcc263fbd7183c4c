"""`musse-stream demo`: live strain without a scanner."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tools.commands import options

if TYPE_CHECKING:
    from streamer.stopping import Stop


def demo(
    headless: Annotated[bool, typer.Option("--headless", help="No window.")] = False,
    seconds: Annotated[
        float | None, typer.Option(help="End so long after the first strain [default: when closed].", min=0)
    ] = None,
    save: Annotated[Path | None, typer.Option(help="PNG file for the last image.")] = None,
    engine: Annotated[str, typer.Option(help=options.ENGINES)] = "auto",
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

    on_stop_signal(interrupt)
    if headless and seconds is None:
        raise typer.BadParameter("--headless needs --seconds, because there is no window to close")
    try:
        recording = _prepare(engine, stop, needs_screen=not headless)
        on_stop_signal(lambda number, frame: stop.set())
        shown = ["--headless"] if headless else []
        shown += [] if seconds is None else ["--seconds", str(seconds)]
        shown += [] if save is None else ["--save", str(save)]
        given = [] if weights is None else ["--weights", str(weights)]
        pairing = ["--pairing", "stride", "--stride", "2"]

        from tools.demo import run_demo

        summary = run_demo(recording, shown, ["--engine", engine, *given, *pairing], stop)
    except StopRequested:
        return  # before anything was received

    from tools.output import emit

    totals = {
        "received": summary["received"],
        "lost": summary["lost"],
        "overwritten": summary["overwritten"],
        "published": summary["published_valid"],
        "rejected": sum(summary["rejected"].values()),
        "latency_p50_ms": _milliseconds(summary["latency_p50"]),
        "latency_p99_ms": _milliseconds(summary["latency_p99"]),
    }
    emit("summary", totals, as_json=json)


def _prepare(engine: str, stop: "Stop", *, needs_screen: bool) -> Path:
    """Check what can be checked at once, then simulate unless that was done before."""
    from rich.console import Console
    from rich.progress import Progress

    from engine.factory import resolve
    from streamer.stopping import StopRequested
    from tools.demo import demo_recording
    from tools.display.window import check_screen
    from tools.log import log_to_stderr

    log_to_stderr()
    resolve(engine)
    if needs_screen:
        check_screen()
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("Simulating a phantom (first run only)", total=None)

        def on_frame(done: int, total: int) -> None:
            if stop.is_set():  # what the signal raised may have been swallowed by a library's callback
                raise StopRequested
            progress.update(task, completed=done, total=total)

        return demo_recording(on_frame)


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1e3, 2)
