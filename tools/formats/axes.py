"""Which axis of an array is along the beam, which across, and which counts the frames."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tools.errors import RecordingError
from tools.formats.acquisition import OPTIONS
from tools.formats.carrier import measure_carrier
from tools.formats.contents import Layout
from tools.formats.missing import LayoutUnclear
from tools.formats.quadrature import Samples
from tools.formats.samples import handed_out_dtype

FEWEST_AXIAL: Final = 64  # the protocol's least; a shorter axis cannot be the beam
FEWEST_LATERAL: Final = 4
_SPOILT: Final = 0.01  # share of samples that are not finite from which on they are the reason
_LOOKED_AT: Final = 24  # places along each other axis: the whole of a long recording would be copied


@dataclass(frozen=True, slots=True)
class AxisRoles:
    """Axes of an array; `frame` is None for a single frame."""

    frame: int | None
    axial: int
    lateral: int
    note: str = ""


class SampleFrames:
    """Frames of `samples`, read one by one."""

    def __init__(self, samples: Samples, roles: AxisRoles, close: Callable[[], None]) -> None:
        self._samples, self._close = samples, close
        self.roles = roles
        shape = samples.shape
        self.n_frames = 1 if roles.frame is None else shape[roles.frame]
        self.shape: tuple[int, int] = (shape[roles.axial], shape[roles.lateral])
        self.dtype = handed_out_dtype(samples.dtype)[0]

    def read(self, index: int) -> NDArray[Any]:
        """Frame `index`: see `Frames.read`."""
        picked: list[int | slice] = [slice(None)] * len(self._samples.shape)
        if self.roles.frame is not None:
            picked[self.roles.frame] = index
        frame = np.asarray(self._samples[tuple(picked)])
        if self.roles.axial > self.roles.lateral:
            frame = frame.T
        return np.array(frame, self.dtype, order="C")

    def close(self) -> None:
        """Let go of the samples and of the file they lie in."""
        self._close()
        self._samples = np.empty((0,) * len(self._samples.shape), self.dtype)


def find_roles(path: Path, name: str, samples: Samples, layout: Layout, n_times: int | None) -> AxisRoles:
    """The roles of the axes of a 2-D or 3-D array, with a note on what was found out.

    1. 2-D: one frame.  2. The caller gives the axis of the frames.  3. The beam is the one axis with a
    carrier, and of the two left only one can be frames, by the number of times or because the other has
    fewer than 4 lines.  Everything else is refused: frames and lines in the wrong place look plausible.
    """
    n_dims = len(samples.shape)
    given = None if n_dims == 2 else layout.frame_axis
    if layout.axes is not None:
        if n_dims == 3 and given is None:
            raise unclear(path, name, samples, "the caller gives the order of the other two")
        rest = [axis for axis in range(n_dims) if axis != given]
        axial, lateral = rest if layout.axes == "axial,lateral" else rest[::-1]
        return AxisRoles(given, axial, lateral)
    axial = _beam_axis(path, name, samples, given)
    rest = [axis for axis in range(n_dims) if axis != axial]
    sign = "is longest" if samples.dtype.kind == "c" else "has its carrier"
    note = f"axes: {name} {samples.shape} {sign} along axis {axial}"[:200]
    if n_dims == 2:
        return AxisRoles(None, axial, rest[0], note)
    if given is None:  # case 3
        possible = [axis for axis in rest if samples.shape[rest[1 - rest.index(axis)]] >= FEWEST_LATERAL]
        if n_times is not None:
            possible = [axis for axis in possible if samples.shape[axis] == n_times]
        if len(possible) != 1:
            raise unclear(path, name, samples, f"axis {axial} is along the beam")
        given = possible[0]
    lateral = next(axis for axis in rest if axis != given)
    return AxisRoles(given, axial, lateral, note)


def _beam_axis(path: Path, name: str, samples: Samples, frame_axis: int | None) -> int:
    is_iq = samples.dtype.kind == "c"
    axes = range(len(samples.shape))
    possible = [axis for axis in axes if axis != frame_axis and samples.shape[axis] >= FEWEST_AXIAL]
    if is_iq:  # IQ has no carrier; only the size speaks
        along_beam = possible
    else:
        along_beam = [axis for axis in possible if measure_carrier([columns_along(samples, axis)])]
    if len(along_beam) == 1:
        return along_beam[0]
    if along_beam:
        raise unclear(path, name, samples, f"the beam may run along axis {along_beam}")
    if not possible:
        raise RecordingError(
            f"{path}: {name} {samples.shape} is too small: no axis has {FEWEST_AXIAL} samples along the beam"
        )
    looked_at = columns_along(samples, possible[0])
    if not np.isfinite(looked_at).any():
        raise RecordingError(f"{path}: {name} holds no finite sample")
    if not looked_at.any():
        raise RecordingError(f"{path}: every sample looked at of {name} is zero")
    if (share := 1 - np.isfinite(looked_at).mean()) > _SPOILT:
        raise RecordingError(f"{path}: {share:.0%} of the samples of {name} are not finite (NaN, infinity)")
    raise RecordingError(
        f"{path}: {name} {samples.shape} is not RF: it has no carrier along any axis, as B-mode images, "
        "envelopes and noise have none. Record RF before envelope detection"
    )


def columns_along(samples: Samples, axis: int) -> NDArray[Any]:
    """A sample of the lines along `axis`, (n, columns)."""
    picked = tuple(
        slice(None) if k == axis else slice(None, None, max(1, n // _LOOKED_AT))
        for k, n in enumerate(samples.shape)
    )
    lines = np.moveaxis(np.asarray(samples[picked]), axis, 0)
    return lines.reshape(lines.shape[0], -1)


def unclear(path: Path, name: str, samples: Samples, finding: str) -> LayoutUnclear:
    """The error that asks for the axes."""
    shape = samples.shape
    if len(shape) == 2:
        return LayoutUnclear(
            f"{path}: {name} {shape}: {finding}: give {OPTIONS['axes']} (slowest first)", "axes"
        )
    axes = ", ".join(f"{axis} has {n}" for axis, n in enumerate(shape))
    return LayoutUnclear(
        f"{path}: which axis of {name} {shape} counts the frames is not clear: {finding}; axis {axes}. "
        f"Give {OPTIONS['frame_axis']}, and {OPTIONS['axes']} for the other two if they are not found by the "
        "carrier",
        "frame_axis",
        "axes",
    )
