"""Does tracking follow motion that differs by cycles within millimetres, and does strain keep such patterns?

python -m tools.evaluate.studies.skips [SEED ...]     a table on the screen, about a minute for each seed

Waves across the lines, slip along boundaries and a pulsating vessel; noise, decorrelation and plain
inclusions as controls, and two unrelated frames, which must be rejected. `CHOSEN` are the seeds that
constants were chosen on, `JUDGED` those that judge them.
"""

import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Final

import numpy as np
import typer
from scipy.interpolate import RegularGridInterpolator

from engine.estimator import Estimator
from engine.factory import load
from engine.metrics.accuracy import accuracy, cycle_skips
from engine.sequence.quality import Thresholds, assess_pair_quality
from engine.simulation import Inclusion, Phantom, SimulatedAcquisition, inclusion_phantom
from engine.simulation.deformation import Mode
from engine.simulation.field import SlipBoundary, VesselPulsation
from engine.simulation.gratings import LateralGrating
from engine.spec import EngineSpec, FrameArray
from tools.evaluate.suite.random_cases import drawn_inclusion, make_pair, uniform
from tools.evaluate.suite.scene import SPEC, evaluation_grid, inner_region

CHOSEN: Final = (431_000, 512_000, 613_000, 714_000)
JUDGED: Final = (977_000, 978_000)
ENGINES: Final = {"reference": "reference", "musse": "onnx"}
VESSEL: Final = {"depth": 12e-3, "lateral": 1e-3}

Build = Callable[[int], SimulatedAcquisition]


def waves(
    period: float, strain: float, modulation: float, depth_period: float, seed: int
) -> SimulatedAcquisition:
    """A lateral grating; |du/dx| is at most strain * modulation * depth_period / period."""
    phase = float(np.random.default_rng([seed, round(period * 1e6)]).uniform(0, 2 * math.pi))
    field = LateralGrating(period=period, modulation=modulation, depth_period=depth_period, phase=phase)
    return make_pair(Phantom(compression=field), strain, seed=seed)


def steep(period: float, slope: float, seed: int) -> SimulatedAcquisition:
    """A lateral grating with 2 % compression and |du/dx| up to `slope`."""
    return waves(period, 0.02, slope * period / (0.02 * 24e-3), 24e-3, seed)


def lesion(
    seed: int, strain: float = 0.01, slip: Mode | None = None, **condition: float
) -> SimulatedAcquisition:
    """One inclusion; `condition` as for `make_pair`."""
    inclusion = drawn_inclusion(np.random.default_rng([seed, 9]))
    extra = () if slip is None else (slip,)
    return make_pair(inclusion_phantom(inclusion), strain, seed=seed, extra=extra, **condition)  # type: ignore[arg-type]


def slipping(angle: float, way: float, seed: int) -> SimulatedAcquisition:
    """An inclusion, and tissue that slides by `way` metres on a boundary of this slope."""
    depth = 0.6 * SPEC.shape[0] * SPEC.sample_pitch
    boundary = SlipBoundary(depth=depth, angle=angle)
    return lesion(seed, slip=Mode(field=boundary, amplitude=np.array([0.0, way])))


def vessel(radius: float, growth: float, seed: int) -> SimulatedAcquisition:
    """A vessel of this radius that widens, and 0.5 % compression."""
    wall = Mode(field=VesselPulsation(radius=radius, **VESSEL), amplitude=np.array([0.0, growth]))
    blood = Inclusion(radius=radius, echo_db=-25.0, **VESSEL)
    return make_pair(replace(uniform(), flowing=(blood,)), 0.005, seed=seed, extra=[wall])


CASES: Final[Mapping[str, Build]] = {
    **{f"waves of {p} mm": partial(waves, p * 1e-3, 0.01, 0.3, 16e-3) for p in (3, 4, 6, 8)},
    **{f"{p} mm, |du/dx| {s:g}": partial(steep, p * 1e-3, s) for p in (3, 4, 6) for s in (0.025, 0.05)},
    "6 mm, |du/dx| 0.1": partial(steep, 6e-3, 0.1),
    **{f"slip {way} mm": partial(slipping, 0.1, way * 1e-3) for way in (0.1, 0.2, 0.4)},
    "slip 0.2 mm, steep": partial(slipping, 1.2, 0.2e-3),
    "slip 0.4 mm, steep": partial(slipping, 1.4, 0.4e-3),
    "vessel 3 mm, 5 %": partial(vessel, 3e-3, 0.05),
    "vessel 2 mm, 10 %": partial(vessel, 2e-3, 0.10),
    "inclusion": lesion,
    "inclusion, 4 %": partial(lesion, strain=0.04),
    "10 dB": partial(lesion, in_band_snr_db=10.0),
    "0 dB": partial(lesion, in_band_snr_db=0.0),
    "rho 0.95": partial(lesion, correlation=0.95),
    "rho 0.85": partial(lesion, correlation=0.85),
    "rho 0.7, 15 dB": partial(lesion, correlation=0.7, in_band_snr_db=15.0),
}


def figures(
    engine: Estimator, acquisition: SimulatedAcquisition, frames: tuple[FrameArray, ...]
) -> list[float]:
    """RMS error of displacement, skips; RMS error, slope and error over sigma of strain, share inside."""
    spec = acquisition.imaging.spec
    rows, columns = evaluation_grid(spec)
    truth = acquisition.pair_truth(0, 1, axial_index=rows, lateral_index=columns)
    engine.reset()
    result = engine.step(*frames)
    at = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1)

    def resampled(values: np.ndarray) -> np.ndarray:
        grid = result.axial_index, result.lateral_index
        return RegularGridInterpolator(grid, values, bounds_error=False, fill_value=None)(at)

    moved, strain = resampled(result.axial_displacement), resampled(result.axial_strain)
    std = resampled(np.minimum(result.strain_std, 1.0))
    region = inner_region(spec, truth)
    use = region & np.isfinite(truth.axial_strain)
    wavelength = spec.sound_speed / spec.center_frequency / spec.sample_pitch
    displaced = accuracy(moved, truth.axial_displacement, region)
    found = accuracy(strain, truth.axial_strain, region)
    z = (strain - truth.axial_strain)[use] / std[use]
    skips = cycle_skips(
        moved, truth.axial_displacement, region, spec.center_frequency / spec.sampling_frequency
    )
    inside = float(np.mean(np.abs(z) < 1.96))
    return [
        displaced.rmse / wavelength, 100 * skips, 100 * found.rmse, found.contrast_recovery,
        float(np.sqrt(np.mean(z**2))), 100 * inside,
    ]  # fmt: skip


def rejected(engine: Estimator, seed: int) -> str:
    """Why frames of two other phantoms are rejected."""
    frames = [make_pair(uniform(), 0.01, seed=seed + k).frame(0) for k in (1, 2)]
    engine.reset()
    return str(assess_pair_quality(engine.step(*frames), Thresholds()).rejection)


def opened(spec: EngineSpec = SPEC) -> dict[str, Estimator]:
    """Both engines."""
    return {name: load(engine)(spec, "cpu") for name, engine in ENGINES.items()}


def main() -> None:
    """Print the table: of errors the root of the mean square over the seeds, of all else the mean."""
    seeds = [int(text) for text in sys.argv[1:]] or list(JUDGED)
    engines = opened()
    columns = "displacement (wavelengths) | skips (%) | strain (%) | recovery | error / sigma | inside (%)"
    typer.echo(f"| case | engine | {columns} |\n|{'---|' * 8}")
    for name, build in CASES.items():
        found: dict[str, list[list[float]]] = {engine: [] for engine in engines}
        for seed in seeds:
            acquisition = build(seed=seed)  # type: ignore[call-arg]
            frames = acquisition.frame(0), acquisition.frame(1)
            for engine, estimator in engines.items():
                found[engine].append(figures(estimator, acquisition, frames))
        for engine, rows in found.items():
            values = np.array(rows)
            mean = np.where([1, 0, 1, 0, 1, 0], np.sqrt(np.mean(values**2, axis=0)), values.mean(axis=0))
            cells = " | ".join(
                f"{value:.{digits}f}" for value, digits in zip(mean, (4, 2, 3, 2, 2, 0), strict=True)
            )
            typer.echo(f"| {name} | {engine} | {cells} |")
    for engine, estimator in engines.items():
        typer.echo(f"unrelated frames, {engine}: {', '.join(rejected(estimator, seed) for seed in seeds)}")


if __name__ == "__main__":
    main()
