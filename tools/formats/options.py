"""Command-line options that complete a recording, shared by every command that opens one.

A command declares the parameters it needs with these types and hands their values to `open_recording`:
the parameter names are the keys of its `overrides`.
"""

from typing import Annotated, Final

import typer

_PANEL: Final = "What the file does not say (SI units)"

Preset = Annotated[
    str | None,
    typer.Option(help="Probe geometry by name, such as ultrasonix-l14-5-38.", rich_help_panel=_PANEL),
]
SamplingFrequency = Annotated[
    float | None, typer.Option(help="Hz, along the beam, such as 40e6.", rich_help_panel=_PANEL)
]
CenterFrequency = Annotated[
    float | None, typer.Option(help="Hz; measured on the data unless given.", rich_help_panel=_PANEL)
]
DemodulationFrequency = Annotated[
    float | None, typer.Option(help="Hz that IQ was mixed down by.", rich_help_panel=_PANEL)
]
ProbeType = Annotated[str | None, typer.Option(help="linear, curved or phased.", rich_help_panel=_PANEL)]
LinePitch = Annotated[
    float | None,
    typer.Option(
        help="Between neighbouring lines: metres (linear), radians (curved, phased).", rich_help_panel=_PANEL
    ),
]
ProbeRadius = Annotated[float | None, typer.Option(help="Metres, of a curved probe.", rich_help_panel=_PANEL)]
SoundSpeed = Annotated[
    float | None, typer.Option(help="m/s; assumed 1540 unless known.", rich_help_panel=_PANEL)
]
InitialTime = Annotated[
    float | None,
    typer.Option(help="Seconds from transmit to the first sample; assumed 0.", rich_help_panel=_PANEL),
]
FrameRate = Annotated[
    float | None, typer.Option(help="Hz; replaces the time stamps of the file.", rich_help_panel=_PANEL)
]
Axes = Annotated[
    str | None,
    typer.Option(
        help="axial,lateral or lateral,axial: order in the file, slowest first.", rich_help_panel=_PANEL
    ),
]
FrameAxis = Annotated[
    int | None, typer.Option(help="Which axis of a 3-D array counts the frames.", rich_help_panel=_PANEL)
]
Variable = Annotated[
    str | None, typer.Option(help="Name of the array in .npz and .mat.", rich_help_panel=_PANEL)
]
