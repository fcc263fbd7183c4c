"""Is the standard deviation of strain right, and does it rank pixels?

python -m tools.evaluate.studies.sigma FOLDER WEIGHTS [WEIGHTS ...]     a table on the screen

On the scenes of `tools.evaluate.studies.weights`, with its FOLDER: error over standard deviation, over all
pixels, by decile of it and by band of echo match, and its ranking's share of the best ranking's gain.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
import typer
from numpy.typing import NDArray

from engine.metrics.calibration import INTERVAL, by_band, by_decile, rms, sparsification
from engine.musse.checkpoint import load
from engine.musse.net import LiveNet
from engine.training.data.batches import Batch
from tools.evaluate.studies.weights import held_out_sets

PER_PAIR: Final = 2500
"""Pixels taken of a pair: every pair counts alike."""


@dataclass(frozen=True, slots=True)
class Pixels:
    """Where the truth of one pair is known."""

    error: NDArray[np.floating]
    std: NDArray[np.floating]
    match: NDArray[np.floating]


def pixels_of(net: LiveNet, batches: Sequence[Batch]) -> list[Pixels]:
    """Of every pair."""
    pairs = []
    for batch in batches:
        with torch.inference_mode():
            found = net(batch.cells)
        maps = (found.strain - batch.strain, found.strain_std, found.coherence)
        pairs += [
            Pixels(*(values[pair][use].numpy() for values in maps))
            for pair, use in enumerate(batch.counted)
            if use.any()
        ]
    return pairs


def row(pairs: Sequence[Pixels]) -> str:
    """Cells of the table."""
    rng = np.random.default_rng(0)
    places = [rng.choice(pair.error.size, PER_PAIR) for pair in pairs]
    error, std, match = (
        np.concatenate([getattr(pair, part)[at] for pair, at in zip(pairs, places, strict=True)])
        for part in ("error", "std", "match")
    )
    z = error / std
    gains = [
        sparsification(pair.error, np.zeros_like(pair.error), pair.std, np.ones(pair.error.shape, bool)).gain
        for pair in pairs
    ]
    cells = (
        f"{rms(z):.2f}",
        f"{100 * np.mean(np.abs(z) < INTERVAL):.1f} %",
        ", ".join(f"{value:.2f}" for value in by_decile(z, std)),
        ", ".join(f"{value:.2f}" for value in by_band(z, match)),
        f"{np.median(gains):.2f}",
    )
    return " | ".join(cells)


def main() -> None:
    """Print the table."""
    folder, *files = map(Path, sys.argv[1:])
    torch.set_num_threads(1)
    for title, batches in held_out_sets(folder).items():
        typer.echo(
            f"\n| {title} | error / sigma | inside 95 % | deciles of sigma | echo match "
            "below 0.7, to 0.9, above | share of the best ranking |\n|---|---|---|---|---|---|"
        )
        for path in files:
            net, _ = load(path)
            typer.echo(f"| {path.stem} | {row(pixels_of(net.eval(), batches))} |")


if __name__ == "__main__":
    main()
