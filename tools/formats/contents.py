"""What a format's reader finds in a file, before anything is completed from options, presets or the data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.formats.acquisition import PartialAcquisition
from tools.formats.samples import Frames


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How the caller states the samples lie in the file; None where the caller states nothing."""

    axes: str | None = None
    """'axial,lateral' or 'lateral,axial', slowest first."""
    frame_axis: int | None = None
    variable: str | None = None
    """Name of the array in a file that holds several."""
    demodulation_frequency: float | None = None
    """Hz that the caller states real samples were mixed down by; 0: they are RF."""
    times_wanted: bool = True
    """False where the caller gives a frame rate instead of the file's times."""


class Truth:
    """Known motion of a simulated recording. One thread."""

    def __init__(self, datasets: Mapping[str, Any], attributes: Mapping[str, Any]) -> None:
        self.attributes = dict(attributes)
        """Unit, sign and grid, as the simulator stated them."""
        self._datasets = dict(datasets)

    @property
    def names(self) -> tuple[str, ...]:
        """The arrays there are per frame, such as 'axial_displacement'."""
        return tuple(sorted(self._datasets))

    def read(self, index: int) -> dict[str, NDArray[np.float32]]:
        """Every truth array of frame `index`, float32."""
        return {name: np.asarray(dataset[index], np.float32) for name, dataset in self._datasets.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """One file, as far as its own data go. None: the file does not state."""

    frames: Frames
    stated: PartialAcquisition = field(default_factory=PartialAcquisition)
    """What the file states of its acquisition."""
    t_acq: NDArray[np.int64] | None = None
    """(frames,) ns."""
    frame_index: NDArray[np.int64] | None = None
    status: tuple[str, ...] | None = None
    axial_spacing: float | None = None
    """m between samples along the beam."""
    lateral_spacing: float | None = None
    """m between lines."""
    notes: tuple[str, ...] = ()
    """What the reader itself assumed or changed, for the header field `assumed`."""
    carrier_required: bool = True
    """Whether RF must prove itself by a carrier, because this format also holds B-mode images."""
    truth: Truth | None = None
