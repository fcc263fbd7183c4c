"""From one strain message to the values of an image: orient, normalise, clip to the region. No physics.

    normalised = strain / m          m: signed median strain of the region of interest
    percent    = 100 strain sign(m)  so that the tissue's own direction is positive in press and release
    confidence = 1 / (1 + (std / reference)^2),  reference = |m| / 2

The reference makes a pixel half faded where its own |m| / std is 2, the signal-to-noise ratio below which no
single-pair image is shown at all. A negative value is of opposite sign to the region's median only where
value + 2 std < 0; any other is the HARD end, faded.
"""

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streamer.headers import FusedHeader, Grid, StrainHeader
from streamer.reasons import describe_rejection
from streamer.wire import Message
from tools.display.options import RegionLimits
from tools.measure.quality import image_quality, region_mask, renormalised

FloatMap = NDArray[np.float32]

MIN_SNRE: Final = 2.0  # below this predicted SNRe a single pair's image is mostly noise
_RANGE_TAU: Final = 1.0  # s, time constant of the held colour range
_RANGE_QUANTILE: Final = 0.98  # of the oriented values: the softest tissue without its outliers
_SURE: Final = 0.5  # confidence of pixels that the range follows
_PERCENT_FLOOR: Final = 0.1  # %, the colour range of the percent mode never gets narrower


@dataclass(frozen=True, slots=True, eq=False)
class StrainImage:
    """One drawable strain map, (rows, cols) on `grid`; NaN = no value."""

    normalised: FloatMap
    """Strain over the region's signed median: 1 = average, below 1 harder, negative: opposite sign."""
    percent: FloatMap
    """Strain in %, oriented so that the sign of the median is positive; times `sign` it is signed strain."""
    std: FloatMap
    """Standard deviation of `normalised`."""
    confidence: FloatMap
    """0 (nothing finite) to 1."""
    grid: Grid
    sign: float
    """-1 in compression (press), +1 in release."""
    region: RegionLimits | None
    session_id: str
    pre_index: int | None
    post_index: int
    pairs: float | None = None
    """How many pairs a fused image is worth; None: a single pair."""
    time_constant: float | None = None
    """s of fusion; None: a single pair."""
    engine: str = ""
    message: Message | None = None
    """What it was made from; another region is measured in it."""

    @property
    def opposite(self) -> NDArray[np.bool_]:
        """Where tissue certainly moves against the region's median."""
        return opposite_sign(self.normalised, self.std)

    @property
    def quality(self) -> float:
        """Q of the region, 0 to 1; see `image_quality`."""
        inside = region_mask(self.grid, self.std.shape, self.region)
        return image_quality(self.normalised, self.std, inside, self.engine)


def opposite_sign(normalised: FloatMap, std: FloatMap) -> NDArray[np.bool_]:
    """Where value + 2 std < 0: a negative value that noise does not explain."""
    with np.errstate(invalid="ignore"):
        return np.asarray(normalised + 2 * std < 0)


def confidence_of(normalised: FloatMap, std: FloatMap) -> FloatMap:
    """1 / (1 + (2 std)^2), 0 where nothing is finite; half of it where noise may explain a negative value."""
    with np.errstate(invalid="ignore", over="ignore"):
        confidence = np.asarray(1 / (1 + np.square(2 * std)), np.float32)
        finite = np.isfinite(confidence) & np.isfinite(normalised)
        doubtful = (normalised < 0) & ~opposite_sign(normalised, std)
        return np.where(finite, np.where(doubtful, confidence / 2, confidence), np.float32(0))


def hold_reason(header: StrainHeader) -> str | None:
    """Why this message brings no new image, in words; None where it brings one."""
    if header.rejection is not None:
        return describe_rejection(header.rejection)
    if header.mean_strain is None or header.mean_strain == 0:
        return "no mean strain to compare tissue with"
    if header.predicted_snre is None:
        return "no predicted signal-to-noise ratio"
    if header.predicted_snre < MIN_SNRE:
        return f"predicted SNRe {header.predicted_snre:.1f} is below {MIN_SNRE:.0f}"
    return None


def strain_image(message: Message, region: RegionLimits | None) -> StrainImage | str:
    """The image of an accepted strain message, or the reason why there is none.

    `region` is the viewer's region of interest; without one the node's region and its mean strain hold,
    so that the image is normalised by the very number the node publishes.
    """
    header = message.header
    if not isinstance(header, StrainHeader):
        raise TypeError(f"a {header.schema_name} message is no strain message")
    reason = hold_reason(header)
    if reason is not None:
        return reason
    strain, std = message.arrays.get("axial_strain"), message.arrays.get("strain_std")
    if strain is None or std is None or header.grid is None or strain.shape != std.shape:
        return "the message lacks its strain map or its grid"
    inside = region_mask(header.grid, strain.shape, region or header.region)
    strain = np.where(inside, strain, np.float32(np.nan))
    mean = header.mean_strain
    if region is not None:
        values = strain[np.isfinite(strain)]
        mean = float(np.median(values)) if values.size else None
    if mean is None or mean == 0:
        return "no value inside the region of interest"
    sign = 1.0 if mean > 0 else -1.0
    with np.errstate(invalid="ignore", over="ignore"):
        relative_std = np.asarray(std / np.float32(abs(mean)), np.float32)
        normalised = np.asarray(strain / np.float32(mean), np.float32)
    return StrainImage(
        normalised=normalised,
        percent=strain * np.float32(100 * sign),
        std=np.where(inside, relative_std, np.float32(np.nan)),
        confidence=confidence_of(normalised, relative_std),
        grid=header.grid,
        sign=sign,
        region=region or header.region,
        session_id=header.session_id,
        pre_index=header.pre_index,
        post_index=header.post_index,
        engine=header.engine,
        message=message,
    )


def fused_image(message: Message, region: RegionLimits | None) -> StrainImage | str:
    """The image of a fused message, or the reason why there is none; it holds no strain in %.

    It comes normalised by the node's region; with the viewer's own `region` its median is divided out.
    """
    header = message.header
    if not isinstance(header, FusedHeader):
        raise TypeError(f"a {header.schema_name} message is no fused message")
    relative, std = message.arrays.get("relative_strain"), message.arrays.get("relative_std")
    if relative is None or std is None or relative.shape != std.shape:
        return "the message lacks its map"
    inside = region_mask(header.grid, relative.shape, region or header.region)
    if region is None:
        nan = np.float32(np.nan)
        normalised, relative_std = np.where(inside, relative, nan), np.where(inside, std, nan)
    else:
        maps = renormalised(relative, std, inside)
        if maps is None:
            return "no average inside the region of interest"
        normalised, relative_std = maps
    return StrainImage(
        normalised=normalised,
        percent=np.full_like(normalised, np.nan),
        std=relative_std,
        confidence=confidence_of(normalised, relative_std),
        grid=header.grid,
        sign=1.0,
        region=region or header.region,
        session_id=header.session_id,
        pre_index=None,
        post_index=header.post_index,
        pairs=header.effective_pairs,
        time_constant=header.time_constant,
        engine=header.engine,
        message=message,
    )


def measured_in(image: StrainImage, region: RegionLimits | None) -> StrainImage | None:
    """The same image for another region of interest, without persistence; None: it has no value there.

    `region` None is the node's. An image without its message stays as it is.
    """
    if image.message is None:
        return image
    make = fused_image if isinstance(image.message.header, FusedHeader) else strain_image
    other = make(image.message, region)
    return None if isinstance(other, str) else other


def persist(old: StrainImage | None, new: StrainImage, elapsed: float, tau: float) -> StrainImage:
    """The new image averaged into the old one with time constant `tau` (s); `elapsed` s lie between them.

    A pixel without a value now shows none, whatever it had; another geometry, region or session starts anew,
    and so does the percent map where press turns into release.
    """
    if tau <= 0 or old is None or _origin(old) != _origin(new) or old.percent.shape != new.percent.shape:
        return new
    weight = np.float32(1 - np.exp(-max(elapsed, 0.0) / tau))

    def blend(before: FloatMap, now: FloatMap) -> FloatMap:
        mixed: FloatMap = before + weight * (now - before)
        return np.where(np.isfinite(mixed), mixed, now)

    return replace(
        new,
        normalised=blend(old.normalised, new.normalised),
        percent=blend(old.percent, new.percent) if old.sign == new.sign else new.percent,
        std=blend(old.std, new.std),
        confidence=blend(old.confidence, new.confidence),
    )


@dataclass(frozen=True, slots=True)
class HeldRange:
    """Tops of both colour ranges: never below the chosen one, following softer tissue slowly."""

    normalised: float
    percent: float | None = None
    """%; None before the first image."""

    def follow(self, image: StrainImage, range_max: float, elapsed: float) -> "HeldRange":
        """The ranges `elapsed` seconds later, with this image shown."""
        weight = 1 - float(np.exp(-max(elapsed, 0.0) / _RANGE_TAU))
        target = max(range_max, _top(image.normalised, image.confidence))
        percent_target = max(_PERCENT_FLOOR, _top(image.percent, image.confidence))
        percent = percent_target if self.percent is None else self.percent
        return HeldRange(
            self.normalised + weight * (target - self.normalised),
            percent + weight * (percent_target - percent),
        )


def _top(values: FloatMap, confidence: FloatMap) -> float:
    """The softest tissue that can be trusted: noise must not stretch the range."""
    # a quantile over every eighth pixel is as good and eight times cheaper
    sample, sure = values[::4, ::2], confidence[::4, ::2] >= _SURE
    finite = sample[sure & np.isfinite(sample)]
    return float(np.quantile(finite, _RANGE_QUANTILE)) if finite.size else 0.0


def _origin(image: StrainImage) -> tuple[Any, ...]:
    return (image.grid, image.region, image.session_id)
