"""What phase tracking leaves of a pair, averaged over cells."""

from dataclasses import dataclass

from torch import Tensor

from engine.musse.cells import CellMatrices
from engine.tracking.phase import Track


@dataclass(frozen=True, slots=True, eq=False)
class TrackingFeatures:
    """Maps (batch, rows, cols) float32 of pairs, averages over the pixels of each cell."""

    weight: Tensor
    """Real part of pre * conj(warped post): what a pixel's displacement counts."""
    moment: Tensor
    """Weight times displacement beyond `axial`, in cells."""
    energy: Tensor
    """(batch, 2, rows, cols) squared magnitude of pre and of warped post."""
    coverage: Tensor
    """Share that both frames hold, 0-1."""
    axial: Tensor
    """Displacement that post was warped by, cells."""
    lateral: Tensor
    """The same in lines."""
    radians: Tensor
    """(batch, rows) phase per cell of displacement."""


def tracking_features(track: Track, radians: Tensor, matrices: CellMatrices[Tensor]) -> TrackingFeatures:
    """Cells of a pair, batch 1, from a track that has every canonical row; `radians` (rows,) per sample."""

    def mean(maps: Tensor) -> Tensor:
        return (matrices.cell_across @ maps @ matrices.cell_along).transpose(-1, -2)

    axial, weight = mean(track.axial), mean(track.in_phase)
    moved = mean(track.in_phase * track.axial + track.quadrature / radians)
    return TrackingFeatures(
        weight=weight[None],
        moment=((moved - weight * axial) / matrices.cell_samples)[None],
        energy=mean(track.energy)[None],
        coverage=mean(track.valid)[None],
        axial=(axial / matrices.cell_samples)[None],
        lateral=mean(track.lateral)[None],
        radians=matrices.cell_radians[None],
    )
