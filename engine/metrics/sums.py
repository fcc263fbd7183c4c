"""Sums that are pooled before anything is divided."""

from dataclasses import dataclass, fields
from typing import Self


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """Base of dataclasses whose fields are sums (or lists as tuples): `+` adds field by field."""

    def __add__(self, other: Self) -> Self:
        return type(self)(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))
