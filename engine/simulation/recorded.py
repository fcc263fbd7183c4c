"""Truth that is stored in a recording: rest displacement per frame, from which every pair's truth follows.

Frame k stores where each point of a regular rest grid has moved, in samples and lines. The grid reaches
beyond the image, so that whatever a frame shows came from inside it.
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from engine.simulation.acquisition import PairTruth, SimulatedAcquisition
from engine.simulation.deformation import Mode, motion, pair_motion, positions, rest_positions
from engine.simulation.field import SlipBoundary
from engine.simulation.gridfield import grid_field
from engine.simulation.scatterers import rest_extent
from engine.spec import FloatArray

# Grid steps on each side of a slip boundary without truth: a spline rings at a step, by 0.27 less per node.
_SLIP_STEPS = 4.0
# Samples and lines at which the search for a rest point ends.
_TOLERANCE = 1.0e-5


def rest_grid(
    acquisition: SimulatedAcquisition, axial_step: int = 16, lateral_step: int = 1
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
    acquisition: SimulatedAcquisition, frame: int, axial_index: FloatArray, lateral_index: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """How far rest points have moved in `frame`: (axial samples, lateral lines), float32 (rows, cols).

    NaN where a grid cannot hold the truth: in flowing blood, and within four steps of a slip boundary.
    """
    imaging = acquisition.imaging
    depth, arc = imaging.beam_grid(torch.from_numpy(axial_index), torch.from_numpy(lateral_index))
    z, x = imaging.to_plane(depth, arc)
    moved_depth, moved_arc = imaging.to_beam(*positions(acquisition.motion, frame, z, x))
    missing = acquisition.phantom.flows(z, x)
    widest = float(imaging.widening(depth[-1, 0]))
    steps = (float(depth[1, 0] - depth[0, 0]), float(arc[0, 1] - arc[0, 0]) * widest)
    for mode in acquisition.motion.modes:
        if isinstance(mode.field, SlipBoundary):
            missing = missing | mode.field.near(z, x, _SLIP_STEPS * max(steps))
    axial = ((moved_depth - depth) / imaging.spec.sample_pitch).masked_fill(missing, torch.nan)
    lateral = ((moved_arc - arc) / imaging.spec.line_pitch).masked_fill(missing, torch.nan)
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
    (axial_index, lateral_index) of their grid. NaN where the recording holds none. Between nodes a cubic
    spline: strain jumps are smoothed over two grid steps.
    """
    rows, columns = (np.asarray(index, dtype=np.float64) for index in rest)
    modes = []
    for amplitude, (axial, lateral) in zip(([1.0, 0.0], [0.0, 1.0]), (pre, post), strict=True):
        # In units of samples along both axes of the grid: the kinematics do not care what a unit is.
        field = grid_field(_filled(axial), _filled(lateral), rows, columns)
        modes.append(Mode(field=field, amplitude=np.array(amplitude)))
    z, x = torch.meshgrid(
        torch.from_numpy(axial_index).double(), torch.from_numpy(lateral_index).double(), indexing="ij"
    )
    moves, z, x = motion(modes), z.contiguous(), x.contiguous()
    moved = pair_motion(moves, 0, 1, z, x, tolerance=_TOLERANCE)
    rest_z, rest_x = rest_positions(moves, 0, z, x, tolerance=_TOLERANCE)
    # a point without a position at rest is already marked as missing
    lost = torch.isnan(rest_z)
    rest_z, rest_x = rest_z.nan_to_num(), rest_x.nan_to_num()
    row = ((rest_z - rows[0]) / (rows[1] - rows[0])).round().clamp(0, len(rows) - 1)
    column = ((rest_x - columns[0]) / (columns[1] - columns[0])).round().clamp(0, len(columns) - 1)
    missing = lost | torch.from_numpy(np.isnan(pre[0] + post[0]))[row.long(), column.long()]

    def masked(value: Tensor) -> FloatArray:
        return value.masked_fill(missing, torch.nan).float().numpy()

    return PairTruth(
        axial_displacement=masked(moved.axial),
        lateral_displacement=masked(moved.lateral),
        axial_strain=masked(moved.axial_strain),
        axial_index=axial_index,
        lateral_index=lateral_index,
    )


def _filled(displacement: FloatArray) -> NDArray[np.float64]:
    """The same with each missing node as its nearest given one, so that a spline can pass through."""
    missing = np.isnan(displacement)
    if not missing.any():
        return displacement.astype(np.float64)
    nearest = distance_transform_edt(missing, return_distances=False, return_indices=True)
    return np.asarray(displacement[tuple(nearest)], dtype=np.float64)
