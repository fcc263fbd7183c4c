"""One strain image with everything that is needed to measure, rank, draw and export it."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamer.headers import Grid
from tools.measure.quality import image_quality, region_mask, renormalised

FloatMap = NDArray[np.float32]
ASSUMED_CORRELATION: Final = (2e-3, 1e-3)
"""m along and across the beam: the default strain window, where an engine does not state its own."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageFrame:
    """The fused image after one pair."""

    session_id: str
    frame_index: int
    """Of the newest frame in it."""
    time: float
    """s; unix time of arrival where live, seconds from the first frame in a recording."""
    relative_strain: FloatMap
    """(rows, cols), 1 = the region's average; NaN: no value."""
    relative_std: FloatMap
    grid: Grid
    region: tuple[float, float, float, float] | None
    mean_strain: float | None
    """Of the newest pair, signed; None where it was rejected."""
    median_ncc: float | None
    quality: float
    """Q of the image."""
    pairs: float
    """Equally weighted pairs that it is worth."""
    time_constant: float
    """s of fusion."""
    engine: str
    precision: str = ""
    """Of the engine; empty where the newest pair did not come."""
    device: str = ""
    """Where the engine computed; empty as above."""
    source: str | None = None
    """source_id of the stream; None of a file."""
    assumed: tuple[str, ...] = ()
    """What the sender measured or assumed."""
    predicted_snre: float | None = None
    """Of the newest pair."""
    bmode: NDArray[np.uint8] | None = None
    bmode_grid: Grid | None = None
    dynamic_range_db: float = 60.0
    exposure_db: float = 0.0
    """dB that expose the B-mode as a console would."""
    correlation: tuple[float, float] = ASSUMED_CORRELATION
    """m over which errors are alike, along and across the beam."""
    correlation_stated: bool = False
    """Whether the engine states them."""

    @property
    def valid_share(self) -> float:
        """Share of the region's pixels with a value."""
        inside = region_mask(self.grid, self.relative_strain.shape, self.region)
        return float(np.isfinite(self.relative_strain[inside]).mean()) if inside.any() else 0.0

    def within(self, region: tuple[float, float, float, float]) -> "ImageFrame | None":
        """The image of another region of interest, in the grid's units: 1 is the median there.

        None where that region has no average.
        """
        inside = region_mask(self.grid, self.relative_strain.shape, region)
        maps = renormalised(self.relative_strain, self.relative_std, inside)
        if maps is None:
            return None
        quality = image_quality(*maps, inside, self.engine)
        return replace(self, relative_strain=maps[0], relative_std=maps[1], region=region, quality=quality)

    @property
    def nbytes(self) -> int:
        """Memory of its maps."""
        image = 0 if self.bmode is None else self.bmode.nbytes
        return self.relative_strain.nbytes + self.relative_std.nbytes + image
