"""Scenes as the network meets them: every pair tracked, as cells, with the truth at each cell."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from engine.frontend import FrontEnd, Levelled
from engine.iq import IqTransform
from engine.network.cells import CellGrid, CellMatrices, cell_grid
from engine.network.tracked import Cells, gather
from engine.reference.track import PhasePasses, Track
from engine.training.scenes import DrawnScene

MAPS = ("weight", "moment", "energy_pre", "energy_post", "known", "axial", "lateral", "strain", "motion")
"""(pairs, rows, cols) each: the fields of `Cells`, then true strain and true axial displacement in cells."""
HALF = ("known", "lateral")  # in half precision; 1 - coherence needs all digits of weight and energy


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
    acquisition, spec = scene.acquisition, scene.acquisition.imaging.spec
    transform = IqTransform(spec)
    frames = [acquisition.frame(index) for index in range(acquisition.n_frames)]
    bands = [transform.band(frame) for frame in frames]
    grid = transform.grid(bands[0])
    front = FrontEnd(grid, spec.shape[1], spec.line_pitch, spec.sample_pitch, most_rows=grid.n_rows)
    cells = cell_grid(grid, spec.shape[1], spec.line_pitch)
    levelled = [front.level(transform.demodulate(band, grid)) for band in bands]
    found = [tracked(front, cells, levelled[i], levelled[j]) for i, j in scene.pairs]
    rows: list[dict[str, NDArray[np.floating]]] = []
    for (i, j), seen_cells in zip(scene.pairs, found, strict=True):
        truth = acquisition.pair_truth(i, j, axial_index=cells.axial_index, lateral_index=cells.lateral_index)
        rows.append(_named(seen_cells, truth.axial_strain, truth.axial_displacement / cells.samples))
    return Samples(
        maps={name: np.stack([row[name] for row in rows]) for name in MAPS},
        radians=found[0].radians[0].numpy(),
        pairs=np.asarray(scene.pairs, np.int64),
        kind=scene.kind,
    )


def tracked(front: FrontEnd, grid: CellGrid, pre: Levelled, post: Levelled) -> Cells:
    """Cells of one pair, batch 1, as the live engine makes them."""
    start, radians = front.start(pre, post)
    arrays = (*pre.inputs, *post.inputs, *start, *front.inputs)
    with torch.inference_mode():
        track: Track = PhasePasses()(*(torch.from_numpy(values) for values in arrays))
        matrices = CellMatrices(*(torch.from_numpy(values) for values in grid.matrices(radians)))
        return gather(track, torch.from_numpy(radians), matrices)


def _named(
    cells: Cells, strain: NDArray[np.float32], motion: NDArray[np.float32]
) -> dict[str, NDArray[np.floating]]:
    values: dict[str, NDArray[np.floating]] = {
        "weight": cells.weight[0].numpy(),
        "moment": cells.moment[0].numpy(),
        "energy_pre": cells.energy[0, 0].numpy(),
        "energy_post": cells.energy[0, 1].numpy(),
        "known": cells.known[0].numpy(),
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
