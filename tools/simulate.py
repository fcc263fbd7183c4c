"""Simulated recordings: what the demo and `musse-stream simulate` write."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.simulation import Inclusion, inclusion_phantom, simulate_acquisition
from engine.simulation.deformation import Mode, motion
from engine.simulation.effects import Effect, Noise
from engine.simulation.imaging import Imaging, Zone
from engine.simulation.pointspread import PointSpread
from engine.simulation.recorded import rest_displacement, rest_grid
from engine.simulation.rhythm import press_and_release
from engine.spec import EngineSpec, FloatArray
from tools.errors import ToolError
from tools.formats import Acquisition, write_recording

DEFAULT_INCLUSIONS = (
    Inclusion(depth=15.0e-3, lateral=-6.0e-3, radius=5.0e-3, stiffness=4.0, echo_db=-3.0),
    Inclusion(depth=25.0e-3, lateral=9.0e-3, radius=4.0e-3, stiffness=0.4, echo_db=2.0),
)
"""One hard and one soft: the picture shows at once which is which."""


@dataclass(frozen=True, kw_only=True)
class SimulationSettings:
    """What to simulate; SI units. A hand presses and releases a phantom between plates."""

    frames: int = 60
    frame_rate: float = 30.0
    shape: tuple[int, int] = (2000, 128)
    sampling_frequency: float = 40.0e6
    center_frequency: float = 5.0e6
    line_pitch: float = 0.3e-3
    inclusions: tuple[Inclusion, ...] = DEFAULT_INCLUSIONS
    compression: float = 0.02
    """Height of a press, fraction of the thickness."""
    period: float = 1.2
    """s of one press and release."""
    in_band_snr_db: float = 30.0
    seed: int = 0


def simulate_recording(
    path: str | Path,
    settings: SimulationSettings,
    *,
    overwrite: bool = False,
    on_frame: Callable[[int, int], object] = lambda done, total: None,
) -> None:
    """Write a simulated acquisition with its truth to `path`; calls `on_frame(done, total)` after each frame.

    Raises RecordingError where the file exists or cannot be written, InvalidAcquisition for impossible
    settings.
    """
    spec = EngineSpec(
        shape=settings.shape,
        sampling_frequency=settings.sampling_frequency,
        center_frequency=settings.center_frequency,
        line_pitch=settings.line_pitch,
    )
    phantom = inclusion_phantom(*settings.inclusions)
    press = press_and_release(
        settings.frames,
        settings.frame_rate,
        peak=settings.compression,
        period=settings.period,
        rng=np.random.default_rng([settings.seed, 1]),
    )
    effects: tuple[Effect, ...] = (Noise(in_band_snr_db=settings.in_band_snr_db),)
    simulated = simulate_acquisition(
        phantom,
        Imaging(
            spec=spec,
            zones=(Zone(depth=0.0, point_spread=PointSpread(center_frequency=spec.center_frequency)),),
        ),
        motion([Mode(field=phantom.compression, amplitude=press)]),
        effects=effects,
        seed=settings.seed,
    )
    rows, columns = rest_grid(simulated)
    constants = Acquisition(
        sampling_frequency=spec.sampling_frequency,
        center_frequency=spec.center_frequency,
        probe_type="linear",
        line_pitch=spec.line_pitch,
        sound_speed=spec.sound_speed,
    )
    with write_recording(
        path, constants, truth_attributes=_truth_attributes(rows, columns), overwrite=overwrite
    ) as recording:
        for index, rf in enumerate(simulated.frames()):
            axial, lateral = rest_displacement(simulated, index, rows, columns)
            recording.append(
                rf,
                t_acq=round(index * 1e9 / settings.frame_rate),
                truth={"axial_displacement": axial, "lateral_displacement": lateral},
            )
            on_frame(index + 1, settings.frames)


def _truth_attributes(rows: FloatArray, columns: FloatArray) -> dict[str, object]:
    return {
        "grid": "rest positions of tissue: rows at axial_index (samples), columns at lateral_index (lines)",
        "axial_index": rows,
        "lateral_index": columns,
        "axial_displacement": "samples from rest to this frame, positive = away from the probe",
        "lateral_displacement": "lines from rest to this frame",
        "pairs": "engine.simulation.recorded.recorded_pair_truth, on the pre frame's coordinates",
    }


def parse_inclusion(text: str) -> Inclusion:
    """An inclusion from 'DEPTH,LATERAL,RADIUS,STIFFNESS' in mm, mm, mm and times the surroundings.

    Raises ToolError for anything else.
    """
    try:
        depth, lateral, radius, stiffness = (float(part) for part in text.split(","))
    except ValueError:
        raise ToolError(
            f"inclusion {text!r}: give DEPTH,LATERAL,RADIUS,STIFFNESS in mm, mm, mm, times, such as 15,0,5,3"
        ) from None
    return Inclusion(depth=depth * 1e-3, lateral=lateral * 1e-3, radius=radius * 1e-3, stiffness=stiffness)
