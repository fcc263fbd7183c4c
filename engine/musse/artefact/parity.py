"""How far an engine's results are from the network's own, and how far they may be. NumPy only."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np

from engine.musse.artefact.recurrent import MapsOfPairs
from engine.musse.program_io import MIN_COVERAGE
from engine.spec import FrameArray

PAIRS: Final = 64
DRIFT: Final = 1000
"""Pairs of a sequence through a network with memory; its last `PAIRS` have to hold the same tolerances."""
CORRELATED: Final = 0.5  # ncc: below, the coarse search picks one of several equal peaks by rounding


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """Differences over a sequence, on correlated cells."""

    pairs: int
    displacement_rmse: float
    """Samples."""
    displacement_max: float
    """Samples."""
    strain_nrmse: float
    """RMSE of strain over the RMS of strain."""
    strain_max: float
    """Largest difference of strain over its own standard deviation."""
    not_finite: int
    """Values that are not finite, over all maps."""


TOLERANCES: Final[dict[str, Parity]] = {
    "fp32": Parity(
        pairs=PAIRS,
        displacement_rmse=1e-3,
        displacement_max=1e-2,
        strain_nrmse=1e-3,
        strain_max=0.02,
        not_finite=0,
    ),
    "fp16-trunk": Parity(
        pairs=PAIRS,
        displacement_rmse=5e-3,
        displacement_max=5e-2,
        strain_nrmse=2e-2,
        strain_max=0.2,
        not_finite=0,
    ),
}
"""By policy: the most that is allowed, and the least pairs. Never loosened for one card."""


def measure(
    chain: MapsOfPairs, expected: MapsOfPairs, frames: Iterable[FrameArray], *, skipping: int = 0
) -> Parity:
    """Both chains over a sequence, each with its own memory of earlier frames.

    The first `skipping` pairs are computed and not compared.
    """
    moved, wrong, truth, strain_max, not_finite, pairs = [], [], [], 0.0, 0, 0
    for number, (pre, post) in enumerate(pairwise(frames)):
        (maps, cells), (wanted, _) = chain.maps(pre, post), expected.maps(pre, post)
        if number < skipping:
            continue
        pairs += 1
        not_finite += sum(int(np.count_nonzero(~np.isfinite(values))) for values in maps)
        good = (wanted.ncc > CORRELATED) & (wanted.coverage > MIN_COVERAGE)
        moved.append((maps.axial - wanted.axial)[good] * cells.samples)
        wrong.append((maps.strain - wanted.strain)[good])
        truth.append(wanted.strain[good])
        strain_max = max(strain_max, float(np.max(np.abs(wrong[-1]) / wanted.strain_std[good], initial=0.0)))
    displacement, strain = np.concatenate(moved), np.concatenate(wrong)
    return Parity(
        pairs=pairs,
        displacement_rmse=_rms(displacement),
        displacement_max=float(np.max(np.abs(displacement), initial=0.0)),
        strain_nrmse=_rms(strain) / _rms(np.concatenate(truth)),
        strain_max=strain_max,
        not_finite=not_finite,
    )


def failures(found: Parity, policy: str) -> list[str]:
    """Which tolerances of a policy a measurement misses, each with both numbers; empty where it passes.

    A number that is not finite misses its tolerance.
    """
    allowed = TOLERANCES[policy]
    missed = [f"{found.pairs} pairs of {allowed.pairs}"] if found.pairs < allowed.pairs else []
    limits: dict[str, Any] = asdict(allowed)
    for name, limit in limits.items():
        value = getattr(found, name)
        if name != "pairs" and not value <= limit:
            missed.append(f"{name} {value:.3g}, allowed {limit:g}")
    return missed


def _rms(values: Any) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64)))) if len(values) else float("nan")
