"""How far apart the frames of a pair, and how large the strain window: the choice of the defaults.

    python -m tools.evaluate.studies.defaults docs/evaluation/defaults.md

Tissue, probe and noise are drawn as for the network's training, from other numbers; a hand presses once a
second. Every sequence runs through the node's own step, in the region that the node chooses.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from engine.metrics.sums import Sums
from engine.simulation import SimulatedAcquisition, simulate_acquisition
from engine.simulation.deformation import Mode, motion
from engine.simulation.effects import Noise
from engine.simulation.rhythm import press_and_release, wander
from engine.training.data import scenes
from streamer.config import Config
from streamer.frame import RfFrame
from streamer.geometry import configured_region, engine_spec
from streamer.headers import RfHeader
from streamer.offline import strain_messages
from streamer.step import StrainMessage, StrainStep
from tools.evaluate.methods import Engines, Setting
from tools.evaluate.records import environment
from tools.evaluate.report.findings import finding

SEED: Final = 47_000
"""Neither of training nor of the suite."""
HANDS: Final[dict[str, float]] = {"firm": 0.02, "light": 0.006}
SCENES: Final = 4
SECONDS: Final = 2.0
SETTLED: Final = 0.5
"""s after which the fused image counts."""
RATE: Final = 25.0
RATES: Final = (7.0, 25.0, 60.0, 200.0)
USUAL_PRESS: Final = 0.01
TURNING: Final = 0.3
"""Of the hand's highest speed: slower frames lie at a turning point."""
SURE: Final = 0.5
"""Predicted standard deviation of relative strain at a predicted SNRe of 2."""

Settings = Mapping[str, Mapping[str, Any]]
INTERVALS: Final = (0.08, 0.13, 0.2, 0.3)
PAIRINGS: Final[dict[str, Settings]] = {
    "sequential": {"pairing": {"mode": "sequential"}},
    "stride 3": {"pairing": {"mode": "stride", "stride": 3}},
    "key frame": {"pairing": {"mode": "keyframe"}},
    "auto": {"pairing": {"mode": "auto"}},
    **{f"time {seconds} s": {"pairing": {"interval": seconds}} for seconds in INTERVALS},
}
WINDOWS: Final = ((6.5, 3.25), (13.0, 6.5), (20.0, 10.0))
"""Wavelengths along the beam and across the lines."""


@dataclass(frozen=True, eq=False)
class Sequence:
    """A hand on tissue."""

    acquisition: SimulatedAcquisition
    frame_rate: float

    @property
    def press(self) -> np.ndarray:
        """Applied compression of every frame."""
        return np.asarray(self.acquisition.motion.modes[0].amplitude)

    def frames(self) -> Iterator[RfFrame]:
        """As a scanner sends them."""
        for index, samples in enumerate(self.acquisition.frames()):
            yield RfFrame(self.header(index), samples, received=0.0)

    def header(self, index: int) -> RfHeader:
        """Of a frame."""
        spec = self.acquisition.imaging.spec
        return RfHeader(
            source_id="study",
            session_id="1",
            frame_index=index,
            t_acq=round(index * 1e9 / self.frame_rate),
            clock="device",
            shape=spec.shape,
            axes="axial,lateral",
            dtype="<i2",
            kind="rf",
            sampling_frequency=spec.sampling_frequency,
            center_frequency=spec.center_frequency,
            probe_type="linear",
            line_pitch=spec.line_pitch,
        )


def sequence(number: int, press: float, frame_rate: float) -> Sequence:
    """Drawn tissue under a drawn probe; presses of about `press`, with drift aside and out of plane."""
    rngs = [np.random.default_rng([SEED, number, k]) for k in range(7)]
    spec = scenes.drawn_acquisition(rngs[0])
    depth, width = spec.shape[0] * spec.sample_pitch, spec.shape[1] * spec.line_pitch
    _, phantom = scenes.drawn_tissue(depth, width, rngs[1])
    n_frames = round(SECONDS * frame_rate)

    def path(reach: float, k: int) -> np.ndarray:
        return wander(n_frames, frame_rate, reach=reach, rng=rngs[k])

    return Sequence(
        simulate_acquisition(
            phantom,
            scenes.drawn_probe(spec, rngs[2]),
            motion(
                [
                    Mode(
                        field=phantom.compression,
                        amplitude=press_and_release(
                            n_frames, frame_rate, peak=press, period=1.0, rng=rngs[3]
                        ),
                    )
                ],
                elevation=path(0.2e-3, 4),
                lateral_shift=path(0.1e-3, 5),
                rotation=path(0.003, 6),
            ),
            per_cell=8.0,
            elevational_fwhm=1.5e-3,
            effects=[Noise(in_band_snr_db=25.0)],
            seed=SEED + number,
        ),
        frame_rate,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Found(Sums):
    """Sums over the fused images of sequences."""

    squares: float = 0.0
    """Of the errors of relative strain."""
    truth: float = 0.0
    """Of the deviations of true relative strain from 1."""
    pixels: int = 0
    """With a value."""
    sure: int = 0
    area: int = 0
    """All pixels of the region."""
    accepted: int = 0
    frames: int = 0
    """Outside turning points."""

    @property
    def row(self) -> tuple[str, ...]:
        """NRMSE, share with a value, share with a predicted SNRe of 2, accepted pairs."""
        return (
            f"{(self.squares / self.truth) ** 0.5:.2f}" if self.truth else "",
            f"{self.pixels / self.area:.2f}" if self.area else "",
            f"{self.sure / self.area:.2f}" if self.area else "",
            f"{self.accepted / self.frames:.2f}" if self.frames else "",
        )


def judged(scene: Sequence, messages: Iterable[StrainMessage], every: int = 5) -> Found:
    """The figures of a run; the fused image of every fifth frame is compared with the truth."""
    speed = np.abs(np.gradient(scene.press))
    moving = speed > TURNING * speed.max()
    found = Found()
    for number, message in enumerate(messages):
        if number < SETTLED * scene.frame_rate:
            continue
        if moving[number]:
            found += Found(accepted=int(message.rejection is None), frames=1)
        if message.fused is not None and number % every == 0:
            found += _compared(scene, message)
    return found


def _compared(scene: Sequence, message: StrainMessage) -> Found:
    if message.fused is None:
        raise AssertionError("a message with an image")
    header, (relative, std) = message.fused.header, message.fused.arrays
    spec, grid, limits = scene.acquisition.imaging.spec, header.grid, header.region
    depth = grid.axial_start + grid.axial_step * np.arange(relative.shape[0])
    place = grid.lateral_start + grid.lateral_step * np.arange(relative.shape[1])
    inside = np.ones(relative.shape, bool)
    if limits is not None:
        inside &= ((depth >= limits[0]) & (depth <= limits[1]))[:, None]
    press = scene.press
    other = int(np.argmax(np.abs(press - press[header.post_index])))
    truth = scene.acquisition.pair_truth(
        header.post_index,
        other,
        axial_index=(depth / spec.sample_pitch).astype(np.float32),
        lateral_index=(place / spec.line_pitch + (spec.shape[1] - 1) / 2).astype(np.float32),
    ).axial_strain
    truth = truth / np.nanmedian(truth[inside])
    valued = inside & np.isfinite(relative) & np.isfinite(truth)
    return Found(
        squares=float(np.sum((relative - truth)[valued] ** 2)),
        truth=float(np.sum((truth[valued] - 1.0) ** 2)),
        pixels=int(valued.sum()),
        sure=int((valued & (std <= SURE)).sum()),
        area=int(inside.sum()),
    )


def run(scene: Sequence, frames: list[RfFrame], engine: str, settings: Settings, engines: Engines) -> Found:
    """One sequence with these changes of the default configuration."""
    config = Config.model_validate(settings)
    region = configured_region(frames[0].header, config)
    estimator = engines(Setting(engine=engine), engine_spec(frames[0].header, region, config))
    return judged(scene, strain_messages(frames, config, StrainStep(estimator, region, config)))


Key = tuple[str, str, str]
"""Engine, setting, hand."""


def study(on_sequence: Callable[[str], object]) -> dict[Key, Found]:
    """Every pairing with both engines, and every window with the classical one."""
    engines, found = Engines(), dict[Key, Found]()

    def note(key: Key, more: Found) -> None:
        found[key] = found.get(key, Found()) + more

    for hand, press in HANDS.items():
        for number in range(SCENES):
            scene = sequence(number, press, RATE)
            frames = list(scene.frames())
            for engine in ("onnx", "reference"):
                for name, settings in PAIRINGS.items():
                    note((engine, name, hand), run(scene, frames, engine, settings, engines))
            wavelength = frames[0].header.sound_speed / frames[0].header.center_frequency * 1e3
            for axial, lateral in WINDOWS:
                window = {"axial_window": axial * wavelength, "lateral_window": lateral * wavelength}
                key = ("reference", f"{axial:g} x {lateral:g}", hand)
                note(key, run(scene, frames, "reference", {"engine": window}, engines))
            on_sequence(f"{hand} hand, scene {number + 1}")
    for rate in RATES:
        scene = sequence(0, USUAL_PRESS, rate)
        frames = list(scene.frames())
        note(("onnx", f"{rate:g}", "1 % at 1 Hz"), run(scene, frames, "onnx", {}, engines))
        on_sequence(f"{rate:g} frames/s")
    return found


HEAD: Final = ("error", "with a value", "SNRe of 2", "pairs accepted")


def table(found: Mapping[Key, Found], title: str, wanted: Callable[[Key], bool]) -> str:
    """A Markdown table of some of the results, one hand after the other in each line."""
    keys = [key for key in found if wanted(key)]
    hands = list(dict.fromkeys(hand for _, _, hand in keys))
    head = [f"{hand}: {name}" for hand in hands for name in HEAD]
    lines = [f"| {title} | {' | '.join(head)} |", "|---" * (len(head) + 1) + "|"]
    for name in dict.fromkeys(name for _, name, _ in keys):
        cells = [
            cell for hand in hands for cell in next(found[key].row for key in keys if key[1:] == (name, hand))
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def document(found: Mapping[Key, Found]) -> str:
    """The text of docs/evaluation/defaults.md."""
    made = environment()
    windows = {f"{axial:g} x {lateral:g}" for axial, lateral in WINDOWS}
    about = (
        "Made by `python -m tools.evaluate.studies.defaults docs/evaluation/defaults.md` (code "
        f"{made['code']}, {made['cpu']}). Tissue, probe (2.5-12 MHz, linear) and noise are drawn as for the "
        f"network's training, from other numbers (seed {SEED}): {SCENES} scenes for each hand. A hand "
        f"presses once a second by {HANDS['firm']:.1%} (firm) or {HANDS['light']:.1%} (light), with drift "
        "aside "
        f"(0.1 mm) and out of plane (0.2 mm), for {SECONDS:g} s at {RATE:g} frames/s, 25 dB in band. Every "
        "sequence runs through the node's own step in the region that the node chooses. The error is that of "
        "fused relative strain, RMSE over the RMS of the true deviation from 1 (an image without any "
        f"contrast: 1), after the first {SETTLED:g} s. Then the shares of the region with a value and with a "
        "predicted SNRe of at least 2, and the accepted pairs outside turning points of the hand."
    )
    parts = [
        "# How the defaults were chosen",
        about,
        finding("defaults"),
        "## Which frames make a pair: the network",
        table(found, "pairing", lambda key: key[0] == "onnx" and key[1] in PAIRINGS),
        "## Which frames make a pair: the classical engine",
        table(found, "pairing", lambda key: key[0] == "reference" and key[1] in PAIRINGS),
        "## Strain window of the classical engine, in wavelengths",
        table(found, "window", lambda key: key[1] in windows),
        "## The default at other frame rates, presses of 1 %",
        table(found, "frames/s", lambda key: key[1] in {f"{rate:g}" for rate in RATES}),
    ]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.write_text(
        document(study(on_sequence=lambda name: sys.stderr.write(f"{name}\n"))), encoding="utf-8"
    )
