"""Hand-held cycles on drawn tissue, and the node's fused images of them beside the truth.

Numbers below `JUDGED` are for choosing constants, the others for judging them.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from engine.metrics.accuracy import Map, Mask
from engine.simulation import Phantom, simulate_acquisition
from engine.simulation.deformation import Mode, motion
from engine.simulation.effects import Noise
from engine.simulation.imaging import Imaging
from engine.simulation.rhythm import press_and_release, wander
from engine.spec import EngineSpec
from engine.training.data import scenes
from streamer.config import Config
from streamer.frame import RfFrame
from streamer.geometry import configured_region, engine_spec
from streamer.offline import strain_messages
from streamer.step import StrainStep
from tools.evaluate.methods import Engines, Setting
from tools.evaluate.studies.defaults import SEED, Sequence
from tools.measure.frames import ImageFrame
from tools.measure.offline import of_step
from tools.measure.quality import region_mask

CHOSEN, JUDGED = 60_000, 101_000
"""The first numbers of the sequences that constants were chosen on, and of those that judge them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hand:
    """How a probe is held."""

    press: float
    """Compression at the height of a press."""
    aside: float = 0.1e-3
    """m of drift across the lines, standard deviation."""
    out_of_plane: float = 0.2e-3
    """m"""
    noise_db: float = 25.0
    """In-band signal to noise."""
    frame_rate: float = 25.0
    seconds: float = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Imaged:
    """One fused image of the node and the true relative strain on its grid."""

    frame: ImageFrame
    truth: Map
    """1 = the median of the region; NaN: not known."""
    region: Mask


def drawn_hand(rng: np.random.Generator, *, frame_rate: float = 25.0, seconds: float = 2.0) -> Hand:
    """From a light to a heavy press, from a still to a sliding hand, from clear to noisy echoes."""

    def between(least: float, most: float) -> float:
        return math.exp(rng.uniform(math.log(least), math.log(most)))

    return Hand(
        press=between(0.003, 0.025),
        aside=between(0.05e-3, 0.3e-3),
        out_of_plane=between(0.05e-3, 1.0e-3),
        noise_db=float(rng.uniform(3.0, 35.0)),
        frame_rate=frame_rate,
        seconds=seconds,
    )


def on_drawn_tissue(number: int, *, frame_rate: float = 25.0, seconds: float = 2.0) -> Sequence:
    """Tissue and probe as in the network's training, from other random numbers, under a drawn hand."""
    rngs = [np.random.default_rng([SEED, number, k]) for k in range(8)]
    spec = scenes.drawn_acquisition(rngs[0])
    depth, width = spec.shape[0] * spec.sample_pitch, spec.shape[1] * spec.line_pitch
    _, phantom = scenes.drawn_tissue(depth, width, rngs[1])
    hand = drawn_hand(rngs[7], frame_rate=frame_rate, seconds=seconds)
    return pressed(phantom, scenes.drawn_probe(spec, rngs[2]), hand, number)


def pressed(phantom: Phantom, imaging: Imaging, hand: Hand, number: int) -> Sequence:
    """This hand on this tissue: about one press a second, all else drawn from `number`."""
    rngs = [np.random.default_rng([SEED, number, 100 + k]) for k in range(4)]
    n_frames = round(hand.seconds * hand.frame_rate)
    press = press_and_release(n_frames, hand.frame_rate, peak=hand.press, period=1.0, rng=rngs[0])
    return Sequence(
        simulate_acquisition(
            phantom,
            imaging,
            motion(
                [Mode(field=phantom.compression, amplitude=press)],
                elevation=wander(n_frames, hand.frame_rate, reach=hand.out_of_plane, rng=rngs[1]),
                lateral_shift=wander(n_frames, hand.frame_rate, reach=hand.aside, rng=rngs[2]),
                rotation=wander(n_frames, hand.frame_rate, reach=0.003, rng=rngs[3]),
            ),
            per_cell=8.0,
            elevational_fwhm=1.5e-3,
            effects=[Noise(in_band_snr_db=hand.noise_db)],
            seed=SEED + number,
        ),
        hand.frame_rate,
    )


def fused_images(
    scene: Sequence, frames: list[RfFrame], engine: str, engines: Engines
) -> Iterator[ImageFrame]:
    """Every fused image of a sequence through the node's own step, at its default settings."""
    config = Config()
    region = configured_region(frames[0].header, config)
    estimator = engines(Setting(engine=engine), engine_spec(frames[0].header, region, config))
    for message in strain_messages(frames, config, StrainStep(estimator, region, config)):
        if message.fused is not None:
            yield of_step(message, message.header.post_index / scene.frame_rate)


def against_truth(scene: Sequence, frame: ImageFrame) -> Imaged:
    """The true strain of the tissue as it lies in an image's frame, over its median in the region."""
    spec: EngineSpec = scene.acquisition.imaging.spec
    grid, shape = frame.grid, frame.relative_strain.shape
    depth = grid.axial_start + grid.axial_step * np.arange(shape[0])
    place = grid.lateral_start + grid.lateral_step * np.arange(shape[1])
    other = int(np.argmax(np.abs(scene.press - scene.press[frame.frame_index])))
    truth = scene.acquisition.pair_truth(
        frame.frame_index,
        other,
        axial_index=(depth / spec.sample_pitch).astype(np.float32),
        lateral_index=(place / spec.line_pitch + (spec.shape[1] - 1) / 2).astype(np.float32),
    ).axial_strain
    region = region_mask(grid, shape, frame.region)
    return Imaged(frame, truth / np.nanmedian(truth[region]), region)
