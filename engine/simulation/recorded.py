"""Truth that is stored in a recording: rest displacement per frame, from which every pair's truth follows.

Frame k stores where each point of a regular rest grid has moved, in samples and lines. The grid reaches
beyond the picture, so that whatever a frame shows came from inside it.
"""

import math

import numpy as np
import torch

from engine.simulation.acquisition import Acquisition, PairTruth
from engine.simulation.deformation import Mode, motion, pair_motion, positions
from engine.simulation.gridfield import grid_field
from engine.simulation.scatterers import rest_extent
from engine.spec import FloatArray


def rest_grid(
    acquisition: Acquisition, axial_step: int = 16, lateral_step: int = 1
) -> tuple[FloatArray, FloatArray]:
    """(axial_index, lateral_index), float32 samples and lines of the rest points to store."""
    imaging = acquisition.imaging
    shallow, deep, half_width = rest_extent(imaging, acquisition.motion)
    pitch, line_pitch = imaging.spec.sample_pitch, imaging.spec.line_pitch
    first_row, last_row = math.floor(shallow / pitch / axial_step), math.ceil(deep / pitch / axial_step)
    aside = math.ceil((half_width - imaging.half_width) / line_pitch / lateral_step)
    columns = math.ceil((imaging.spec.shape[1] - 1) / lateral_step)
    rows = np.arange(first_row, last_row + 1, dtype=np.float32) * axial_step
    return rows, np.arange(-aside, columns + aside + 1, dtype=np.float32) * lateral_step


def rest_displacement(
    acquisition: Acquisition, frame: int, axial_index: FloatArray, lateral_index: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """How far rest points have moved in `frame`: (axial samples, lateral lines), float32 (rows, cols)."""
    imaging = acquisition.imaging
    z, x = imaging.pixel_grid(torch.from_numpy(axial_index), torch.from_numpy(lateral_index))
    moved_z, moved_x = positions(acquisition.motion, frame, z, x)
    axial = (moved_z - z) / imaging.spec.sample_pitch
    lateral = (moved_x - x) / imaging.spec.line_pitch
    return axial.float().numpy(), lateral.float().numpy()


def recorded_pair_truth(
    pre: tuple[FloatArray, FloatArray],
    post: tuple[FloatArray, FloatArray],
    rest: tuple[FloatArray, FloatArray],
    *,
    axial_index: FloatArray,
    lateral_index: FloatArray,
) -> PairTruth:
    """Truth of a pair from what a recording stores, on samples and lines of the pre frame.

    `pre` and `post` are the stored (axial, lateral) rest displacements of the two frames, `rest` the stored
    (axial_index, lateral_index) of their grid. Between nodes a cubic spline: strain jumps are smoothed over
    two grid steps.
    """
    rows, columns = (np.asarray(index, dtype=np.float64) for index in rest)
    modes = []
    for amplitude, (axial, lateral) in zip(([1.0, 0.0], [0.0, 1.0]), (pre, post), strict=True):
        # In units of samples along both axes of the grid: the kinematics do not care what a unit is.
        field = grid_field(axial.astype(np.float64), lateral.astype(np.float64), rows, columns)
        modes.append(Mode(field=field, amplitude=np.array(amplitude)))
    z, x = torch.meshgrid(
        torch.from_numpy(axial_index).double(), torch.from_numpy(lateral_index).double(), indexing="ij"
    )
    moved = pair_motion(motion(modes), 0, 1, z.contiguous(), x.contiguous(), tolerance=1e-5)
    return PairTruth(
        axial_displacement=moved.axial.float().numpy(),
        lateral_displacement=moved.lateral.float().numpy(),
        axial_strain=moved.axial_strain.float().numpy(),
        axial_index=axial_index,
        lateral_index=lateral_index,
    )
