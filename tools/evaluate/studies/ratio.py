"""Does the strain ratio err as its interval states? On inclusions of known strain under simulated hands.

python -m tools.evaluate.studies.ratio docs/evaluation/ratio.json docs/evaluation/ratio.md
"""

import json
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from textwrap import fill
from typing import Any, Final

import numpy as np

from engine.simulation import Inclusion, inclusion_phantom
from engine.simulation.aperture import varying_imaging
from engine.spec import EngineSpec
from tools.evaluate.methods import Engines
from tools.evaluate.records import environment
from tools.evaluate.report.findings import finding
from tools.evaluate.studies.cycles import JUDGED, Hand, Imaged, against_truth, fused_images, pressed
from tools.evaluate.studies.defaults import SEED
from tools.evaluate.studies.defaults import Sequence as Pressed
from tools.measure.ratio import measure, strongest_of_presses
from tools.measure.regions import Region, Regions

ENGINES: Final = ("reference", "musse")
FIRST: Final = JUDGED + 1000
"""Number of the first phantom; those before were looked at with earlier constants."""
PHANTOMS: Final = 20
RATE: Final = 10.0
SECONDS: Final = 3.2
"""Three presses."""
WINDOW: Final = (13.0, 6.5)
"""Wavelengths of the default strain window, along and across: no region is nearer to an edge."""
DEPTH, LINES, PITCH = 32e-3, 72, 0.4e-3
Z95: Final = 1.96


@dataclass(frozen=True, slots=True)
class Row:
    """One press, two regions."""

    phantom: int
    engine: str
    frame: int
    clear: bool
    """Whether it is a lesion of 10 mm whose strain is half that around it."""
    truth: float
    """Mean true strain of B over that of A."""
    ratio: float
    low: float
    high: float
    """Infinite: an open interval."""


def phantom(number: int) -> tuple[Pressed, list[Regions], bool]:
    """A pressed inclusion left of the middle, A inside and two B beside it; every fourth is a clear one."""
    rng = np.random.default_rng([SEED, number, 200])
    center = float(rng.uniform(5.5e6, 8e6))
    spec = EngineSpec(
        shape=(round(2 * DEPTH / 1540 * 4 * center), LINES),
        sampling_frequency=4 * center,
        center_frequency=center,
        line_pitch=PITCH,
    )
    clear = number % 4 == 0
    radius = 5e-3 if clear else float(rng.uniform(4.8e-3, 6.5e-3))
    stiffness = 3.0 if clear else math.exp(rng.uniform(math.log(0.4), math.log(5.0)))
    lesion = Inclusion(
        depth=float(rng.uniform(14e-3, 18e-3)), lateral=-5e-3, radius=radius, stiffness=stiffness
    )
    hand = Hand(
        press=0.012 if clear else float(rng.uniform(0.006, 0.02)),
        out_of_plane=float(rng.uniform(0.05e-3, 0.3e-3)),
        noise_db=30.0 if clear else float(rng.uniform(15.0, 30.0)),
        frame_rate=RATE,
        seconds=SECONDS,
    )
    imaging = varying_imaging(spec, fractional_bandwidth=0.6, lateral_fwhm=1.0e-3, n_zones=1)
    return pressed(inclusion_phantom(lesion), imaging, hand, number), _regions(lesion, center), clear


def _regions(lesion: Inclusion, center: float) -> list[Regions]:
    """In mm, each at least one strain window from the lesion's edge and from those of the image."""
    along, across = (1e3 * wavelengths * 1540 / center for wavelengths in WINDOW)
    x, z, radius = (1e3 * value for value in (lesion.lateral, lesion.depth, lesion.radius))
    a = Region(x=x, z=z, width=2 * (radius - across), height=2 * (radius - along))
    left, right = x + radius + across, 1e3 * LINES * PITCH / 2 - across
    b = {"x": (left + right) / 2, "width": min(right - left, 7.0), "height": 5.0}
    return [Regions(a=a, b=Region(z=z + lower, **b)) for lower in (0.0, 4.0)]


def rows_of(image: Imaged, regions: Regions, number: int, engine: str, *, clear: bool) -> Row:
    """The ratio of one image beside that of the true strain in the same cells."""
    shape = image.truth.shape
    a, b = (
        float(np.nanmean(image.truth[region.mask(image.frame.grid, shape)]))
        for region in (regions.a, regions.b)
    )
    found = measure(image.frame, regions).ratio
    return Row(
        number, engine, image.frame.frame_index, clear, b / a, float(found.value), found.low, found.high
    )


def study(on_phantom: Callable[[int], object]) -> Iterator[Row]:
    """Every engine on every press of every phantom."""
    engines = Engines()
    for number in range(FIRST, FIRST + PHANTOMS):
        scene, regions, clear = phantom(number)
        frames = list(scene.frames())
        for engine in ENGINES:
            for strongest in strongest_of_presses(list(fused_images(scene, frames, engine, engines))):
                image = against_truth(scene, strongest)
                for pair in regions:
                    yield rows_of(image, pair, number, engine, clear=clear)
        on_phantom(number)


def figures(rows: Sequence[Row]) -> dict[str, Any]:
    """Error over claimed deviation, bias, coverage and width of one engine."""
    closed = [row for row in rows if math.isfinite(row.high) and row.low > 0]
    errors = np.array([math.log(row.ratio / row.truth) for row in closed])
    sigmas = np.array([math.log(row.high / row.low) / 2 / Z95 for row in closed])
    halves = np.array([(row.high - row.low) / 2 / row.ratio for row in closed])
    clear = np.array([row.clear for row in closed], bool)
    return {
        "pairs": len(rows),
        "phantoms": len({row.phantom for row in rows}),
        "open": len(rows) - len(closed),
        "error_over_deviation": float(np.sqrt(np.mean((errors / sigmas) ** 2))),
        "median_bias": float(np.median(errors)),
        "rms_error": float(np.sqrt(np.mean(errors**2))),
        "coverage": float(np.mean([row.low <= row.truth <= row.high for row in rows])),
        "half_width": float(np.median(halves)),
        "half_width_clear": float(np.median(halves[clear])),
        "clear": int(clear.sum()),
    }


def document(found: dict[str, dict[str, Any]], made: dict[str, Any]) -> str:
    """The text of docs/evaluation/ratio.md."""
    about = (
        "Made by `python -m tools.evaluate.studies.ratio docs/evaluation/ratio.json "
        f"docs/evaluation/ratio.md` (code {made['code']}, {made['cpu']}). {PHANTOMS} phantoms with one "
        "inclusion of 9.6 to 13 mm, 0.4 to 5 times as stiff as its surroundings, 5.5 to 8 MHz, at the node's "
        "default settings; every fourth is a clear lesion of 10 mm and stiffness 3. A hand presses by 0.6 to "
        f"2 % once a second for {SECONDS:g} s at {RATE:g} frames/s, in-band noise 15 to 30 dB. The fused "
        "image at the strongest frame of every press; region A inside the lesion, B beside it at its depth "
        "and 4 mm deeper, each at least one strain window from every edge. Truth is the ratio of mean true "
        "strain in the same cells, not of moduli."
    )
    names = (
        "engine",
        "region pairs",
        "RMS of ln error / deviation",
        "median bias",
        "inside the 95 % interval",
        "median half-width",
        "of the clear lesion",
        "RMS of ln error",
    )
    lines = [
        f"| {' | '.join(names)} |",
        "|---" * len(names) + "|",
        "| wanted | 100 | 0.80 to 1.25 | within 5 % | 95 % | | at most 20 % | |",
    ]
    for engine, f in found.items():
        lines.append(
            f"| {engine} | {f['pairs']} of {f['phantoms']} phantoms, {f['open']} open "
            f"| {f['error_over_deviation']:.2f} | {100 * f['median_bias']:+.1f} % | {f['coverage']:.0%} "
            f"| {f['half_width']:.0%} | {f['half_width_clear']:.0%} | {f['rms_error']:.3f} |"
        )
    title = "# Strain ratio against the truth"
    return "\n\n".join([title, fill(about, 110), fill(finding("ratio"), 110), "\n".join(lines)]) + "\n"


def main(target: Path, page: Path) -> None:
    """Run the study and write its JSON and its page."""
    rows = list(study(on_phantom=lambda number: sys.stderr.write(f"phantom {number}\n")))
    found = {engine: figures([row for row in rows if row.engine == engine]) for engine in ENGINES}
    made = environment()
    listed = [{k: v if v != math.inf else None for k, v in asdict(row).items()} for row in rows]
    whole = {"environment": made, "figures": found, "rows": listed}
    target.write_text(json.dumps(whole, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    page.write_text(document(found, made), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
