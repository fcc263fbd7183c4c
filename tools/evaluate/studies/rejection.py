"""Cost and benefit of each rejection threshold, on simulated hand-held cycles.

    python -m tools.evaluate.studies.rejection docs/evaluation/rejection.md

Every pair is estimated once; each setting then assesses and fuses the same estimates in the node's step.
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Final

import numpy as np

from engine.estimator import Estimator, StatelessEstimator
from engine.metrics.accuracy import Accuracy, accuracy
from engine.metrics.sums import Sums
from engine.spec import ErrorModel, FrameArray, Stopwatch, StrainResult, no_stopwatch
from streamer.config import Config
from tools.evaluate.figures.sequences import SETTLED, Limits, SequenceView, shown
from tools.evaluate.methods import Engines, Setting
from tools.evaluate.records import environment
from tools.evaluate.report.findings import finding
from tools.evaluate.suite.hand_held import CYCLE, FRAME_RATE, drawn_large, hand_held
from tools.evaluate.suite.scene import Scene

SEED: Final = 31_000
"""Not of the suite, because thresholds chosen on the suite's phantoms could not be evaluated on them."""
HANDS: Final[dict[str, dict[str, float]]] = {
    "firm": {"peak": 0.02},
    "light": {"peak": 0.006},
    "restless": {"peak": 0.012, "drift": 1.0e-3, "aside": 1.5e-3},
}
REPEATS: Final = 6
PAIRINGS: Final = ("sequential", "stride 3")
GOOD, BAD = 1.0, 2.0  # NRMSE of the single pair: 1 is that of its mean alone, 2 is far worse than no image

OPEN: Final[Limits] = {
    "quality": {"min_ncc": 0.0, "min_strain": 0.0, "max_lateral": 1e6, "min_one_sign": 0.0},
    "fusion": {"min_snre": 0.0},
}
SWEPT: Final[tuple[tuple[str, str, tuple[float, ...]], ...]] = (
    ("quality", "min_ncc", (0.5, 0.7, 0.8, 0.9, 0.95)),
    ("quality", "min_strain", (0.0, 0.0002, 0.0005, 0.001, 0.002)),
    ("quality", "min_one_sign", (0.0, 0.7, 0.85, 0.95)),
    ("quality", "max_lateral", (0.5, 1.0, 2.0, 4.0)),
    ("fusion", "min_snre", (0.0, 0.3, 0.6, 1.0, 1.5, 2.0, 3.0)),
)


class Remembering(StatelessEstimator):
    """Computes every pair of frames once; the frames must stay in memory."""

    def __init__(self, estimator: Estimator) -> None:
        self.name, self.precision, self.model_hash = (
            estimator.name,
            estimator.precision,
            estimator.model_hash,
        )
        self.spec = estimator.spec
        self._estimator = estimator
        self._results: dict[tuple[int, int], StrainResult] = {}

    @property
    def error_model(self) -> ErrorModel:
        """That of the wrapped estimator."""
        return self._estimator.error_model

    def propose(self, pre: FrameArray, post: FrameArray, stopwatch: Stopwatch = no_stopwatch) -> StrainResult:
        """The estimate of this pair, computed on the first call."""
        key = (pre.ctypes.data, post.ctypes.data)
        if key not in self._results:
            self._results[key] = self._estimator.propose(pre, post, stopwatch)
        return self._results[key]


@dataclass(frozen=True, slots=True)
class SettingEffect(Sums):
    """Effect of one setting on all sequences; a pair is kept if it enters the fused image."""

    good: int = 0
    good_kept: int = 0
    bad: int = 0
    bad_kept: int = 0
    images: tuple[Accuracy | None, ...] = ()
    """Fused image of every frame after the first `SETTLED` of each sequence; None: no image yet."""

    def nrmse(self, frames: Sequence[int] | None = None) -> float:
        """NRMSE of the fused images of these frames, pooled; None: of all frames that have one."""
        chosen = self.images if frames is None else [self.images[k] for k in frames]
        return sum((found for found in chosen if found is not None), Accuracy()).nrmse

    @property
    def with_image(self) -> list[int]:
        """Frames that have an image."""
        return [k for k, found in enumerate(self.images) if found is not None]

    @property
    def worst(self) -> float:
        """Largest NRMSE of a fused image."""
        return max((found.nrmse for found in self.images if found is not None), default=float("nan"))


def sequences(seed: int, repeats: int, n_frames: int = 3 * CYCLE) -> Iterator[SequenceView]:
    """Hand-held cycles for each of `HANDS`."""
    for index, (name, hand) in product(range(repeats), HANDS.items()):
        code = [seed, index, *name.encode()]
        inclusion = drawn_large(np.random.default_rng(code))
        acquisition = hand_held(inclusion, n_frames, seed=sum(code), **hand)
        yield SequenceView(Scene(acquisition=acquisition, inclusions=(inclusion,), frame_rate=FRAME_RATE))


def settings() -> Iterator[tuple[str, str, Limits]]:
    """(threshold, value, limits): one threshold at a time, the others at their defaults."""
    yield "all open", "", OPEN
    yield "defaults", "", {}
    for section, name, values in SWEPT:
        for value in values:
            yield name, f"{value:g}", {section: {name: value}}


def effect_of(view: SequenceView, estimator: Estimator, pairing: str, limits: Limits) -> SettingEffect:
    """Effect of one setting on one sequence; a run that rejects nothing classifies pairs as good or bad."""
    singles = [now.single for now in shown(view, estimator, pairing, OPEN)]
    counts = dict.fromkeys(("good", "good_kept", "bad", "bad_kept"), 0)
    images: list[Accuracy | None] = []
    for index, now in enumerate(shown(view, estimator, pairing, limits)):
        single = singles[index]
        error = float("nan") if single is None else single.nrmse
        kind = "good" if error < GOOD else "bad" if error > BAD else ""
        if kind:
            counts[kind] += 1
            counts[f"{kind}_kept"] += now.added
        if index >= SETTLED:
            truth, region = view.image(index)
            fused = now.fused
            images.append(None if fused is None else accuracy(fused, truth, region & np.isfinite(fused)))
    return SettingEffect(**counts, images=tuple(images))


def study(
    seed: int = SEED,
    repeats: int = REPEATS,
    *,
    pairings: Sequence[str] = PAIRINGS,
    on_sequence: Callable[[int], object] = lambda number: None,
) -> dict[tuple[str, str, str], SettingEffect]:
    """Outcome over all sequences by (pairing, threshold, value)."""
    engines = Engines()
    found: dict[tuple[str, str, str], SettingEffect] = {}
    for number, view in enumerate(sequences(seed, repeats)):
        on_sequence(number)
        estimator = Remembering(engines(Setting(engine="reference"), view.scene.spec))
        for pairing, (name, value, limits) in product(pairings, settings()):
            key = (pairing, name, value)
            found[key] = found.get(key, SettingEffect()) + effect_of(view, estimator, pairing, limits)
    return found


def is_default(name: str, value: str) -> bool:
    """Whether a row of the table has the configuration's default."""
    config: Mapping[str, Any] = Config().model_dump()
    return any(name == swept and f"{config[section][name]:g}" == value for section, swept, _ in SWEPT)


def table(found: Mapping[tuple[str, str, str], SettingEffect], pairing: str) -> str:
    """One Markdown table; default values in bold."""
    lines = [
        "| threshold | value | good kept | bad let through | with an image | NRMSE | worst | same frames |",
        "|---|---|---|---|---|---|---|---|",
    ]
    rows = {(name, value): o for (kind, name, value), o in found.items() if kind == pairing}
    for (name, value), o in rows.items():
        alike = [set(other.with_image) for (of, _), other in rows.items() if of == name]
        common = sorted(set.intersection(*alike))
        bold = "**" if is_default(name, value) else ""
        lines.append(
            f"| {name} | {bold}{value}{bold} | {_share(o.good_kept, o.good)} | {_share(o.bad_kept, o.bad)} "
            f"| {_share(len(o.with_image), len(o.images))} | {o.nrmse():.2f} | {o.worst:.2f} "
            f"| {f'{o.nrmse(common):.2f}' if len(alike) > 1 else ''} |"
        )
    return "\n".join(lines)


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} % of {whole}" if whole else "none"


def document(found: Mapping[tuple[str, str, str], SettingEffect]) -> str:
    """The text of docs/evaluation/rejection.md."""
    made = environment()
    about = (
        "Made by `python -m tools.evaluate.studies.rejection docs/evaluation/rejection.md` (reference "
        f"engine, windows of 2 x 1 mm, code {made['code']}). {REPEATS} hands each press firmly (2 %), "
        "lightly (0.6 %) and restlessly (1.2 %, with twice the drift out of plane, and 1.5 mm aside), "
        f"{3 * CYCLE} frames at {FRAME_RATE:g}/s; seed {SEED}, not of the suite. One threshold is changed "
        "at a time, the others keep their defaults (bold). A pair is good if the NRMSE of its relative "
        f"strain is below {GOOD:g}, bad if it is above {BAD:g}; it is kept if it enters the fused image. "
        f"NRMSE is that of the fused image, pooled over all frames after the first {SETTLED} that have "
        "one; a setting that shows no image of bad frames has an advantage. Same frames: only frames "
        "that have an image with every value of this threshold, so that images alone are compared."
    )
    parts = [
        "# Cost and benefit of each rejection threshold",
        about,
        finding("rejection"),
        *(
            f"## {pairing.capitalize()} pairs\n\n{table(found, pairing)}"
            for pairing in dict.fromkeys(key[0] for key in found)
        ),
    ]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(
        document(study(on_sequence=lambda number: sys.stderr.write(f"sequence {number + 1}\n"))),
        encoding="utf-8",
    )
