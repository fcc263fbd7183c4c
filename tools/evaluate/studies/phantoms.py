"""Weights of the live network beside each other, on phantoms as the suite draws them, but never its own.

python -m tools.evaluate.studies.phantoms WEIGHTS [WEIGHTS ...]     a table on the screen, a minute

"Median sigma" is in percent of strain; "uncoupled" is the network's own, before the measured displacement.
Geometric means over the pairs of a group, of the seeds `SEEDS`; arithmetic ones of recovery and the share
inside.
"""

import math
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass
from itertools import product
from pathlib import Path
from typing import Final

import numpy as np
import torch
import typer

from engine.metrics.calibration import INTERVAL
from engine.musse.cells import CellGrid
from engine.musse.checkpoint import load
from engine.musse.net import LiveNet
from engine.training.data.batches import Batch
from engine.training.data.samples import Map, Pair, track_frames
from engine.training.validation.unsupervised import whole
from tools.evaluate.suite.catalogue import cases
from tools.evaluate.suite.scene import Case

SEEDS: Final = (777_000, 888_000)
GROUPS: Final = (
    "noise", "decorrelation", "large", "frequency", "point-spread", "clutter", "sphere", "slip", "small",
    "release", "gratings", "coherence", "hallucination",
)  # fmt: skip
EDGE: Final = (13, 2)
"""Cells at each edge that do not count: windows reach beyond the image."""
UNIFORM: Final = 2e-5
"""True standard deviation of strain below which there is no contrast to compare with."""
COLUMNS: Final = (
    "NRMSE", "recovery", "displacement, 1/1000 cell", "error / sigma", "inside 95 %", "median sigma",
    "uncoupled",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one pair, by `COLUMNS`; NRMSE and recovery are NaN in uniform tissue."""

    nrmse: float
    recovery: float
    displacement: float
    over_sigma: float
    inside: float
    sigma: float
    uncoupled: float


def tracked(case: Case) -> Batch:
    """A case's pair as cells, with its truth."""
    scene = case.build()
    acquisition, (pre, post) = scene.acquisition, scene.pair

    def truth(_: Pair, cells: CellGrid) -> tuple[Map, Map]:
        at = acquisition.pair_truth(
            pre, post, axial_index=cells.axial_index, lateral_index=cells.lateral_index
        )
        return at.axial_strain, at.axial_displacement / cells.samples

    frames = [acquisition.frame(pre), acquisition.frame(post)]
    return whole(track_frames(frames, scene.spec, [(0, 1)], kind=case.name, truth=truth), 0)


def kind_of(case: Case) -> str:
    """The row of a case: its group, and in "hallucination" its tissue."""
    return f"{case.group}: {case.name.split(', ')[0]}" if case.group == "hallucination" else case.group


def figures_of(net: LiveNet, batch: Batch) -> Figures:
    """Of one pair, inside `EDGE`."""
    with torch.inference_mode():
        found = net(batch.cells)
    rows, cols = EDGE
    use = torch.zeros_like(batch.counted)
    use[:, rows:-rows, cols:-cols] = batch.counted[:, rows:-rows, cols:-cols]
    truth, strain, std = (maps[use].double() for maps in (batch.strain, found.strain, found.strain_std))
    error, centred = strain - truth, truth - truth.mean()
    contrast = float(truth.std())
    z = error / std
    clear = contrast > UNIFORM
    return Figures(
        nrmse=float(error.square().mean().sqrt()) / contrast if clear else math.nan,
        recovery=float((strain * centred).sum() / centred.square().sum()) if clear else math.nan,
        displacement=1e3 * float((found.axial - batch.motion)[use].square().mean().sqrt()),
        over_sigma=float(z.square().mean().sqrt()),
        inside=float((z.abs() < INTERVAL).double().mean()),
        sigma=100.0 * float(std.median()),
        uncoupled=100.0 * float(found.prior.strain_std[use].median()),
    )


def typical(figures: Iterable[Figures]) -> Iterator[float]:
    """By `COLUMNS`: geometric means, of recovery and of the share inside arithmetic ones, NaN left out."""
    for name, column in zip(COLUMNS, zip(*map(astuple, figures), strict=True), strict=True):
        values = np.array([value for value in column if not math.isnan(value)])
        if not values.size:
            yield math.nan
        elif name in ("recovery", "inside 95 %"):
            yield float(np.mean(values))
        else:
            yield float(np.exp(np.mean(np.log(values))))


def main() -> None:
    """Print the table, gratings also one by one."""
    torch.set_num_threads(1)
    nets = {path: load(path)[0].eval() for path in map(Path, sys.argv[1:])}
    found: dict[tuple[str, Path], list[Figures]] = defaultdict(list)
    for seed in SEEDS:
        for case in cases("full", list(GROUPS), seed):
            batch = tracked(case)
            for path, net in nets.items():
                pair = figures_of(net, batch)
                found[kind_of(case), path].append(pair)
                if case.group == "gratings":
                    found[f"gratings: {case.name}", path].append(pair)
    typer.echo(f"| phantoms | weights | {' | '.join(COLUMNS)} |\n|{'---|' * (len(COLUMNS) + 2)}")
    for kind, path in product(dict.fromkeys(kind for kind, _ in found), nets):
        means = typical(found[kind, path])
        cells = " | ".join("" if math.isnan(value) else f"{value:.3g}" for value in means)
        typer.echo(f"| {kind} | {path.stem} | {cells} |")


if __name__ == "__main__":
    main()
