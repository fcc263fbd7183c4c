"""The table behind the default pairing mode: numbers of this run, and the reason in words."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tools.evaluate.figures.sequences import PAIRINGS
from tools.evaluate.report.findings import finding
from tools.evaluate.summary import Row

PAIRING_COLUMNS: Final = (
    ("firm_fused_mean", "firm hand: mean NRMSE", "{:.2f}"),
    ("firm_fused_worst", "firm: worst", "{:.2f}"),
    ("light_fused_mean", "light hand: mean NRMSE", "{:.2f}"),
    ("light_fused_worst", "light: worst", "{:.2f}"),
    ("pairs_used", "pairs accepted", "{:.2f}"),
    ("calibration", "error / std", "{:.2f}"),
    ("coverage", "in 95 %", "{:.2f}"),
)
PAIRING_ABOUT: Final = (
    "Fused relative strain on the hand-held cycles, NRMSE pooled over the hands, frames after the fifth; "
    "whole inner region, windows 2 x 1 mm, 23 x 19 mm of tissue, 30 frames/s, presses of 2 % (firm) and "
    "0.6 % (light)."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionTable:
    """A table with its explanation and its conclusion."""

    title: str
    about: str
    reason: str
    head: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]


def pairing_table(rows: Sequence[Row]) -> DecisionTable | None:
    """Every pairing mode of each engine that was run with all of them; None without the group cycles."""
    cycles = {row.method: row for row in rows if row.group == "cycles"}
    engines = [name for name in dict.fromkeys(c.partition("/")[0] for c in cycles)
               if all(f"{name}/{mode}" in cycles for mode in PAIRINGS)]  # fmt: skip
    if not engines:
        return None
    lines = tuple(
        (f"{engine}, {mode}",
         *(_shown(cycles[f"{engine}/{mode}"].figures.get(name, math.nan), form)
           for name, _, form in PAIRING_COLUMNS))
        for engine in engines
        for mode in PAIRINGS
    )  # fmt: skip
    return DecisionTable(
        title="Which frames make a pair",
        about=PAIRING_ABOUT,
        reason=finding("pairing"),
        head=("pairing", *(title for _, title, _ in PAIRING_COLUMNS)),
        lines=lines,
    )


def _shown(value: float, form: str) -> str:
    return "" if math.isnan(value) else form.format(value)
