"""The section [display] of the configuration."""

from typing import Literal, Self

from pydantic import Field, model_validator

from streamer.config import Section
from streamer.ranges import Finite, Fraction, NonNegative, Positive

Layout = Literal["side-by-side", "overlay"]
Value = Literal["normalised", "percent"]
ImageKind = Literal["fused", "pair"]
ColorMap = Literal["clinical", "reversed", "perceptual", "grey"]


class DisplayConfig(Section):
    """What the window shows at start; keys change it live."""

    layout: Layout = Field("side-by-side", description="B-mode beside or under")
    value: Value = Field("normalised", description="1 = average, or signed %")
    picture: ImageKind = Field("fused", description="of many pairs, or of the newest alone")
    color_map: ColorMap = Field("clinical", description="colours of strain")
    opacity: Fraction = Field(0.6, description="of strain over B-mode in the overlay")
    persistence: NonNegative = Field(0.0, description="time constant of averaging single pairs, s; 0: off")
    range_max: Positive = Field(2.5, description="top of the normalised colour range at start")
    region: tuple[NonNegative, NonNegative, Finite, Finite] = Field(
        (0.0, 0.0, 0.0, 0.0), description="axial from, to, lateral from, to in mm; zeros: the node's region"
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        top, bottom, left, right = self.region
        if any(self.region) and not (top < bottom and left < right):
            raise ValueError(f"region = {list(self.region)}: from has to lie before to, or all four are 0")
        return self
