"""Batches of crops, drawn by seed and step alone: what a step sees does not depend on what ran before it."""

from dataclasses import dataclass, fields
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.musse.program_io import MIN_COVERAGE
from engine.musse.tracking_features import TrackingFeatures
from engine.training.data.pool import PoolFigures
from engine.training.data.samples import MAPS, Samples
from engine.training.data.scenes import FRAMES

ROWS, COLS = 128, 32  # of a crop, in cells


class Scenes(Protocol):
    """Where scenes come from: a `ScenePool`, or a recording."""

    @property
    def figures(self) -> PoolFigures:
        """How they keep up."""
        ...

    def scene(self, index: int) -> Samples:
        """The samples of scene `index`, the same whenever asked for."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Pairs and what is true of them, maps (batch, ROWS, COLS)."""

    cells: TrackingFeatures
    strain: Tensor
    """NaN where no truth exists."""
    motion: Tensor
    """True axial displacement, cells."""

    @property
    def counted(self) -> Tensor:
        """Where truth exists and both frames hold samples: bool."""
        return torch.isfinite(self.strain) & (self.cells.coverage > MIN_COVERAGE)

    def to(self, device: torch.device) -> "Batch":
        """The same on `device`."""
        cells = TrackingFeatures(
            **{f.name: getattr(self.cells, f.name).to(device) for f in fields(TrackingFeatures)}
        )
        return Batch(cells, self.strain.to(device), self.motion.to(device))


def reachable(step: int, *, at_start: int, per_step: float, count: int) -> int:
    """How many scenes a step may draw from: more as training goes on, so that it need not wait for all."""
    return min(count, at_start + int(step * per_step))


def draw_batch(
    scenes: Scenes, n_scenes: int, size: int, *, seed: int, step: int, length: int = 1
) -> list[Batch]:
    """`length` batches of `size`; more than one are consecutive pairs of the same crops, in order."""
    rng = np.random.default_rng([seed, step])
    rows: list[list[dict[str, NDArray[np.floating]]]] = [[] for _ in range(length)]
    for _ in range(size):
        samples = scenes.scene(int(rng.integers(n_scenes)))
        first = int(rng.integers(len(samples.pairs) if length == 1 else FRAMES - length))
        crop = draw_crop(samples, rng)
        for k in range(length):
            rows[k].append(crop.of(samples, first + k))
    return [as_batch(items) for items in rows]


@dataclass(frozen=True, slots=True)
class Crop:
    """A place in a scene, and whether it is mirrored."""

    row: int
    col: int
    mirrored: bool

    def of(self, samples: Samples, pair: int) -> dict[str, NDArray[np.floating]]:
        """Maps of one pair, ROWS by COLS; without a value outside the scene."""
        cut = (slice(self.row, self.row + ROWS), slice(self.col, self.col + COLS))
        found: dict[str, NDArray[np.floating]] = {}
        for name in MAPS:
            values = samples.maps[name][pair][cut]
            if values.shape != (ROWS, COLS):
                whole = np.full((ROWS, COLS), np.nan if name in ("strain", "motion") else 0, values.dtype)
                whole[: values.shape[0], : values.shape[1]] = values
                values = whole
            found[name] = values[:, ::-1] if self.mirrored else values
        if self.mirrored:
            found["lateral"] = -found["lateral"]
        radians = samples.radians[cut[0]]
        found["radians"] = np.pad(radians, (0, ROWS - len(radians)), mode="edge")
        return found


def draw_crop(samples: Samples, rng: np.random.Generator) -> Crop:
    """Anywhere in the scene, mirrored or not."""
    rows, cols = samples.maps["weight"].shape[1:]
    return Crop(
        row=int(rng.integers(max(rows - ROWS, 0) + 1)),
        col=int(rng.integers(max(cols - COLS, 0) + 1)),
        mirrored=bool(rng.uniform() < 0.5),
    )


def as_batch(items: list[dict[str, NDArray[np.floating]]]) -> Batch:
    """Maps of several pairs, stacked."""
    maps = {
        name: torch.from_numpy(np.stack([item[name] for item in items]).astype(np.float32))
        for name in items[0]
    }
    return Batch(
        cells=TrackingFeatures(
            weight=maps["weight"],
            moment=maps["moment"],
            energy=torch.stack((maps["energy_pre"], maps["energy_post"]), dim=1),
            coverage=maps["known"],
            axial=maps["axial"],
            lateral=maps["lateral"],
            radians=maps["radians"],
        ),
        strain=maps["strain"],
        motion=maps["motion"],
    )
