"""Where the network's results lie: one grid for a geometry, whatever carrier a frame has. NumPy only.

The network works on cells of one *measured* carrier cycle, so its own grid follows the content of frames: a
carrier that moves (attenuation, another focus) would change the size of every map, end recordings and reset
the fused image. Results lie on the cells of the *stated* carrier instead. Where both carriers round to
the same step the two grids are equal and nothing is interpolated.
"""

import numpy as np

from engine.errors import InvalidAcquisition
from engine.musse.cells import CellGrid, cell_grid
from engine.musse.program_io import LiveOutputs
from engine.spec import EngineSpec, FloatArray
from engine.tracking.iq import IqTransform

MIN_CELLS = 8  # along depth and across: the trunk halves three times


class OutputGrid:
    """The grid of an acquisition's results. Holds constants only.

    Raises InvalidAcquisition for frames of fewer than 8 x 8 cells, EstimateFailed for frames too few cycles
    deep.
    """

    def __init__(self, spec: EngineSpec) -> None:
        transform = IqTransform(spec)
        cells = cell_grid(transform.grid(transform.nominal_carrier()), spec.shape[1], spec.line_spacing)
        check_size(cells)
        self.axial_index = cells.axial_index
        """(rows,) sample of each row."""
        self.lateral_index = cells.lateral_index
        """(cols,) line of each column."""

    def resampled(self, maps: LiveOutputs[FloatArray], cells: CellGrid) -> LiveOutputs[FloatArray]:
        """Maps on `cells`, with displacement in any unit, linearly interpolated along depth to this grid.

        Rows above the first and below the last cell take the value of that cell.
        """
        if np.array_equal(cells.axial_index, self.axial_index):
            return maps
        return LiveOutputs(*(along_depth(values, cells.axial_index, self.axial_index) for values in maps))


def along_depth(values: FloatArray, rows: FloatArray, wanted: FloatArray) -> FloatArray:
    """`values` (rows, cols) at the evenly spaced samples `rows`, interpolated at the samples `wanted`.

    Beyond the first and the last row their values are repeated.
    """
    position = (wanted - rows[0]) / (rows[1] - rows[0])
    above = np.clip(position.astype(np.intp), 0, len(rows) - 2)
    share = np.clip(position - above, 0.0, 1.0).astype(np.float32)[:, None]
    return np.asarray(values[above] * (1 - share) + values[above + 1] * share, np.float32)


def check_size(cells: CellGrid) -> None:
    """Raise InvalidAcquisition where there are too few cells for the network."""
    size = (len(cells.axial_index), len(cells.lateral_index))
    if min(size) < MIN_CELLS:
        raise InvalidAcquisition(
            f"the frame has {size[0]} x {size[1]} cells of one cycle by 0.6 mm; the network needs "
            f"{MIN_CELLS} x {MIN_CELLS}: use engine reference"
        )
