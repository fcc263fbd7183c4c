"""`musse-stream igtl`: OpenIGTLink in both directions."""

from typing import Annotated, Literal

import typer

from tools.commands import options

igtl = typer.Typer(no_args_is_help=True, help="OpenIGTLink: results to 3D Slicer, RF from a PlusServer.")


@igtl.command()
def serve(
    connect: Annotated[
        str, typer.Option(help="Address the node publishes results at.")
    ] = "tcp://127.0.0.1:5561",
    bind: Annotated[
        str, typer.Option(help="HOST:PORT for viewers; port 0: any free one.")
    ] = "127.0.0.1:18944",
    source: Annotated[
        str | None, typer.Option(help="source_id to serve. Default: the first the node sends.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print events as JSON lines.")] = False,
) -> None:
    """Serve a node's results to 3D Slicer, MITK or Holoscan: B-mode, strain, sigma, masks and status.

    There is neither encryption nor a password: bind to another address only in a network you trust. Relative
    axial strain, not stiffness: for research use only.

    Examples:

        musse-stream igtl serve

        musse-stream igtl serve --bind 127.0.0.1:18945 --source arm
    """
    from dataclasses import asdict

    from streamer.stopping import Stop
    from tools.igtl.server import IgtlServer
    from tools.log import log_to_stderr
    from tools.output import emit
    from tools.processes import on_stop_signal

    stop = Stop()
    on_stop_signal(stop.on_signal)
    log_to_stderr()
    served = IgtlServer(connect, bind, source).run(
        stop, lambda address: emit("ready", {"igtl": address}, as_json=json)
    )
    emit("summary", asdict(served), as_json=json)


@igtl.command()
def connect(
    sender: Annotated[str, typer.Argument(help="HOST:PORT of the PlusServer.")],
    preset: Annotated[str | None, typer.Option(help="Probe geometry by name.")] = None,
    sampling_frequency: Annotated[float | None, typer.Option(help="Hz, along the beam.")] = None,
    center_frequency: Annotated[float | None, typer.Option(help="Hz.")] = None,
    probe_type: Annotated[str | None, typer.Option(help="linear, curved or phased.")] = None,
    line_pitch: Annotated[
        float | None, typer.Option(help="Between lines: metres (linear), radians (curved, phased).")
    ] = None,
    probe_radius: Annotated[float | None, typer.Option(help="Metres, of a curved probe.")] = None,
    sound_speed: Annotated[float | None, typer.Option(help="m/s; assumed 1540.")] = None,
    initial_time: Annotated[
        float | None, typer.Option(help="Seconds from transmit to the first sample; assumed 0.")
    ] = None,
    axes: Annotated[
        Literal["lateral,axial", "axial,lateral"],
        typer.Option(help="Order of the samples, slowest first; PLUS sends line after line."),
    ] = "lateral,axial",
    device: Annotated[
        str | None, typer.Option(help="Name of the IMAGE. Default: the first that can be RF.")
    ] = None,
    bind: Annotated[str, typer.Option(help="Address to publish RF at.")] = "tcp://127.0.0.1:5560",
    source: Annotated[str, typer.Option(help="source_id of the frames.")] = "plus",
    json: Annotated[bool, typer.Option("--json", help="Print events as JSON lines.")] = False,
) -> None:
    """Publish the RF images of a PlusServer for the node, as a scanner bridge would.

    An IMAGE message states neither frequencies nor the probe: give them here.

    Examples:

        musse-stream igtl connect 127.0.0.1:18944 --preset ultrasonix-l14-5-38 \\
            --sampling-frequency 40e6 --center-frequency 6.6e6
    """
    from dataclasses import asdict

    from streamer.stopping import Stop
    from tools.igtl.acquisition import Constants
    from tools.igtl.client import IgtlClient, LinkSettings
    from tools.log import log_to_stderr
    from tools.output import emit
    from tools.processes import on_stop_signal

    stop = Stop()
    on_stop_signal(stop.on_signal)
    log_to_stderr()
    overrides = {
        "sampling_frequency": sampling_frequency,
        "center_frequency": center_frequency,
        "probe_type": probe_type,
        "line_pitch": line_pitch,
        "probe_radius": probe_radius,
        "sound_speed": sound_speed,
        "initial_time": initial_time,
    }
    settings = LinkSettings(
        sender=sender, bind=bind, source_id=options.source_id(source), device=device, axes=axes
    )
    client = IgtlClient(settings, Constants(sender, preset, overrides))
    summary = client.run(stop, lambda address: emit("ready", {"rf": address}, as_json=json))
    emit("summary", asdict(summary), as_json=json)
