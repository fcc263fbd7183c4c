"""What is to be shown at one moment: the whole input of the pure render function."""

from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from streamer.headers import Grid, StatusHeader
from tools.display.options import DisplayOptions, Region
from tools.display.strain_image import StrainImage

TRACE_SECONDS: Final = 10.0  # s of mean strain that the trace holds: four or five hand movements

Level = Literal["good", "notice", "warning", "alarm"]


@dataclass(frozen=True, slots=True)
class Banner:
    """One short statement about the link, in the colour of its weight."""

    text: str
    level: Level
    detail: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class BmodeImage:
    """One B-mode image, uint8, on its own grid."""

    image: NDArray[np.uint8]
    grid: Grid
    dynamic_range_db: float


@dataclass(frozen=True, slots=True)
class TracePoint:
    """One pair of the mean-strain trace."""

    time: float
    """s on the display's clock."""
    mean_strain: float | None
    """Signed, dimensionless; None: rejected pair."""


@dataclass(frozen=True, slots=True)
class Rates:
    """What the status line says, every value None until it is known."""

    frame_age: float | None = None
    """s since the newest frame was received by the node, from the latest evidence."""
    result_rate: float | None = None
    """Hz, results that reached this display."""


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """Everything the image is made of."""

    options: DisplayOptions
    now: float
    """s on the display's clock."""
    trace_end: float
    """The same, or when the image was frozen: right end of the trace."""
    address: str
    source: str | None
    banner: Banner
    waiting: tuple[str, ...] = ()
    """Lines of the waiting image; empty once there is an image to show."""
    bmode: BmodeImage | None = None
    strain: StrainImage | None = None
    held: str | None = None
    """Why `strain` is not from the newest pair; None where it is."""
    held_for: float = 0.0
    """s since `strain` was new."""
    greyed: bool = False
    """The image is too old, or its successor was rejected: no colours."""
    frozen: bool = False
    range_top: float = 2.5
    """Top of the colour range: relative strain, or % in the percent mode."""
    region: Region | None = None
    """Region of interest to draw, the viewer's or the node's."""
    trace: tuple[TracePoint, ...] = ()
    mean_strain: float | None = None
    """Of the newest pair, signed; None where it was rejected."""
    quality: float | None = None
    predicted_snre: float | None = None
    engine: str = ""
    assumed: tuple[str, ...] = ()
    status: StatusHeader | None = None
    rates: Rates = field(default_factory=Rates)
    skipped: int = 0
    refused: int = 0
    other_sources: tuple[str, ...] = ()
    notice: str = ""
    """A passing message to the viewer, such as where a PNG was saved."""
