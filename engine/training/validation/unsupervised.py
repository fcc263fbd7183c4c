"""Quality of a network on recorded frames without ground truth, and whether adapting made it worse.

Three figures; no metric is sufficient alone: a constant map has perfect closure and stability, and
overfitting noise raises the NCC. Together they have no trivial optimum, because the network's anchor fixes
the mean strain.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import avg_pool2d

from engine.metrics.closure import Closure, PairMaps, closure
from engine.metrics.stability import Stability, stability
from engine.musse.manifest import UNMEASURED
from engine.musse.net import LiveNet
from engine.musse.program_io import MIN_COVERAGE
from engine.musse.residual import LiveEstimate
from engine.musse.tracking_features import TrackingFeatures
from engine.sequence.fusion import FusedStrain, Fusion
from engine.spec import ErrorModel, StrainResult
from engine.training.data.batches import Batch, as_batch
from engine.training.data.recorded import CONSECUTIVE, STRIDED, FrameBlock
from engine.training.data.samples import MAPS, Samples
from engine.training.losses.live_unsupervised import WINDOW, turned

MIN_COHERENCE = 0.5  # of a pixel that figures use: pixels below are decorrelated
MIN_MEAN = 5e-4  # of strain: gentler pairs have no relative image
INTERVAL = 0.05  # s between frames as far as fusion's fading goes: the same before and after
NOISE_ROWS = 16.0  # over which errors of strain are alike: a window of the middle
TOLERANCE = 1.05  # of closure and of the fused image's change: held-out blocks are few
TINY = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsupervisedFigures:
    """Figures on held-out frames."""

    closure: float
    """RMS of three-frame closure of strain over its predicted sigma; above 1, sigma is too small."""
    ncc: float
    """Correlation of pre and post moved by the network's displacement."""
    ncc_leeway: float
    """Fall of `ncc` that sigma explains: displacement errors of its size cost that much of it."""
    ncc_explained: float
    """The most that the closed form of sigma explains: see `matches`. Above it, noise was fitted."""
    fused_change: float
    """RMS change of the fused relative image from pair to pair, tissue followed."""
    pairs: int

    def worse_than(self, before: "UnsupervisedFigures") -> str | None:
        """The first figure that got worse, in words; None where none did."""
        if not np.isfinite([self.closure, self.ncc, self.fused_change]).all():
            return f"figures are not finite: {self}"
        if self.closure > TOLERANCE * before.closure:
            return f"closure over sigma rose from {before.closure:.2f} to {self.closure:.2f}"
        if self.ncc > max(before.ncc, self.ncc_explained):
            return (
                f"NCC rose from {before.ncc:.4f} to {self.ncc:.4f}, above the {self.ncc_explained:.4f} that "
                "sigma explains: fitted noise"
            )
        if before.ncc - self.ncc > before.ncc_leeway:
            return f"NCC fell from {before.ncc:.4f} to {self.ncc:.4f}, more than sigma explains"
        if self.fused_change > TOLERANCE * before.fused_change:
            return f"the fused image's change rose from {before.fused_change:.3f} to {self.fused_change:.3f}"
        return None

    def against(self, before: "UnsupervisedFigures") -> str:
        """How much better than before, in words; the change of the fused image counts."""
        gain = 1.0 - self.fused_change / before.fused_change if before.fused_change > 0 else 0.0
        verdict = f"better by {100 * gain:.1f} %" if gain > 0 else "no better"
        return (
            f"{verdict} (change of the fused image {before.fused_change:.3f} to {self.fused_change:.3f}), "
            f"closure over sigma {before.closure:.2f} to {self.closure:.2f}, NCC {before.ncc:.4f} to "
            f"{self.ncc:.4f}, on held-back frames"
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """One pair through the network, NumPy maps (rows, cols)."""

    strain: NDArray[np.float32]
    std: NDArray[np.float32]
    axial: NDArray[np.float32]
    lateral: NDArray[np.float32]
    """In columns."""
    usable: NDArray[np.bool_]

    def pair_maps(self) -> PairMaps:
        return PairMaps(axial=self.axial, lateral=self.lateral, strain=self.strain, std=self.std)


def unsupervised_figures(
    net: LiveNet, blocks: Sequence[FrameBlock], device: torch.device
) -> UnsupervisedFigures:
    """Figures of `net` on whole frames of `blocks`."""
    training = net.training
    net.eval()
    closed, still = Closure(), Stability()
    alike: list[float] = []
    leeway: list[float] = []
    explained: list[float] = []
    for block in blocks:
        lines = float(block.grid.lateral_index[1] - block.grid.lateral_index[0])
        seen: list[_Seen] = []
        for pair in range(len(CONSECUTIVE) + len(STRIDED)):
            batch = whole(block.samples, pair).to(device)
            with torch.inference_mode():
                fused = net(batch.cells)
            seen.append(_numpy(batch, fused, lines))
            ncc, most = matches(batch.cells, fused.axial)
            alike.append(ncc)
            explained.append(most)
            leeway.append(_leeway(batch, fused))
        for k in range(len(STRIDED)):
            first, second, both = seen[k], seen[k + 1], seen[len(CONSECUTIVE) + k]
            region = first.usable & second.usable & both.usable
            closed = closed + closure(first.pair_maps(), second.pair_maps(), both.pair_maps(), region)
        still = still + _steady(seen[: len(CONSECUTIVE)], block, lines)
    net.train(training)
    return UnsupervisedFigures(
        closure=closed.z,
        ncc=float(np.mean(alike)),
        ncc_leeway=float(np.mean(leeway)),
        ncc_explained=float(np.mean(explained)),
        fused_change=still.change,
        pairs=len(alike),
    )


def whole(samples: Samples, pair: int) -> Batch:
    """One pair over all its cells, batch 1."""
    maps: dict[str, NDArray[np.floating]] = {name: samples.maps[name][pair] for name in MAPS}
    return as_batch([maps | {"radians": samples.radians}])


def _numpy(batch: Batch, fused: LiveEstimate, lines: float) -> _Seen:
    def plain(values: torch.Tensor) -> NDArray[np.float32]:
        return values[0].cpu().numpy()

    return _Seen(
        strain=plain(fused.strain),
        std=plain(fused.strain_std),
        axial=plain(fused.axial),
        lateral=plain(batch.cells.lateral) / np.float32(lines),
        usable=(plain(batch.cells.coverage) > MIN_COVERAGE) & (plain(fused.coherence) > MIN_COHERENCE),
    )


def matches(cells: TrackingFeatures, axial: torch.Tensor) -> tuple[float, float]:
    """(NCC of pre and post moved to `axial`, the most of it that sigma explains) over windows of `WINDOW`.

    `axial` is (1, rows, cols) in cells. A phase fitted to each window by itself matches best of all, and
    better than the true motion does by half the variance of that phase, (1 - c^2) / (2 c^2 n) for n
    independent cells that correlate by c: the closed form that strain's sigma rests on. What matches better
    still was fitted to noise.
    """

    def local(maps: torch.Tensor) -> torch.Tensor:
        return avg_pool2d(maps, WINDOW, stride=1)

    energy = local(cells.energy[:, 0]), local(cells.energy[:, 1])
    total = (energy[0].sum() * energy[1].sum()).sqrt().clamp(min=TINY)
    # around what tracking left, which is smooth: around the network's motion its own noise would raise it
    best = torch.hypot(local(cells.weight), local(cells.moment * cells.radians.unsqueeze(-1)))
    squared = (best.square() / (energy[0] * energy[1]).clamp(min=TINY)).clamp(min=TINY, max=1.0)
    variance = (0.5 * (1.0 - squared) / (squared * math.prod(WINDOW))).clamp(max=1.0)
    explained = best * (1.0 - 0.5 * variance)
    return float(local(turned(cells, axial)).sum() / total), float(explained.sum() / total)


def _leeway(batch: Batch, fused: LiveEstimate) -> float:
    """Fall of the NCC that the predicted sigma explains.

    Strain errors of sigma, alike over `NOISE_ROWS`, move tissue by sigma times half of these; a phase
    error of p costs p^2 / 2 of the correlation.
    """
    cells = batch.cells
    phase = cells.radians.unsqueeze(-1) * fused.strain_std * (0.5 * NOISE_ROWS)
    cost = 0.5 * phase.square().clamp(max=1.0)
    weight = cells.weight.clamp(min=0.0)
    return float((cost * weight).sum() / weight.sum().clamp(min=1e-12))


def _steady(seen: list[_Seen], block: FrameBlock, lines: float) -> Stability:
    """Fuse consecutive pairs and compare every image with the one before."""
    grid = block.grid
    fusion = Fusion(errors=ErrorModel(window=None, shared=UNMEASURED))  # for the image, not for its sigma
    total = Stability()
    before: FusedStrain | None = None
    for k, pair in enumerate(seen):
        mean = float(np.median(pair.strain[pair.usable])) if pair.usable.any() else 0.0
        if abs(mean) < MIN_MEAN:
            continue
        result = StrainResult(
            axial_displacement=pair.axial * np.float32(grid.samples),
            lateral_displacement=pair.lateral * np.float32(lines),
            axial_strain=pair.strain,
            strain_std=pair.std,
            ncc=pair.usable.astype(np.float32),
            axial_index=grid.axial_index,
            lateral_index=grid.lateral_index,
        )
        after = fusion.update(
            result, mean_strain=mean, valid=pair.usable, pre_index=k, post_index=k + 1, elapsed=INTERVAL
        )
        if before is not None:
            every = -(-pair.axial.shape[0] // before.relative_strain.shape[0])
            total = total + stability(
                before.relative_strain,
                after.relative_strain,
                pair.axial[::every] / every,
                pair.lateral[::every],
                pair.usable[::every],
            )
        before = after
    return total
