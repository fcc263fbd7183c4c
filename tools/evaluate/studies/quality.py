"""Does the quality bar distinguish good images from bad, and does `best` offer the best? On simulated hands.

    python -m tools.evaluate.studies.quality docs/evaluation/quality.json docs/evaluation/quality.md
    python -m tools.evaluate.studies.quality --choose build/quality.json build/quality.md

The second draws the sequences that the limits in `tools.measure` were chosen on.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from textwrap import fill
from typing import Any, Final

import numpy as np
from scipy.stats import spearmanr

from engine.metrics.accuracy import accuracy
from tools.evaluate.methods import Engines
from tools.evaluate.records import environment
from tools.evaluate.report.findings import finding
from tools.evaluate.studies.cycles import (
    CHOSEN,
    JUDGED,
    Imaged,
    against_truth,
    fused_images,
    on_drawn_tissue,
)
from tools.measure.best import best_frames, worth

ENGINES: Final = ("onnx", "reference")
FIRST: Final = JUDGED, JUDGED + 1000
"""Numbers of the first sequence of two sets; the first set was looked at with earlier forms of W."""
SCENES: Final = 16
"""Of each set."""
RATE: Final = 12.5
SECONDS: Final = 2.0
SETTLED: Final = 0.5
"""s after which an image counts."""
BAD, GOOD = 0.6, 0.25
"""True NRMSE above which no image may be green, and below which 90 % must be."""
GREEN: Final = 0.6
UNIFORM: Final = 1e-3
"""Standard deviation of true relative strain below which NRMSE has no meaning."""


@dataclass(frozen=True, slots=True)
class Row:
    """One image."""

    scene: int
    engine: str
    frame: int
    nrmse: float
    contrast: float
    """Standard deviation of the truth."""
    quality: float
    worth: float


def rows_of(images: Sequence[Imaged], scene: int, engine: str) -> list[Row]:
    """Figures of the images of one sequence."""
    found = []
    for image in images:
        valid = image.region & np.isfinite(image.frame.relative_strain)
        compared = accuracy(image.frame.relative_strain, image.truth, valid)
        contrast = float(np.sqrt(compared.truth_variance / max(compared.pixels, 1)))
        if image.frame.time >= SETTLED and contrast >= UNIFORM:
            figures = (compared.nrmse, contrast, image.frame.quality, worth(image.frame))
            found.append(Row(scene, engine, image.frame.frame_index, *map(float, figures)))
    return found


def study(firsts: Sequence[int]) -> Iterator[tuple[str, list[Row], list[float]]]:
    """Sequence by sequence: engine, all images, and the first choice's error over the least, if any."""
    engines = Engines()
    for number in (first + k for first in firsts for k in range(SCENES)):
        scene = on_drawn_tissue(number, frame_rate=RATE, seconds=SECONDS)
        frames = list(scene.frames())
        for engine in ENGINES:
            images = [against_truth(scene, f) for f in fused_images(scene, frames, engine, engines)]
            rows = rows_of(images, number, engine)
            settled = [i.frame for i in images if i.frame.time >= SETTLED]
            chosen = {frame.frame_index for frame in best_frames(settled)[:1]}
            offered = [row.nrmse for row in rows if row.frame in chosen]
            yield engine, rows, [error / min(row.nrmse for row in rows) for error in offered]


def figures(rows: Sequence[Row], offers: Sequence[float]) -> dict[str, Any]:
    """What the page states of one engine, and the ranks and offers sequence by sequence."""
    error, quality = (np.array([getattr(row, name) for row in rows]) for name in ("nrmse", "quality"))
    bad, good, green = error > BAD, error < GOOD, quality >= GREEN
    ranks = []
    for scene in sorted({row.scene for row in rows}):
        of = [row for row in rows if row.scene == scene]
        if len({row.worth for row in of}) > 1:
            ranks.append(float(spearmanr([row.worth for row in of], [-row.nrmse for row in of])[0]))
    return {
        "images": len(rows),
        "scenes": len({row.scene for row in rows}),
        "bad": int(bad.sum()),
        "bad_green": int((bad & green).sum()),
        "good": int(good.sum()),
        "good_green": int((good & green).sum()),
        "green": float(green.mean()),
        "rank_quality": float(spearmanr(quality, error)[0]),
        "rank_worth_mean": float(np.mean(ranks)),
        "rank_worth": ranks,
        "offers": list(offers),
    }


def document(found: dict[str, Any], made: dict[str, Any]) -> str:
    """The text of docs/evaluation/quality.md."""
    about = (
        "Made by `python -m tools.evaluate.studies.quality docs/evaluation/quality.json "
        f"docs/evaluation/quality.md` (code {made['code']}, {made['cpu']}). Twice {SCENES} sequences of "
        f"{SECONDS:g} s at {RATE:g} frames/s: tissue and probe as drawn for the network's training, from "
        "other numbers; presses of 0.3 to 2.5 % once a second, drift aside and out of plane, in-band noise "
        f"of 3 to 35 dB. Every fused image of the node after {SETTLED:g} s is compared with the true strain, "
        "not smoothed by the strain window; sequences on uniform tissue are left out, where NRMSE has no "
        f"meaning. An image is bad above an NRMSE of {BAD:g} and good below {GOOD:g}; green is a quality of "
        f"at least {GREEN:g}."
    )
    columns = (
        "engine",
        "images",
        "bad ones green",
        "good ones green",
        "rank of Q with NRMSE",
        "rank of W with -NRMSE",
        "first choice within 1.15 of the best",
    )
    head = f"| {' | '.join(columns)} |"
    lines = [head, "|---" * 7 + "|", "| wanted | | 0 | 90 % | at most -0.80 | at least 0.60 | all |"]
    for engine, f in found.items():
        near = sum(offer <= 1.15 for offer in f["offers"])
        lines.append(
            f"| {engine} | {f['images']} of {f['scenes']} scenes | {f['bad_green']} of {f['bad']} "
            f"| {f['good_green']} of {f['good']} | {f['rank_quality']:.2f} | {f['rank_worth_mean']:.2f} "
            f"| {near} of {len(f['offers'])} |"
        )
    title = "# Quality bar and best images against the truth"
    return "\n\n".join([title, fill(about, 110), fill(finding("quality"), 110), "\n".join(lines)]) + "\n"


def main(target: Path, page: Path, *, choose: bool = False) -> None:
    """Run the study and write its JSON and its page."""
    rows, offers = list[Row](), {engine: list[float]() for engine in ENGINES}
    for engine, more, offered in study((CHOSEN,) if choose else FIRST):
        rows += more
        offers[engine] += offered
        sys.stderr.write(f"{engine}: {len(more)} images\n")
    found = {e: figures([row for row in rows if row.engine == e], offers[e]) for e in ENGINES}
    made = environment()
    whole = {"environment": made, "figures": found, "rows": [asdict(row) for row in rows]}
    target.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    page.write_text(document(found, made), encoding="utf-8")


if __name__ == "__main__":
    given = [argument for argument in sys.argv[1:] if argument != "--choose"]
    main(*map(Path, given), choose="--choose" in sys.argv)
