"""What phase tracking leaves of a pair, averaged over cells."""

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import avg_pool2d

from engine.musse.cells import ROWS_PER_CELL, CellMatrices
from engine.tracking.phase import Track


@dataclass(frozen=True, slots=True, eq=False)
class TrackingFeatures:
    """Maps (batch, rows, cols) float32 of pairs, averages over the pixels of each cell."""

    weight: Tensor
    """Real part of pre * conj(warped post): what a pixel's displacement counts."""
    moment: Tensor
    """Weight times displacement beyond what each pixel was warped by, in cells.

    Not beyond `axial`: the pixels that weigh most do not lie in the middle of a cell, and strain times that
    distance would pass for displacement.
    """
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
        by_cell = avg_pool2d(maps[None], (1, ROWS_PER_CELL))[0]  # torch-tensorrt lacks it in three dimensions
        return (matrices.cell_across @ by_cell).transpose(-1, -2)

    axial, weight = mean(track.axial[None]), mean(track.in_phase[None])
    moment = mean((track.quadrature / radians)[None])
    return TrackingFeatures(
        weight=weight,
        moment=moment / matrices.cell_samples,
        energy=mean(track.energy)[None],
        coverage=mean(track.valid[None]),
        axial=axial / matrices.cell_samples,
        lateral=mean(track.lateral[None]),
        radians=matrices.cell_radians[None],
    )
