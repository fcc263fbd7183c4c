"""Acquisitions drawn at random for training: tissue, hand, probe and disturbances, never twice the same.

A scene is one phantom seen in a few frames, and the pairs of them that become samples. Everything follows
from the scene's number. Evaluation draws its phantoms from other seeds and other code; the plane gratings of
its transfer curves are nowhere drawn here, only random ripples of all sizes, which were added because the
first weights failed on those gratings.
"""

import math
from dataclasses import dataclass

import numpy as np

from engine.simulation import (
    Inclusion,
    Phantom,
    SimulatedAcquisition,
    inclusion_phantom,
    simulate_acquisition,
)
from engine.simulation.aperture import varying_imaging
from engine.simulation.deformation import Mode, Motion, motion
from engine.simulation.disturbances import Clutter, GainJump, Saturation, Shadow
from engine.simulation.effects import Effect, Noise
from engine.simulation.fem import TissueBlock
from engine.simulation.field import SlipBoundary, SphereCompression, VesselPulsation
from engine.simulation.geometry import draw_geometry
from engine.simulation.imaging import Imaging
from engine.simulation.texture import Kind, Texture, textured_phantom
from engine.spec import EngineSpec

STREAM = 1_000_000_007  # keeps every random number of training apart from those of evaluation
CYCLES = 152  # of the nominal carrier along depth
CELLS = 36  # of about 0.6 mm across
CELL_MM = 0.6
FRAMES = 6
FINEST_TEXTURE = 0.4e-3  # m: ripples of about 1.2 mm
MAX_PRESSED = 0.055  # of all frames together: the softest textures must not fold over
SHARES = 20  # consecutive scenes, of which the first ones make up a share
SIMPLE = 0.33  # of all tissue: uniform, inclusions or a sphere


@dataclass(frozen=True, kw_only=True, eq=False)
class DrawnScene:
    """One phantom, its acquisition, and the pairs (pre, post) of frames to learn from."""

    acquisition: SimulatedAcquisition
    pairs: tuple[tuple[int, int], ...]
    """The first `FRAMES` - 1 are consecutive, in order."""
    kind: str
    """What the tissue is, for figures by kind."""


def in_share(number: int, share: float) -> bool:
    """Whether a scene belongs to `share` of all, rounded up to twentieths."""
    return number % SHARES < math.ceil(SHARES * share - 1e-9)  # 20 x 0.55 is more than 11


def draw_scene(number: int, *, attempt: int = 0, clean: bool = False, simple: bool = False) -> DrawnScene:
    """The scene of this number, 0.2-1 s; another one for every `attempt`.

    `clean`: without noise and disturbances. `simple`: uniform tissue, inclusions or a sphere, nothing else.
    """
    rng = np.random.default_rng([STREAM, number, *([attempt] if attempt else [])])
    spec = drawn_acquisition(rng)
    depth, width = spec.shape[0] * spec.sample_pitch, spec.shape[1] * spec.line_pitch
    kind, phantom = drawn_tissue(depth, width, rng, simple=simple)
    moves, extra = _hand(phantom, spec, rng)
    acquisition = simulate_acquisition(
        phantom,
        drawn_probe(spec, rng),
        moves,
        per_cell=float(rng.uniform(8.0, 16.0)),
        elevational_fwhm=float(rng.uniform(1.0, 2.0)) * 1e-3,
        effects=() if clean else _disturbances(spec, rng),
        seed=STREAM + number,
    )
    return DrawnScene(acquisition=acquisition, pairs=_pairs(rng), kind=f"{kind}{extra}")


def drawn_acquisition(rng: np.random.Generator) -> EngineSpec:
    """A linear probe of 2.5-12 MHz, 0.07-0.38 cycles per sample, 1-4 lines to a cell of about 0.6 mm."""
    center = 1e6 * math.exp(rng.uniform(math.log(2.5), math.log(12.0)))
    cycles_per_sample = math.exp(rng.uniform(math.log(0.07), math.log(0.38)))
    lines_per_cell = int(rng.choice([1, 2, 2, 2, 3, 4]))
    pitch = 1e-3 * CELL_MM / lines_per_cell * rng.uniform(0.8, 1.25)
    return EngineSpec(
        shape=(round(CYCLES / cycles_per_sample), CELLS * lines_per_cell),
        sampling_frequency=center / cycles_per_sample,
        center_frequency=center,
        line_pitch=float(pitch),
    )


def drawn_probe(spec: EngineSpec, rng: np.random.Generator) -> Imaging:
    """Half of all: one beam at every depth, without attenuation."""
    wavelength = spec.sound_speed / spec.center_frequency
    depth = spec.shape[0] * spec.sample_pitch
    beam = max(float(rng.uniform(1.2, 3.5)) * wavelength, 0.25e-3)
    plain = rng.uniform() < 0.5
    return varying_imaging(
        spec,
        fractional_bandwidth=float(rng.uniform(0.35, 0.9)),
        lateral_fwhm=min(beam, 1.8e-3),
        focus=None if plain else float(rng.uniform(0.3, 0.9)) * depth,
        attenuation_db_per_cm_mhz=0.0 if plain else float(rng.uniform(0.0, 0.4)),
        tilt=(0.0, 0.0) if plain else (float(rng.uniform(-0.05, 0.05)), float(rng.uniform(-0.05, 0.05))),
        n_zones=1 if plain else 4,
    )


def drawn_tissue(
    depth: float, width: float, rng: np.random.Generator, *, simple: bool = False
) -> tuple[str, Phantom]:
    """Tissue of this size in m, and what it is."""
    draw = rng.uniform() * (SIMPLE if simple else 1.0)
    if draw < 0.08:
        return "uniform", inclusion_phantom()
    if draw < 0.28:
        return "inclusions", _inclusions(depth, width, rng)
    if draw < SIMPLE:
        return "sphere", _sphere(depth, width, rng)
    if draw < 0.53:
        block = TissueBlock(height=1.2 * depth, width=1.4 * width, element=max(depth, width) / 40)
        drawn = draw_geometry(block, image=(depth, width), rng=rng)
        return f"solved {drawn.kind}", drawn.phantom()
    kinds: tuple[Kind, ...] = ("random", "random", "ripples", "islands", "layers")
    kind = kinds[int(rng.integers(len(kinds)))]
    texture = Texture(
        kind=kind,
        axial_length=_length(max(FINEST_TEXTURE, depth / 60), 0.4 * depth, rng),
        lateral_length=_length(1.5 * FINEST_TEXTURE, 0.6 * width, rng),
        spread=float(rng.uniform(0.15, 0.8)),
        seed=int(rng.integers(1 << 31)),
    )
    return kind, textured_phantom(texture, depth=depth, width=width)


def _length(least: float, most: float, rng: np.random.Generator) -> float:
    return math.exp(rng.uniform(math.log(least), math.log(most)))


def _inclusion(depth: float, width: float, rng: np.random.Generator) -> Inclusion:
    return Inclusion(
        depth=float(rng.uniform(0.15, 0.85)) * depth,
        lateral=float(rng.uniform(-0.4, 0.4)) * width,
        radius=float(math.exp(rng.uniform(math.log(0.8e-3), math.log(0.25 * min(depth, width))))),
        stiffness=float(math.exp(rng.uniform(math.log(0.25), math.log(8.0)))),
        echo_db=float(rng.uniform(-6.0, 6.0)),
    )


def _inclusions(depth: float, width: float, rng: np.random.Generator) -> Phantom:
    """One to three that do not touch: superposed fields of touching ones could fold tissue over."""
    chosen: list[Inclusion] = []
    for _ in range(int(rng.integers(1, 4))):
        new = _inclusion(depth, width, rng)
        apart = (
            math.hypot(new.depth - old.depth, new.lateral - old.lateral) > 1.5 * (new.radius + old.radius)
            for old in chosen
        )
        if all(apart):
            chosen.append(new)
    return inclusion_phantom(*chosen)


def _sphere(depth: float, width: float, rng: np.random.Generator) -> Phantom:
    sphere = _inclusion(depth, width, rng)
    return Phantom(compression=SphereCompression(sphere=sphere), regions=(sphere,))


def _hand(phantom: Phantom, spec: EngineSpec, rng: np.random.Generator) -> tuple[Motion, str]:
    """Compression, drift, tilt and slip of every frame."""
    step = math.exp(rng.uniform(math.log(0.0004), math.log(0.025)))
    change = step * rng.uniform(0.4, 1.4, FRAMES - 1)
    change[rng.uniform(size=FRAMES - 1) < 0.1] *= 0.02  # the hand stops
    direction = 1.0 if rng.uniform() < 0.5 else -1.0
    turn = int(rng.integers(1, 2 * FRAMES))  # a third of all scenes turn
    change[turn:] *= -1.0
    press = np.concatenate([[0.0], np.cumsum(direction * change)])
    press = 0.01 + press * min(1.0, MAX_PRESSED / float(np.abs(press).max()))
    modes = [Mode(field=phantom.compression, amplitude=press)]
    depth, width = spec.shape[0] * spec.sample_pitch, spec.shape[1] * spec.line_pitch
    extra = ""
    draw = rng.uniform()
    frames = np.arange(FRAMES)
    if draw < 0.12:
        slide = frames * rng.uniform(-1.0, 1.0) * 0.3e-3
        boundary = SlipBoundary(
            depth=float(rng.uniform(0.2, 0.8)) * depth, angle=float(rng.uniform(-0.15, 0.15))
        )
        modes.append(Mode(field=boundary, amplitude=np.asarray(slide, np.float64)))
        extra = " slip"
    elif draw < 0.18:
        radius = float(rng.uniform(0.8e-3, 0.12 * min(depth, width)))
        vessel = VesselPulsation(
            depth=float(rng.uniform(0.2, 0.8)) * depth,
            lateral=float(rng.uniform(-0.4, 0.4)) * width,
            radius=radius,
        )
        modes.append(Mode(field=vessel, amplitude=rng.uniform(-0.02, 0.02, FRAMES)))
        extra = " vessel"
    drift = math.exp(rng.uniform(math.log(1e-3), math.log(0.5))) * 1e-3  # m out of plane, frame to frame
    return (
        motion(
            modes,
            axial_shift=np.cumsum(rng.normal(0.0, 0.03e-3, FRAMES)),
            lateral_shift=np.cumsum(rng.normal(0.0, 0.06e-3, FRAMES)),
            rotation=np.cumsum(rng.normal(0.0, 5e-4, FRAMES)),
            elevation=np.cumsum(drift * rng.normal(0.7, 0.4, FRAMES)),
            elevation_tilt=np.cumsum(rng.normal(0.0, 2e-3, FRAMES)),
        ),
        extra,
    )


def _disturbances(spec: EngineSpec, rng: np.random.Generator) -> tuple[Effect, ...]:
    effects: list[Effect] = []
    if rng.uniform() < 0.12:
        below = int(rng.uniform(0.0, 0.6) * spec.shape[0])
        width = float(rng.uniform(0.05, 0.2)) * spec.shape[1]
        line = float(rng.uniform(0.0, 1.0)) * spec.shape[1]
        effects.append(Shadow(line=line, width=width, loss_db=float(rng.uniform(10.0, 40.0)), below=below))
    if rng.uniform() < 0.15:
        effects.append(Clutter(level_db=float(rng.uniform(-35.0, -10.0)), reach=float(rng.uniform(0.2, 0.5))))
    if rng.uniform() < 0.95:
        depth_cm = spec.shape[0] * spec.sample_pitch * 100.0
        at_face = float(rng.uniform(0.0, 45.0))
        fall = float(rng.uniform(0.0, min(15.0, at_face))) / depth_cm
        effects.append(Noise(in_band_snr_db=at_face, fall_db_per_cm=fall if rng.uniform() < 0.5 else 0.0))
    if rng.uniform() < 0.08:
        slope = float(rng.uniform(-2.0, 2.0))
        effects.append(GainJump(frame=int(rng.integers(1, FRAMES)), slope_db_per_cm=slope))
    if rng.uniform() < 0.06:
        effects.append(Saturation(clip_rms=float(rng.uniform(1.5, 4.0))))
    return tuple(effects)


def _pairs(rng: np.random.Generator) -> tuple[tuple[int, int], ...]:
    """All consecutive pairs, and a few over longer strides or backwards."""
    consecutive = [(k, k + 1) for k in range(FRAMES - 1)]
    further = [(0, 2), (1, 4), (2, 0), (3, 5), (5, 3), (4, 1), (0, 3), (5, 4)]
    chosen = rng.choice(len(further), size=3, replace=False)
    return tuple(consecutive + [further[int(k)] for k in chosen])
