"""Is the standard deviation of the fused image right?

python -m tools.evaluate.studies.fused     a table on the screen

On held-out scenes of training's kind, other than those that measured the share of common error. The truth of
a fused image is what fusion makes of the true strain of the same pairs, with the same weights and motion:
scenes with a pulsing vessel have no other.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import typer
from numpy.typing import NDArray

from engine.factory import load
from engine.metrics.calibration import by_band, by_decile, rms
from engine.sequence.fusion import Fusion
from engine.sequence.quality import Thresholds, assess_pair_quality
from engine.training.data.scenes import draw_scene
from engine.training.recipe import FIRST_HELD_OUT

FIRST: Final = FIRST_HELD_OUT + 50_000
SCENES: Final = 48
ENGINES: Final = {"reference": "reference", "musse": "onnx"}
TIME_CONSTANT: Final = 0.5  # s: the node's default
INTERVAL: Final = 1 / 30  # s between frames
LEAST_PAIRS: Final = 3  # that an image consists of


@dataclass(frozen=True, slots=True)
class Image:
    """Pixels of one scene's last fused image."""

    error: NDArray[np.floating]
    """Of relative strain."""
    std: NDArray[np.floating]
    match: NDArray[np.floating]
    """Echo match of the last pair."""


def images(engine: str) -> Iterator[Image]:
    """The last fused image of every scene with enough accepted pairs."""
    for number in range(FIRST, FIRST + SCENES):
        acquisition = draw_scene(number).acquisition
        spec = acquisition.imaging.spec
        estimator = load(engine)(spec, "cpu")
        fused, true = (Fusion(TIME_CONSTANT, errors=estimator.error_model) for _ in range(2))
        pairs, last = 0, None
        for k in range(acquisition.n_frames - 1):
            result = estimator.step(acquisition.frame(k), acquisition.frame(k + 1))
            quality = assess_pair_quality(result, Thresholds())
            if quality.rejection is not None or quality.mean_strain is None:
                continue
            strain = acquisition.pair_truth(
                k, k + 1, axial_index=result.axial_index, lateral_index=result.lateral_index
            ).axial_strain
            valid = quality.valid & np.isfinite(strain)
            shown, truth = (
                fusion.update(
                    of,
                    mean_strain=float(np.median(of.axial_strain[valid])),
                    valid=valid,
                    pre_index=k,
                    post_index=k + 1,
                    elapsed=INTERVAL,
                )
                for fusion, of in ((fused, result), (true, replace(result, axial_strain=strain)))
            )
            pairs += 1
            last = shown, truth, result
        if last is None or pairs < LEAST_PAIRS:
            continue
        shown, truth, result = last
        rows = np.searchsorted(result.axial_index, shown.axial_index)
        error = shown.relative_strain - truth.relative_strain
        use = np.isfinite(error) & np.isfinite(shown.relative_std)
        yield Image(error[use], shown.relative_std[use], result.ncc[rows][use])


def table(name: str, found: list[Image]) -> str:
    """One row of the table; every image counts alike."""
    rng = np.random.default_rng(0)
    least = min(len(image.error) for image in found)
    taken = [rng.choice(len(image.error), least, replace=False) for image in found]
    error, std, match = (
        np.concatenate([getattr(image, part)[of] for image, of in zip(found, taken, strict=True)])
        for part in ("error", "std", "match")
    )
    z = error / std
    cells = [
        f"{rms(z):.2f}",
        f"{100 * np.mean(np.abs(z) < 1.96):.1f} %",
        ", ".join(f"{value:.2f}" for value in by_decile(z, std)),
        ", ".join(f"{value:.2f}" for value in by_band(z, match)),
        f"{np.median([rms(image.error / image.std) for image in found]):.2f}",
        str(len(found)),
    ]
    return f"| {name} | {' | '.join(cells)} |"


def main() -> None:
    """Print the table, about three minutes on one core."""
    typer.echo("| engine | error / std | inside 95 % | deciles of std | echo match | median image | images |")
    typer.echo("|---|---|---|---|---|---|---|")
    for name, engine in ENGINES.items():
        typer.echo(table(name, list(images(engine))))


if __name__ == "__main__":
    main()
