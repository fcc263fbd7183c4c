"""A node's results as OpenIGTLink messages: one device per map, in mm of the patient's space.

The probe's middle is the origin. In the axial slice of a viewer x of the image plane runs to the right of the
screen and depth down, as on the scanner: to the patient's left and back, -R and -A.
"""

import math
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streamer.headers import BmodeHeader, Grid, StatusHeader, StrainHeader
from streamer.wire import Message
from tools.geometry import Frame, extent_of, is_curved, resample_image, resample_values
from tools.igtl.wire import pack, pack_image, pack_status

STATUS_DEVICE: Final = "Node"
MAPS: Final = {
    "axial_strain": "PairStrain",
    "strain_std": "PairSigma",
    "relative_strain": "FusedStrain",
    "relative_std": "FusedSigma",
}
"""Device by array of a message; each of the two strains has a mask beside it."""
_MASKED: Final = ("axial_strain", "relative_strain")
_REMEMBERED: Final = 512  # frames whose time is kept: more than can lie between two of their messages
_PIXEL: Final = 0.1  # mm, of scan-converted images at least
_MAX_PIXELS: Final = 1024  # along a side of them

# codes of STATUS: http://openigtlink.org/protocols/v2_status.html
_OK, _UNKNOWN, _TIMEOUT, _NOT_READY, _SHUTTING_DOWN = 1, 2, 7, 13, 19
_CURRENT: Final = ("LIVE", "REPLAY", "DEGRADED")  # in other states the last map is an old one
_CODES: Final = {
    "LIVE": _OK, "REPLAY": _OK, "DEGRADED": _OK, "STALE": _TIMEOUT, "FAULT": _UNKNOWN,
    "STARTING": _NOT_READY, "BUILDING": _NOT_READY, "WAITING": _NOT_READY, "STOPPING": _SHUTTING_DOWN,
}  # fmt: skip


class Translator:
    """Messages of one source as (device, bytes). One thread."""

    def __init__(self) -> None:
        self._times: dict[tuple[str, int], int] = {}
        self._shown: dict[str, tuple[Grid, tuple[int, ...]]] = {}  # maps that hold a value at a receiver

    def remember(self, header: StrainHeader) -> None:
        """Keep the acquisition time of a frame; fused and B-mode images of it carry none of their own."""
        if header.t_acq is not None:
            self._times[header.session_id, header.post_index] = header.t_acq
            while len(self._times) > _REMEMBERED:
                del self._times[next(iter(self._times))]

    def messages(self, message: Message) -> Iterator[tuple[str, bytes]]:
        """What one result becomes; time stamp 0 where the node sent no acquisition time."""
        header = message.header
        if isinstance(header, StatusHeader):
            yield STATUS_DEVICE, self._status(header)
            if header.state not in _CURRENT:
                yield from self.blank()
        elif isinstance(header, BmodeHeader):
            stamp = self._times.get((header.session_id, header.frame_index), 0)
            yield "Bmode", _bmode(message.arrays["bmode"], header.grid, stamp)
        elif isinstance(header, StrainHeader) and header.rejection is not None:
            yield from self.blank(("axial_strain", "strain_std"), header.t_acq or 0)
        else:
            grid = header.grid
            stamp = self._times.get((header.session_id, header.post_index), 0)
            for name, values in message.arrays.items():
                if grid is not None and name in MAPS:
                    self._shown[name] = grid, values.shape
                    yield from _map(name, values, grid, stamp)

    def blank(self, names: tuple[str, ...] = tuple(MAPS), stamp: int = 0) -> Iterator[tuple[str, bytes]]:
        """Maps without a value in place of those a receiver still shows: an old one must not look current."""
        for name in names:
            if name in self._shown:
                grid, shape = self._shown.pop(name)
                yield from _map(name, np.full(shape, np.nan, np.float32), grid, stamp)

    def lost(self) -> Iterator[tuple[str, bytes]]:
        """What is sent when the node has stopped answering."""
        body = pack_status(_TIMEOUT, "NO NODE", "the node does not answer; strain images have no value")
        yield STATUS_DEVICE, pack("STATUS", STATUS_DEVICE, body, 0)
        yield from self.blank()

    def _status(self, header: StatusHeader) -> bytes:
        rate = "no frames" if header.frame_rate is None else f"{header.frame_rate:.1f} frames/s"
        parts = [f"{header.engine}, {rate}, {header.lost} lost", *header.reasons]
        text = "; ".join([*parts, "relative axial strain, not stiffness; research use only"])
        body = pack_status(_CODES[header.state], header.state, text)
        return pack("STATUS", STATUS_DEVICE, body, 0)


def placed(grid: Grid) -> NDArray[np.float64]:
    """(3, 4) from column, row, 0, 1 of a map of a linear probe to mm, RAS."""
    return _matrix(
        grid.lateral_step * 1e3, grid.axial_step * 1e3, grid.lateral_start * 1e3, grid.axial_start * 1e3
    )


def raster(grid: Grid, shape: tuple[int, ...]) -> tuple[Frame, NDArray[np.float64]]:
    """Square pixels that hold a fan, and their (3, 4) from column, row, 0, 1 to mm, RAS."""
    extent = extent_of([(grid, shape)])
    pixel = max(_PIXEL, max(extent.width_mm, extent.height_mm) / _MAX_PIXELS)
    width, height = math.ceil(extent.width_mm / pixel), math.ceil(extent.height_mm / pixel)
    frame = Frame(0, 0, width, height, extent, 1 / pixel)
    return frame, _matrix(pixel, pixel, extent.left + pixel / 2, extent.top + pixel / 2)


def _matrix(across: float, down: float, left: float, top: float) -> NDArray[np.float64]:
    return np.array([[-across, 0, 0, -left], [0, -down, 0, -top], [0, 0, 1, 0]], np.float64)


def _map(name: str, values: NDArray[Any], grid: Grid, stamp: int) -> Iterator[tuple[str, bytes]]:
    """A map of float32, NaN where there is no value, and its mask where it has one of its own."""
    matrix = placed(grid)
    if is_curved(grid):
        frame, matrix = raster(grid, values.shape)
        nothing = np.zeros(values.shape, np.bool_)
        values, _, _ = resample_values(values, np.ones_like(values), nothing, grid, frame)
    device = MAPS[name]
    yield device, pack("IMAGE", device, pack_image(values.astype(np.float32, copy=False), matrix), stamp)
    if name in _MASKED:
        mask = pack_image(np.isfinite(values).astype(np.uint8), matrix)
        yield f"{device}Mask", pack("IMAGE", f"{device}Mask", mask, stamp)


def _bmode(image: NDArray[Any], grid: Grid, stamp: int) -> bytes:
    matrix = placed(grid)
    if is_curved(grid):
        frame, matrix = raster(grid, image.shape)
        image = resample_image(image, grid, frame)
    return pack("IMAGE", "Bmode", pack_image(image, matrix), stamp)
