"""`musse-stream simulate`: a phantom acquisition with truth."""

from pathlib import Path
from typing import Annotated

import typer


def simulate(
    output: Annotated[Path, typer.Option(help="Recording to write (.h5).")],
    frames: Annotated[int, typer.Option(min=1, help="Number of frames.")] = 60,
    frame_rate: Annotated[float, typer.Option(help="Hz.")] = 30.0,
    samples: Annotated[int, typer.Option(help="Axial samples of a frame.")] = 2000,
    lines: Annotated[int, typer.Option(help="Lines of a frame.")] = 128,
    sampling_frequency: Annotated[float, typer.Option(metavar="HZ", help="Along the beam.")] = 40.0e6,
    center_frequency: Annotated[float, typer.Option(metavar="HZ", help="Of the pulse.")] = 5.0e6,
    line_pitch: Annotated[float, typer.Option(metavar="METRES", help="Between lines.")] = 0.3e-3,
    inclusion: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DEPTH,LATERAL,RADIUS,STIFFNESS",
            help="Round inclusion in mm, mm, mm and times the surroundings' stiffness; may be repeated. "
            "Default: one hard, one soft.",
        ),
    ] = None,
    uniform: Annotated[bool, typer.Option("--uniform", help="No inclusion at all.")] = False,
    compression: Annotated[
        float, typer.Option(min=0, max=0.1, help="Height of a press, fraction of the thickness (0.02 = 2 %).")
    ] = 0.02,
    period: Annotated[float, typer.Option(metavar="SECONDS", help="Of one press and release.")] = 1.2,
    snr: Annotated[
        float, typer.Option(metavar="DB", help="Echoes over noise within the pulse's -6 dB band.")
    ] = 30.0,
    seed: Annotated[int, typer.Option(min=0, help="Another number is another phantom, noise and hand.")] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it exists.")] = False,
) -> None:
    """Simulate a phantom that a hand presses and releases: RF frames and their true motion, in HDF5.

    Examples:

        musse-stream simulate --output demo.h5

        musse-stream simulate --output one.h5 --inclusion 15,0,5,3 --compression 0.03 --frames 120 --seed 7

        musse-stream simulate --output small.h5 --samples 1024 --lines 64 --uniform --snr 20
    """
    from rich.console import Console
    from rich.progress import Progress

    from tools.errors import ToolError
    from tools.simulate import SimulationSettings, parse_inclusion, simulate_recording

    if uniform and inclusion:
        raise ToolError("--uniform means no inclusion: leave out --inclusion, or --uniform")
    defaults = SimulationSettings()
    settings = SimulationSettings(
        frames=frames,
        frame_rate=frame_rate,
        shape=(samples, lines),
        sampling_frequency=sampling_frequency,
        center_frequency=center_frequency,
        line_pitch=line_pitch,
        inclusions=() if uniform else tuple(map(parse_inclusion, inclusion or ())) or defaults.inclusions,
        compression=compression,
        period=period,
        in_band_snr_db=snr,
        seed=seed,
    )
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("Simulating", total=frames)
        simulate_recording(
            output,
            settings,
            overwrite=overwrite,
            on_frame=lambda done, total: progress.update(task, completed=done, total=total),
        )
    typer.echo(f"{output}: {frames} frames of {samples} x {lines}, seed {seed}")
