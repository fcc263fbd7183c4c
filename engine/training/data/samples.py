"""Scenes as the network meets them: every pair tracked, as cells, with the truth at each cell."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from engine.musse.cells import CellGrid, CellMatrices, cell_grid
from engine.musse.tracking_features import TrackingFeatures, tracking_features
from engine.spec import EngineSpec, FrameArray
from engine.tracking.iq import IqTransform
from engine.tracking.normalisation import NormalisedFrame, PairInitialiser
from engine.tracking.phase import PhaseZeroTracker, Track
from engine.training.data.scenes import DrawnScene

MAPS = ("weight", "moment", "energy_pre", "energy_post", "known", "axial", "lateral", "strain", "motion")
"""(pairs, rows, cols) each: `TrackingFeatures`, then true strain and axial displacement in cells."""
HALF = ("known", "lateral")  # in half precision; 1 - coherence needs all digits of weight and energy


Pair: TypeAlias = tuple[int, int]
Map: TypeAlias = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Samples:
    """All pairs of a scene."""

    maps: dict[str, NDArray[np.floating]]
    radians: NDArray[np.float32]
    """(rows,) phase per cell of displacement."""
    pairs: NDArray[np.int64]
    """(pairs, 2) frame numbers."""
    kind: str


def make_samples(scene: DrawnScene) -> Samples:
    """Track every pair of `scene`. Raises EstimateFailed where the frames have no carrier to track on."""
    acquisition = scene.acquisition

    def truth(pair: Pair, cells: CellGrid) -> tuple[Map, Map]:
        at = acquisition.pair_truth(*pair, axial_index=cells.axial_index, lateral_index=cells.lateral_index)
        return at.axial_strain, at.axial_displacement / cells.samples

    frames = [acquisition.frame(index) for index in range(acquisition.n_frames)]
    return track_frames(frames, acquisition.imaging.spec, scene.pairs, kind=scene.kind, truth=truth)


def track_frames(
    frames: Sequence[FrameArray],
    spec: EngineSpec,
    pairs: Sequence[Pair],
    *,
    kind: str,
    truth: Callable[[Pair, CellGrid], tuple[Map, Map]] | None = None,
) -> Samples:
    """Track these pairs of `frames`; `truth` gives strain and axial displacement (cells) of a pair.

    None: there is no truth, and both are NaN. Raises EstimateFailed where the frames have no carrier.
    """
    transform = IqTransform(spec)
    bands = [transform.band(frame) for frame in frames]
    grid = transform.grid(transform.carrier(bands[0]))
    front = PairInitialiser(grid, spec.shape[1], spec.line_spacing, spec.sample_pitch, max_rows=grid.n_rows)
    cells = cell_grid(grid, spec.shape[1], spec.line_spacing)
    normalised = [front.normalise(transform.demodulate(band, grid)) for band in bands]
    rows: list[dict[str, Map]] = []
    radians = np.empty(0, np.float32)
    for pair in pairs:
        seen = tracked(front, cells, normalised[pair[0]], normalised[pair[1]])
        nowhere = np.full(tuple(seen.axial.shape[1:]), np.nan, np.float32)
        strain, motion = (nowhere, nowhere) if truth is None else truth(pair, cells)
        rows.append(_named(seen, strain, motion))
        # of the first pair for all: the carrier of one scene drifts by less than it is measured to
        radians = radians if len(radians) else seen.radians[0].numpy()
    return Samples(
        maps={name: np.stack([row[name] for row in rows]) for name in MAPS},
        radians=radians,
        pairs=np.asarray(pairs, np.int64),
        kind=kind,
    )


def tracked(
    front: PairInitialiser, grid: CellGrid, pre: NormalisedFrame, post: NormalisedFrame
) -> TrackingFeatures:
    """Cells of one pair, batch 1, as the live engine makes them."""
    start, radians = front.start(pre, post)
    arrays = (*pre.inputs, *post.inputs, *start, *front.inputs)
    with torch.inference_mode():
        track: Track = PhaseZeroTracker()(*(torch.from_numpy(values) for values in arrays))
        matrices = CellMatrices(*(torch.from_numpy(values) for values in grid.matrices(radians)))
        return tracking_features(track, torch.from_numpy(radians), matrices)


def _named(
    cells: TrackingFeatures, strain: NDArray[np.float32], motion: NDArray[np.float32]
) -> dict[str, NDArray[np.floating]]:
    values: dict[str, NDArray[np.floating]] = {
        "weight": cells.weight[0].numpy(),
        "moment": cells.moment[0].numpy(),
        "energy_pre": cells.energy[0, 0].numpy(),
        "energy_post": cells.energy[0, 1].numpy(),
        "known": cells.coverage[0].numpy(),
        "axial": cells.axial[0].numpy(),
        "lateral": cells.lateral[0].numpy(),
        "strain": strain,
        "motion": motion,
    }
    return {n: v.astype(np.float16 if n in HALF else np.float32) for n, v in values.items()}


def save(samples: Samples, path: Path) -> None:
    """Write a scene's samples; the file appears only when complete."""
    part = path.with_suffix(f".{os.getpid()}.part")  # two runs may share a folder
    with part.open("wb") as file:
        np.savez(
            file, allow_pickle=False,
            radians=samples.radians, pairs=samples.pairs, kind=np.asarray(samples.kind), **samples.maps,
        )  # fmt: skip
    part.replace(path)


def load(path: Path) -> Samples:
    """Read what `save` wrote."""
    with np.load(path, allow_pickle=False) as file:
        return Samples(
            maps={name: file[name] for name in MAPS},
            radians=file["radians"],
            pairs=file["pairs"],
            kind=str(file["kind"]),
        )
