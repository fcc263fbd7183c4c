"""How a real probe's response changes with depth: focus, attenuation, tilted wave fronts."""

import math

import numpy as np

from engine.simulation.imaging import Imaging, Zone
from engine.simulation.pointspread import PointSpread
from engine.spec import EngineSpec


def varying_imaging(
    spec: EngineSpec,
    *,
    fractional_bandwidth: float = 0.6,
    lateral_fwhm: float = 0.7e-3,
    focus: float | None = None,
    attenuation_db_per_cm_mhz: float = 0.0,
    tilt: tuple[float, float] = (0.0, 0.0),
    n_zones: int = 6,
    probe_radius: float = 0.0,
) -> Imaging:
    """Imaging in `n_zones` (4-8) zones over the depth of `spec`.

    `probe_radius` (m) is that of a convex probe. `lateral_fwhm` (m) is the beam width at `focus` (m; None:
    the same at every depth); away from it the beam widens as a Gaussian beam does whose width doubles at half
    and one and a half of the focal depth.
    Attenuation shifts the received centre frequency by -2 a z s^2 with a in Np/m/Hz and s the
    standard deviation of the amplitude spectrum (a Gaussian spectrum stays Gaussian; the loss itself is
    made up by time-gain compensation: see `Noise.fall_db_per_cm`). `tilt` (rad) goes from the first
    value at the probe face to the second at the bottom. Speckle is equally bright at every depth.
    """
    depth = (spec.shape[0] - 1) * spec.sample_pitch
    zones: list[Zone] = []
    for z in np.linspace(0.0, depth, n_zones):
        sigma = fractional_bandwidth * spec.center_frequency / (2.0 * math.sqrt(2.0 * math.log(2.0)))
        # dB/cm/MHz to Np/m/Hz
        slope = attenuation_db_per_cm_mhz * math.log(10.0) / 20.0 * 100.0 / 1e6
        received = spec.center_frequency - 2.0 * slope * float(z) * sigma**2
        width = lateral_fwhm
        if focus is not None:
            width *= math.sqrt(1.0 + 12.0 * ((float(z) - focus) / focus) ** 2)
        spread = PointSpread(
            center_frequency=received,
            # the same bandwidth in Hz around a lower centre
            fractional_bandwidth=fractional_bandwidth * spec.center_frequency / received,
            lateral_fwhm=width,
            tilt=tilt[0] + (tilt[1] - tilt[0]) * float(z) / depth,
        )
        first = zones[0].point_spread if zones else spread
        brightness = math.sqrt(first.energy(spec.sound_speed) / spread.energy(spec.sound_speed))
        zones.append(Zone(depth=float(z), point_spread=spread, amplitude=brightness))
    return Imaging(spec=spec, zones=tuple(zones), probe_radius=probe_radius)
