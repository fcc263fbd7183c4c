"""Is the standard deviation of lateral displacement right, and what would a lateral strain map be worth?

python -m tools.evaluate.studies.lateral FIGURE.png     a table on the screen, and the figure

On held-out scenes of training's kind; the two constants of `engine.tracking.lateral_precision` were fitted
on others.
"""

import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import typer
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.stats import spearmanr

from engine.estimator import Estimator
from engine.factory import load
from engine.metrics.calibration import DECILES, by_decile
from engine.simulation import SimulatedAcquisition
from engine.training.data.scenes import draw_scene
from engine.training.recipe import FIRST_HELD_OUT
from tools.evaluate.report.plots import save_png

FIRST: Final = FIRST_HELD_OUT + 51_000
SCENES: Final = 32
PAIRS: Final = (0, 5)  # of each scene: consecutive frames, and further apart
ENGINES: Final = {"reference": "reference", "musse": "onnx"}
TRUSTED: Final = 0.3  # least correlation of a pixel that counts
WINDOW: Final = 3e-3  # m, both ways, of the strain in the figure
PROBE: Final = {"wavelength": 1540.0 / 5e6, "beam": 0.42e-3, "pulse": 0.4e-3}
"""m: 5 MHz; beam and pulse as the length in exp(-d^2 / (2 length^2)) of the echoes' autocorrelation."""
PRESS: Final = 0.01


@dataclass(frozen=True, slots=True)
class Seen:
    """Pixels of one pair."""

    error: NDArray[np.floating]
    """m"""
    std: NDArray[np.floating]
    """m"""


def measured(engine: Estimator, acquisition: SimulatedAcquisition, pair: tuple[int, int]) -> Seen:
    """Lateral displacement of one pair against the truth."""
    pre, post = (acquisition.frame(k) for k in pair)
    result = engine.step(pre, post)
    if result.lateral_std is None:
        raise ValueError(f"engine {engine.name} has no deviation of lateral displacement")
    truth = acquisition.pair_truth(
        *pair, axial_index=result.axial_index, lateral_index=result.lateral_index
    ).lateral_displacement
    use = np.isfinite(truth) & (result.ncc > TRUSTED) & np.isfinite(result.strain_std)
    unit = acquisition.imaging.spec.line_spacing
    return Seen((result.lateral_displacement - truth)[use] * unit, result.lateral_std()[use] * unit)


def table(name: str, pairs: list[Seen]) -> tuple[str, Seen]:
    """One row of the table, and all pixels together."""
    error, std = (np.concatenate([getattr(pair, part) for pair in pairs]) for part in ("error", "std"))
    z = error / std
    deciles = by_decile(z, std)
    single = [float(np.sqrt(np.mean((pair.error / pair.std) ** 2))) for pair in pairs]
    rank = float(spearmanr(np.abs(error[::7]), std[::7])[0])
    cells = [
        f"{np.sqrt(np.mean(z**2)):.2f}", f"{100 * np.mean(np.abs(z) < 1.96):.1f} %",
        f"{np.median(single):.2f}", f"{min(deciles):.2f}-{max(deciles):.2f}", f"{rank:.2f}",
        f"{1e6 * np.median(np.abs(error)):.0f}", str(len(pairs)),
    ]  # fmt: skip
    return f"| {name} | {' | '.join(cells)} |", Seen(error, std)


def strain_std(coherence: NDArray[np.floating], length: float) -> NDArray[np.floating]:
    """Bound of strain over `WINDOW` both ways; `length` in m: how far one radian of the measurement reaches.

    A displacement with `length` sqrt((1 - g^2) / (2 g^2)) in each of n independent places has a slope with
    12 / (n `WINDOW`^2) of its variance.
    """
    places = WINDOW**2 / (math.pi * PROBE["beam"] * PROBE["pulse"])
    variance = (1.0 - coherence**2) / (2.0 * coherence**2)
    return np.sqrt(12.0 * variance / places) * length / WINDOW


def draw(seen: dict[str, Seen], path: Path) -> None:
    """Error against its standard deviation, and the bound of lateral beside axial strain."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for name, pixels in seen.items():
        order = np.array_split(np.argsort(pixels.std), 2 * DECILES)
        x = [1e6 * np.sqrt(np.mean(pixels.std[k] ** 2)) for k in order]
        y = [1e6 * np.sqrt(np.mean(pixels.error[k] ** 2)) for k in order]
        left.loglog(x, y, "o-", markersize=3, label=name)
    ends = left.get_xlim()
    left.loglog(ends, ends, "k:", label="equal")
    left.set(xlabel="standard deviation (µm)", ylabel="RMS error (µm)", title="Lateral displacement")
    left.legend()
    coherence = np.linspace(0.7, 0.999, 300)
    axial = strain_std(coherence, PROBE["wavelength"] / (4 * math.pi))
    lateral = strain_std(coherence, PROBE["beam"])
    right.semilogy(coherence, 100 * axial, label="axial, bound")
    right.semilogy(coherence, 100 * lateral, label="lateral, bound")
    right.axhline(100 * PRESS, color="C0", linestyle=":", label="axial strain of a press")
    right.axhline(50 * PRESS, color="C1", linestyle=":", label="lateral strain at the same time")
    right.set(
        xlabel="coherence", ylabel="strain (%)", title=f"Standard deviation, {1e3 * WINDOW:g} mm window"
    )
    right.legend(fontsize=8)
    save_png(figure, path)


def main() -> None:
    """Print the table and draw the figure, some minutes on one core."""
    pairs: dict[str, list[Seen]] = {name: [] for name in ENGINES}
    for number in range(FIRST, FIRST + SCENES):
        scene = draw_scene(number)
        spec = scene.acquisition.imaging.spec
        for name, engine in ENGINES.items():
            estimator = load(engine)(spec, "cpu")
            pairs[name] += [measured(estimator, scene.acquisition, scene.pairs[k]) for k in PAIRS]
    typer.echo(
        "| engine | error / std | inside 95 % | median pair | deciles | rank | median error (µm) | pairs |"
    )
    typer.echo("|---|---|---|---|---|---|---|---|")
    seen = {}
    for name, of in pairs.items():
        row, seen[name] = table(name, of)
        typer.echo(row)
    draw(seen, Path(sys.argv[1]))


if __name__ == "__main__":
    main()
