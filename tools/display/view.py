"""What is to be shown at one moment: the whole input of the pure render function."""

import time
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from streamer.headers import Grid, StatusHeader
from tools.display.options import DisplayOptions, RegionLimits
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
    frame: tuple[str, int] = ("", 0)
    """session_id and frame_index."""
    exposure_db: float = 0.0
    """dB that expose it as a console would; see `colors.exposure`."""


@dataclass(frozen=True, slots=True)
class TracePoint:
    """One pair of the mean-strain trace."""

    time: float
    """s on the display's clock."""
    mean_strain: float | None
    """Signed, dimensionless; None: rejected pair."""
    after_gap: bool = False
    """Nothing came for several periods before this pair: no line may lead to it."""


@dataclass(frozen=True, slots=True)
class Age:
    """How old one element of the display is, and whether that makes it grey."""

    seconds: float | None = None
    """None before its first."""
    grey: bool = False


@dataclass(frozen=True, slots=True)
class Ages:
    """Every element by its own age."""

    strain: Age = Age()
    """The strain image, its quality, SNRe and mean strain."""
    bmode: Age = Age()
    rates: Age = Age()
    """What the node's status holds."""


@dataclass(frozen=True, slots=True)
class Frozen:
    """An image that is held to be read and measured: never grey."""

    taken_at: float
    """Unix time in s when the image came."""
    age: float
    """s since then."""
    review: bool
    """It was taken after the stream had stopped: the last image there is."""

    @property
    def label(self) -> str:
        """What stands on the image: FROZEN or REVIEW, time of day and age."""
        word = "REVIEW" if self.review else "FROZEN"
        return f"{word} {time.strftime('%H:%M:%S', time.localtime(self.taken_at))}, {ago(self.age)} old"


def others(live: "View", source: str | None) -> tuple[str, ...]:
    """Sources that send while an image of `source` is shown: the live link's too where it differs."""
    newer = () if live.source in (None, source) else (live.source,)
    return tuple(sorted({*newer, *live.other_sources} - {source}))


def ago(seconds: float) -> str:
    """A duration as people read it: 0.8 s, 12 s, 3 min 20 s, 2 h 5 min."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return (
        f"{whole // 60} min {whole % 60} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60} min"
    )


@dataclass(frozen=True, slots=True)
class Rates:
    """Values of the status line, each None until there is one."""

    frame_age: float | None = None
    """s since the newest frame was received by the node, from the latest evidence."""
    result_rate: float | None = None
    """Hz, results that reached this display."""


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """Everything the image is made of. A frozen view keeps all of its frame; `now`, `banner`, `ages.rates`,
    `rates`, `status` and the notices stay those of the live link."""

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
    ages: Ages = Ages()
    frozen: Frozen | None = None
    taken_at: float | None = None
    """Unix time in s when `strain` came; None without one."""
    range_top: float = 2.5
    """Top of the colour range: relative strain, or % in the percent mode."""
    region: RegionLimits | None = None
    """Region of interest to draw, the viewer's or the node's."""
    trace: tuple[TracePoint, ...] = ()
    mean_strain: float | None = None
    """Of the newest pair, signed; None where it was rejected."""
    quality: float | None = None
    """Q of `strain`; None without an image."""
    predicted_snre: float | None = None
    """Of the newest pair."""
    echo_match: float | None = None
    """Median NCC of the newest pair after motion compensation."""
    guidance: str = ""
    """What the hand should do next; empty where it does well."""
    pointer: tuple[float, float] | None = None
    """x and z in mm under the mouse pointer; None outside the images."""
    fusion: float | None = None
    """s, the node's time constant of fusion, 0: off; None where it is not known."""
    engine: str = ""
    assumed: tuple[str, ...] = ()
    status: StatusHeader | None = None
    rates: Rates = field(default_factory=Rates)
    seconds_kept: float | None = None
    """s of RF and results that a tape process holds; None without one."""
    recording: bool = False
    """Whether a recording runs beside the node."""
    skipped: int = 0
    refused: int = 0
    other_sources: tuple[str, ...] = ()
    notice: str = ""
    """A passing message to the viewer, such as where a PNG was saved."""

    @property
    def greyed(self) -> bool:
        """Whether the strain image has no colours: too old, or its successors were rejected."""
        return self.frozen is None and self.ages.strain.grey

    @property
    def bmode_greyed(self) -> bool:
        """Whether the B-mode is too old to stand as current."""
        return self.frozen is None and self.ages.bmode.grey

    @property
    def held_for(self) -> float:
        """s since `strain` was new; 0 where it is from the newest pair."""
        return 0.0 if self.held is None else self.ages.strain.seconds or 0.0
