"""A small strain image of a result file."""

import base64
from typing import Any, Final

import cv2
import h5py
import numpy as np
from numpy.typing import NDArray

from streamer.headers import Grid
from tools.display.colors import blend, colorize, hatch
from tools.display.options import DisplayOptions
from tools.display.strain_image import confidence_of, opposite_sign
from tools.geometry import extent_of, fit, resample_values

_SIDE: Final = 160  # px


def last_image(file: h5py.File) -> str | None:
    """The last fused image, else that of the last accepted pair, as a PNG in Base64; None without either.

    Both are relative strain, drawn as the window draws them.
    """
    fused = _last_row(file, "relative_strain")
    if fused is not None:
        grid = _grid(file, "fused_")
        return _png(file["relative_strain"][fused], file["relative_std"][fused], grid)
    pair = _last_row(file, "axial_strain")
    mean = None if pair is None else float(file["mean_strain"][pair])
    if pair is None or mean is None or not np.isfinite(mean) or mean == 0:
        return None
    values, std = file["axial_strain"][pair] / np.float32(mean), file["strain_std"][pair]
    return _png(values, std / np.float32(abs(mean)), _grid(file, ""))


def _last_row(file: h5py.File, name: str) -> int | None:
    """The last row of a stack of maps that holds a value."""
    maps = file.get(name)
    if maps is None or not maps.size:
        return None
    return next((row for row in reversed(range(len(maps))) if np.isfinite(maps[row]).any()), None)


def _grid(file: h5py.File, prefix: str) -> Grid:
    axial, lateral = (file[f"{prefix}{axis}_position"][:] for axis in ("axial", "lateral"))
    return Grid(
        axial_start=float(axial[0]),
        axial_step=float(axial[1] - axial[0]),
        lateral_start=float(lateral[0]),
        lateral_step=float(lateral[1] - lateral[0]),
        probe_type=file.attrs["probe_type"],
        probe_radius=float(file.attrs["probe_radius"]),
    )


def _png(values: NDArray[Any], std: NDArray[Any], grid: Grid) -> str:
    options = DisplayOptions()
    place = fit(extent_of([(grid, values.shape)]), 0, 0, _SIDE, _SIDE)
    sure = confidence_of(values, std)
    shown, weight, opposite = resample_values(values, sure, opposite_sign(values, std), grid, place)
    colors = colorize(shown, options.range_max, options.color_map, opposite=opposite)
    image = blend(hatch(place.width, place.height), colors, weight)
    return base64.b64encode(cv2.imencode(".png", image)[1].tobytes()).decode()
