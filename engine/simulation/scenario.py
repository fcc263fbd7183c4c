"""Acquisitions from settings: a hand presses and releases a phantom, with the disturbances of a patient."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.errors import InvalidAcquisition
from engine.simulation.acquisition import SimulatedAcquisition, simulate_acquisition
from engine.simulation.aperture import varying_imaging
from engine.simulation.deformation import Mode, Motion, motion
from engine.simulation.disturbances import Clutter, DeadSamples, GainJump, Saturation, Shadow
from engine.simulation.effects import Effect, Noise
from engine.simulation.field import Inclusion, SlipBoundary, VesselPulsation
from engine.simulation.layers import layered_tissue
from engine.simulation.phantom import Phantom, TissueRegion, inclusion_phantom
from engine.simulation.rhythm import heartbeat, press_and_release, wander
from engine.spec import EngineSpec

DEFAULT_INCLUSIONS = (
    Inclusion(depth=15.0e-3, lateral=-6.0e-3, radius=5.0e-3, stiffness=4.0, echo_db=-3.0),
    Inclusion(depth=25.0e-3, lateral=9.0e-3, radius=4.0e-3, stiffness=0.4, echo_db=2.0),
)
"""One hard and one soft: the image shows at once which is which."""


@dataclass(frozen=True, kw_only=True)
class SimulationSettings:
    """What to simulate; SI units. A hand presses and releases tissue; 0 or None turns a disturbance off."""

    frames: int = 60
    frame_rate: float = 30.0
    shape: tuple[int, int] = (2000, 128)
    sampling_frequency: float = 40.0e6
    center_frequency: float = 5.0e6
    line_pitch: float = 0.3e-3
    """m between lines, along the probe's face."""
    probe_radius: float = 0.0
    """m of a convex probe; 0 for a linear one."""
    inclusions: tuple[Inclusion, ...] = DEFAULT_INCLUSIONS
    layers: bool = False
    """Brightness of layered soft tissue. An inclusion of 0 dB then hides in it."""
    random_stiffness: float = 0.0
    """Spread of log stiffness of the surroundings; above 0 motion is solved by finite elements."""
    solve: bool = False
    """Solve for the motion around inclusions too, instead of the closed form."""
    compression: float = 0.02
    """Height of a press, fraction of the thickness."""
    period: float = 1.2
    """s of one press and release."""
    stops: float = 0.0
    """Probability that the hand rests after a press."""
    elevation_drift: float = 0.0
    """m, standard deviation out of plane."""
    lateral_drift: float = 0.0
    """m, standard deviation."""
    tilt: float = 0.0
    """rad, standard deviation of the probe's rotation in the image."""
    slip: float = 0.0
    """m that the tissue below 60 % of the depth slides at a full press."""
    vessel: bool = False
    """A pulsating vessel at 70 % of the depth."""
    in_band_snr_db: float = 30.0
    snr_fall_db_per_cm: float = 0.0
    attenuation_db_per_cm_mhz: float = 0.0
    focus: float | None = None
    """m; None: the same beam at every depth."""
    clutter_db: float | None = None
    shadow_db: float = 0.0
    """Loss in the shadow under a third of the width."""
    gain_jump_db: float = 0.0
    """In the middle of the recording, with a slope of as much per 4 cm."""
    clip_rms: float | None = None
    """Multiples of speckle RMS at which the receiver clips."""
    dead_rows: int = 0
    """Rows of the near field that arrive as zeros."""
    seed: int = 0


PATIENT = SimulationSettings(
    random_stiffness=0.2,
    stops=0.2,
    elevation_drift=0.15e-3,
    lateral_drift=0.1e-3,
    tilt=0.004,
    slip=0.2e-3,
    vessel=True,
    in_band_snr_db=25.0,
    snr_fall_db_per_cm=3.0,
    attenuation_db_per_cm_mhz=0.5,
    focus=20.0e-3,
    clutter_db=-20.0,
    shadow_db=15.0,
)
"""Everything that a patient and a hand add at once, each at an ordinary level."""

DEMO = SimulationSettings(
    frames=40,
    frame_rate=20.0,
    period=1.8,
    layers=True,
    inclusions=(
        Inclusion(depth=20.0e-3, lateral=-6.0e-3, radius=5.0e-3, stiffness=4.0),
        Inclusion(depth=25.0e-3, lateral=10.0e-3, radius=4.0e-3, stiffness=0.4, echo_db=-8.0),
    ),
    snr_fall_db_per_cm=2.0,
    attenuation_db_per_cm_mhz=0.3,
)
"""Layered tissue with a hard lesion that B-mode hides and a soft, darker one."""

# Out-of-plane beam width of linear probes, m; the slab of scatterers is needed only where the plane moves.
_ELEVATIONAL_FWHM = 1.5e-3
# m: 6000 elements for the default image, some 5 s once.
_ELEMENT = 0.65e-3


def simulated_acquisition(settings: SimulationSettings, *, cache: Path | None = None) -> SimulatedAcquisition:
    """The acquisition that `settings` describe; frames are made when asked for.

    `cache` is a folder for solved motion. Raises InvalidAcquisition for impossible settings,
    EngineUnavailable where solving needs scikit-fem and it is missing.
    """
    spec = EngineSpec(
        shape=settings.shape,
        sampling_frequency=settings.sampling_frequency,
        center_frequency=settings.center_frequency,
        line_pitch=settings.line_pitch,
    )
    if settings.probe_radius > 0 and (settings.random_stiffness > 0 or settings.solve):
        raise InvalidAcquisition("finite elements need the flat face of a linear probe: probe_radius = 0")
    varies = settings.focus is not None or settings.attenuation_db_per_cm_mhz > 0
    imaging = varying_imaging(
        spec,
        focus=settings.focus,
        attenuation_db_per_cm_mhz=settings.attenuation_db_per_cm_mhz,
        n_zones=6 if varies else 1,
        probe_radius=settings.probe_radius,
    )
    vessel = _vessel(spec) if settings.vessel else None
    phantom = _phantom(settings, spec, vessel, cache)
    return simulate_acquisition(
        phantom,
        imaging,
        _motion(settings, spec, phantom, vessel),
        elevational_fwhm=_ELEVATIONAL_FWHM if settings.elevation_drift > 0 else None,
        effects=_effects(settings),
        seed=settings.seed,
    )


def _vessel(spec: EngineSpec) -> Inclusion:
    depth, width = spec.shape[0] * spec.sample_pitch, spec.shape[1] * spec.line_pitch
    return Inclusion(
        depth=0.7 * depth, lateral=-0.2 * width, radius=0.045 * depth, stiffness=1.0, echo_db=-25.0
    )


def _phantom(
    settings: SimulationSettings, spec: EngineSpec, vessel: Inclusion | None, cache: Path | None
) -> Phantom:
    blood = () if vessel is None else (vessel,)
    if settings.random_stiffness > 0 or settings.solve:
        from engine.simulation.fem import TissueBlock
        from engine.simulation.tissue import RandomStiffness, elastic_phantom

        depth, width = spec.shape[0] * spec.sample_pitch, spec.shape[1] * spec.line_pitch
        background = RandomStiffness(
            correlation_length=depth / 8.0, spread=settings.random_stiffness, seed=settings.seed
        )
        solved = elastic_phantom(
            # a fifth more than the image on each open side keeps the free borders out of it
            TissueBlock(height=1.2 * depth, width=1.4 * width, element=_ELEMENT),
            settings.inclusions,
            background=background if settings.random_stiffness > 0 else None,
            cache=cache,
        )
        compression = solved.compression
    else:
        compression = inclusion_phantom(*settings.inclusions).compression
    regions: tuple[TissueRegion, ...] = settings.inclusions + blood
    if settings.layers:
        seen = tuple(inclusion for inclusion in settings.inclusions if inclusion.echo_db != 0)
        regions = layered_tissue(spec.shape[0] * spec.sample_pitch) + seen + blood
    return Phantom(compression=compression, regions=regions, flowing=blood)


def _motion(
    settings: SimulationSettings, spec: EngineSpec, phantom: Phantom, vessel: Inclusion | None
) -> Motion:
    n, rate = settings.frames, settings.frame_rate
    press = press_and_release(
        n,
        rate,
        peak=settings.compression,
        period=settings.period,
        stops=settings.stops,
        rng=np.random.default_rng([settings.seed, 10]),
    )
    modes = [Mode(field=phantom.compression, amplitude=press)]
    if settings.slip > 0 and settings.compression > 0:
        boundary = SlipBoundary(depth=0.6 * spec.shape[0] * spec.sample_pitch, angle=0.1)
        modes.append(Mode(field=boundary, amplitude=settings.slip * press / settings.compression))
    if vessel is not None:
        wall = VesselPulsation(depth=vessel.depth, lateral=vessel.lateral, radius=vessel.radius)
        modes.append(Mode(field=wall, amplitude=heartbeat(n, rate)))
    paths = [
        wander(n, rate, reach=reach, rng=np.random.default_rng([settings.seed, 11, index]))
        for index, reach in enumerate((settings.elevation_drift, settings.lateral_drift, settings.tilt))
    ]
    return motion(modes, elevation=paths[0], lateral_shift=paths[1], rotation=paths[2])


def _effects(settings: SimulationSettings) -> list[Effect]:
    """In the order in which the signal meets them."""
    effects: list[Effect] = []
    lines = settings.shape[1]
    if settings.shadow_db > 0:
        effects.append(
            Shadow(
                line=0.75 * lines, width=lines / 8, loss_db=settings.shadow_db, below=settings.shape[0] // 4
            )
        )
    if settings.clutter_db is not None:
        effects.append(Clutter(level_db=settings.clutter_db))
    effects.append(Noise(in_band_snr_db=settings.in_band_snr_db, fall_db_per_cm=settings.snr_fall_db_per_cm))
    if settings.gain_jump_db != 0:
        jump = settings.gain_jump_db
        effects.append(GainJump(frame=settings.frames // 2, gain_db=jump, slope_db_per_cm=jump / 4.0))
    if settings.clip_rms is not None:
        effects.append(Saturation(clip_rms=settings.clip_rms))
    if settings.dead_rows > 0:
        effects.append(DeadSamples(rows=tuple(range(settings.dead_rows))))
    return effects
