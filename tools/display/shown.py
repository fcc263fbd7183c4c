"""The two images a display holds, fused and of the newest pair: what is shown of each, and in which range."""

from dataclasses import InitVar, dataclass, field, replace

from tools.display.config import ImageKind
from tools.display.options import IMAGES, DisplayOptions
from tools.display.strain_image import HeldRange, StrainImage, measured_in, persist


@dataclass(eq=False, slots=True)
class Shown:
    """One kind of image: the last good one, and why the newest pair brought none."""

    at: float
    """Clock time of the image; before the first, of the start."""
    range_max: InitVar[float]
    range: HeldRange = field(init=False)
    image: StrainImage | None = None
    held: str | None = None

    def __post_init__(self, range_max: float) -> None:
        self.range = HeldRange(range_max)


class ShownImages:
    """Both kinds of one source. One thread."""

    def __init__(self, now: float, range_max: float) -> None:
        self._kinds = {kind: Shown(now, range_max) for kind in IMAGES}

    def take(self, kind: ImageKind, image: StrainImage | str, options: DisplayOptions, now: float) -> None:
        """A new image of one kind at clock time `now` (s), or the reason why there is none."""
        shown = self._kinds[kind]
        if isinstance(image, str):
            shown.held = image
            return
        elapsed = now - shown.at
        if kind == "pair":
            image = persist(shown.image, image, elapsed, options.persistence)
        if options.range_mode == "held" or shown.range.percent is None:
            first = shown.image is None
            shown.range = shown.range.follow(image, options.range_max, 0.0 if first else elapsed)
            if options.range_mode == "fixed":
                shown.range = replace(shown.range, normalised=options.range_max)
        shown.image, shown.at, shown.held = image, now, None

    def hold_fused(self, reason: str | None) -> None:
        """The newest pair was rejected, so the fused image stays the older one."""
        self._kinds["fused"].held = reason

    def forget_fused(self, now: float, range_max: float) -> None:
        """Fusion is off: no old fused image may stand for a new one."""
        if self._kinds["fused"].image is not None:
            self._kinds["fused"] = Shown(now, range_max)

    def shown(self, options: DisplayOptions) -> Shown:
        """The image that the viewer asked for; the single pair's where no fused one has come."""
        fused = self._kinds["fused"]
        wanted = options.image == "fused" and options.value == "normalised"
        return fused if wanted and fused.image is not None else self._kinds["pair"]

    def change(self, before: DisplayOptions, options: DisplayOptions) -> bool:
        """Take a new range and region at once; False: the image shown has no value there; nothing changes.

        One that is not shown and has no value there is given up: it would be that of the older region.
        """
        images = {
            kind: in_new_region(shown.image, before, options)
            for kind, shown in self._kinds.items()
            if shown.image is not None
        }
        seen = self.shown(before)
        if any(image is None and self._kinds[kind] is seen for kind, image in images.items()):
            return False
        for kind, image in images.items():
            self._kinds[kind].image = image
            if image is None:
                self._kinds[kind].held = "no value inside the region of interest"
        if options.range_max != before.range_max:
            for shown in self._kinds.values():
                shown.range = HeldRange(options.range_max, shown.range.percent)
        return True


def in_new_region(image: StrainImage, before: DisplayOptions, options: DisplayOptions) -> StrainImage | None:
    """The image over the average of the new options' region; None where it has no value there."""
    probe = image.grid.probe_type
    wanted = options.region_on(probe)
    return image if wanted == before.region_on(probe) else measured_in(image, wanted)
