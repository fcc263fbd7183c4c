"""What is left of one recording in the table and on the contact sheet."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One recording; None: no value. Without `error` its result file is complete."""

    pairs: int | None = None
    accepted: int | None = None
    """Pairs with values."""
    refused: int | None = None
    """Frames that made no pair."""
    mean_abs_strain: float | None = None
    """Mean over the accepted pairs of |mean strain|: press and release do not cancel."""
    median_ncc: float | None = None
    """Median over the accepted pairs of the NCC after motion compensation."""
    predicted_snre: float | None = None
    """Median over the accepted pairs of the predicted SNRe."""
    engine: str = ""
    seconds: float | None = None
    """Computing time, of the earlier run where it was skipped."""
    image: str | None = None
    """The last fused strain image, else that of the last accepted pair: a PNG in Base64."""
    error: str | None = None
    error_kind: str | None = None
    """The error in words that contain no name."""
    skipped: bool = False
    """Whether an earlier run finished it."""
