"""`musse-stream simulate`: a phantom acquisition with truth."""

import math
from pathlib import Path
from typing import Annotated

import typer

from tools.commands import options

_TISSUE = "Tissue"
_HAND = "Hand"
_IMAGE = "Image"


def simulate(
    output: Annotated[Path, typer.Option(help="Recording to write (.h5).")],
    frames: Annotated[int, typer.Option(min=1, help="Number of frames.")] = 60,
    frame_rate: Annotated[float, typer.Option(metavar="HZ", help="Frames per second.")] = 30.0,
    samples: Annotated[int, typer.Option(help="Axial samples of a frame.")] = 2000,
    lines: Annotated[int | None, typer.Option(help="Lines of a frame [default: 128].")] = None,
    sampling_frequency: Annotated[float, typer.Option(metavar="HZ", help="Along the beam.")] = 40.0e6,
    center_frequency: Annotated[float, typer.Option(metavar="HZ", help="Of the pulse.")] = 5.0e6,
    line_pitch: Annotated[
        float | None,
        typer.Option(metavar="METRES", help="Between lines, along the probe's face [default: 0.0003]."),
    ] = None,
    probe_radius: Annotated[
        float | None,
        typer.Option(metavar="METRES", min=0.005, max=1, help="Of a convex probe; none: a linear one."),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Lines, pitch and radius of a probe, one line per element."),
    ] = None,
    patient: Annotated[
        bool, typer.Option("--patient", help="All disturbances at ordinary levels; options still override.")
    ] = False,
    inclusion: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DEPTH,LATERAL,RADIUS,STIFFNESS",
            help="Round inclusion in mm, mm, mm and times the surroundings' stiffness; may be repeated. "
            "Default: one hard, one soft.",
            rich_help_panel=_TISSUE,
        ),
    ] = None,
    uniform: Annotated[
        bool, typer.Option("--uniform", help="No inclusion at all.", rich_help_panel=_TISSUE)
    ] = False,
    random_stiffness: Annotated[
        float | None,
        typer.Option(
            min=0, max=1.5, help="Spread of log stiffness around inclusions.", rich_help_panel=_TISSUE
        ),
    ] = None,
    solve: Annotated[
        bool | None,
        typer.Option("--solve", help="Finite elements instead of the closed form.", rich_help_panel=_TISSUE),
    ] = None,
    slip: Annotated[
        float | None,
        typer.Option(
            metavar="MM", min=0, help="Way that deep tissue slides at a full press.", rich_help_panel=_TISSUE
        ),
    ] = None,
    vessel: Annotated[
        bool | None, typer.Option(help="A pulsating vessel with flowing blood.", rich_help_panel=_TISSUE)
    ] = None,
    compression: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=0.1,
            help="Height of a press, fraction of the thickness [default: 0.02 = 2 %].",
            rich_help_panel=_HAND,
        ),
    ] = None,
    period: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS", help="Of one press and release [default: 1.2].", rich_help_panel=_HAND
        ),
    ] = None,
    stops: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Probability of a rest after a press.", rich_help_panel=_HAND),
    ] = None,
    elevation_drift: Annotated[
        float | None,
        typer.Option(metavar="MM", min=0, help="Out of plane, standard deviation.", rich_help_panel=_HAND),
    ] = None,
    lateral_drift: Annotated[
        float | None,
        typer.Option(metavar="MM", min=0, help="Sideways, standard deviation.", rich_help_panel=_HAND),
    ] = None,
    tilt: Annotated[
        float | None,
        typer.Option(
            metavar="DEG",
            min=0,
            max=5,
            help="Rotation of the probe in the image, standard deviation.",
            rich_help_panel=_HAND,
        ),
    ] = None,
    snr: Annotated[
        float | None,
        typer.Option(
            metavar="DB",
            help="Echoes over noise within the pulse's -6 dB band [default: 30].",
            rich_help_panel=_IMAGE,
        ),
    ] = None,
    snr_fall: Annotated[
        float | None,
        typer.Option(metavar="DB/CM", min=0, help="Loss of it with depth.", rich_help_panel=_IMAGE),
    ] = None,
    attenuation: Annotated[
        float | None,
        typer.Option(
            metavar="DB/CM/MHZ", min=0, help="Lowers the received frequency.", rich_help_panel=_IMAGE
        ),
    ] = None,
    focus: Annotated[
        float | None, typer.Option(metavar="MM", min=1, help="Depth of the focus.", rich_help_panel=_IMAGE)
    ] = None,
    clutter: Annotated[
        float | None,
        typer.Option(
            metavar="DB", max=10, help="Standing reverberation against speckle.", rich_help_panel=_IMAGE
        ),
    ] = None,
    shadow: Annotated[
        float | None, typer.Option(metavar="DB", min=0, help="Loss in a shadow.", rich_help_panel=_IMAGE)
    ] = None,
    gain_jump: Annotated[
        float | None,
        typer.Option(metavar="DB", help="Change of gain halfway through.", rich_help_panel=_IMAGE),
    ] = None,
    clip: Annotated[
        float | None,
        typer.Option(
            metavar="TIMES",
            min=0.1,
            help="Receiver clips at this many speckle RMS.",
            rich_help_panel=_IMAGE,
        ),
    ] = None,
    dead_rows: Annotated[
        int | None, typer.Option(min=0, help="Rows of zeros in the near field.", rich_help_panel=_IMAGE)
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Another number is another phantom, noise and hand.")] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it exists.")] = False,
) -> None:
    """Simulate a phantom that a hand presses and releases: RF frames and their true motion, in HDF5.

    --random-stiffness, --solve and --patient need scikit-fem (the extra named simulation).

    Examples:

        musse-stream simulate --output demo.h5

        musse-stream simulate --output one.h5 --inclusion 15,0,5,3 --compression 0.03 --frames 120 --seed 7

        musse-stream simulate --output small.h5 --samples 1024 --lines 64 --uniform --snr 20

        musse-stream simulate --output hard.h5 --patient --clutter -15 --elevation-drift 0.3

        musse-stream simulate --output convex.h5 --preset verasonics-c5-2v --center-frequency 3.5e6
    """
    from tools.simulate import run_simulation, simulation_settings

    settings = simulation_settings(
        patient=patient,
        preset=preset,
        uniform=uniform,
        inclusions=inclusion,
        samples=samples,
        lines=lines,
        frames=frames,
        frame_rate=frame_rate,
        sampling_frequency=sampling_frequency,
        center_frequency=center_frequency,
        seed=seed,
        line_pitch=line_pitch,
        probe_radius=probe_radius,
        random_stiffness=random_stiffness,
        solve=solve,
        slip=options.metres(slip),
        vessel=vessel,
        compression=compression,
        period=period,
        stops=stops,
        elevation_drift=options.metres(elevation_drift),
        lateral_drift=options.metres(lateral_drift),
        tilt=None if tilt is None else math.radians(tilt),
        in_band_snr_db=snr,
        snr_fall_db_per_cm=snr_fall,
        attenuation_db_per_cm_mhz=attenuation,
        focus=options.metres(focus),
        clutter_db=clutter,
        shadow_db=shadow,
        gain_jump_db=gain_jump,
        clip_rms=clip,
        dead_rows=dead_rows,
    )
    run_simulation(output, settings, overwrite=overwrite)
