"""What the viewer chose: set by command-line options and configuration at start, by keys later."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias, get_args

from streamer.errors import ConfigError
from tools.display.config import ColorMap, DisplayConfig, ImageKind, Layout, Value

RangeMode = Literal["held", "fixed"]
RegionLimits: TypeAlias = tuple[float, float, float, float]
"""Axial from, to, lateral from, to, in the units of a message's grid (m; rad across a curved probe)."""

LAYOUTS: Final[tuple[Layout, ...]] = get_args(Layout)
VALUES: Final[tuple[Value, ...]] = get_args(Value)
IMAGES: Final[tuple[ImageKind, ...]] = get_args(ImageKind)
RANGE_MODES: Final[tuple[RangeMode, ...]] = ("held", "fixed")
COLOR_MAPS: Final[tuple[ColorMap, ...]] = get_args(ColorMap)
MIN_RANGE: Final = 1.1  # 1, the average, lies in the middle of the colours: the soft end must lie beyond it

_START: Final = DisplayConfig()  # the section of the configuration that gives the values at start


@dataclass(frozen=True, slots=True, kw_only=True)
class DisplayOptions:
    """How the image is shown. Raises ConfigError where a value is impossible."""

    layout: Layout = _START.layout
    value: Value = _START.value
    """normalised: strain over the region's signed median, 1 = average; percent: signed strain in %."""
    image: ImageKind = _START.picture
    """fused: the node's steady image of many pairs, where it sends one; pair: the newest pair alone. Signed
    strain in % is always that of a pair."""
    color_map: ColorMap = _START.color_map
    """clinical: blue hard, green average, red soft; reversed: red hard, as some vendors show it."""
    opacity: float = _START.opacity
    """Of strain over B-mode in the overlay, 0 to 1."""
    persistence: float = _START.persistence
    """s, time constant of averaging consecutive single-pair images; 0: off. The fused image has the node's
    own, `fusion.time_constant`. Display only, measurements never see it."""
    range_max: float = _START.range_max
    """Top of the normalised colour range."""
    range_mode: RangeMode = "fixed"
    """held: the soft half is widened to the softest tissue with a time constant of 1 s; fixed: as it is."""
    bmode_gain: float = 0.0
    """dB on top of the automatic exposure of the B-mode."""
    bmode_range: float = 50.0
    """dB between black and white of the B-mode."""
    flip: bool = False
    """Left and right exchanged, for the eye only."""
    region: tuple[float, float, float, float] | None = None
    """The viewer's region of interest: axial from, to, lateral from, to in mm (lateral in degrees for a
    curved probe). None: the node's region, or the whole image where the node has none."""
    show_region: bool = True
    show_help: bool = False
    show_notes: bool = False
    """Assumed values, counters and delays of the node in full."""
    save_folder: Path = Path()
    """Where the save key puts its PNG files."""

    def __post_init__(self) -> None:
        if not 0 <= self.opacity <= 1:
            raise ConfigError(f"opacity = {self.opacity:g}: must lie between 0 and 1")
        if not 0 <= self.persistence <= 30:
            raise ConfigError(f"persistence = {self.persistence:g} s: must lie between 0 (off) and 30")
        if not MIN_RANGE <= self.range_max <= 100:
            raise ConfigError(
                f"range_max = {self.range_max:g}: must lie between {MIN_RANGE} and 100; 1 is average"
            )
        if self.region is not None and (self.region[0] >= self.region[1] or self.region[2] >= self.region[3]):
            raise ConfigError(
                f"region = {self.region}: give axial from < to and lateral from < to, or no region at all"
            )

    def region_on(self, probe_type: str) -> RegionLimits | None:
        """The viewer's region in the units of a grid of that probe."""
        if self.region is None:
            return None
        lateral = 1e-3 if probe_type == "linear" else math.radians(1)
        top, bottom, left, right = self.region
        return top * 1e-3, bottom * 1e-3, left * lateral, right * lateral
