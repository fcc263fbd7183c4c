"""Every choice that makes a USSE-Net, with what the paper states about it and the reason for the rest."""

from dataclasses import dataclass
from typing import Literal

from engine.errors import InvalidAcquisition


@dataclass(frozen=True, slots=True, kw_only=True)
class UsseConfiguration:
    """Geometry of one USSE-Net. The defaults are the network as its authors drew it.

    "Known" below means read off the authors' figure, "chosen" that the figure leaves it open.
    Raises InvalidAcquisition where the parts do not fit together.
    """

    input_channels: tuple[int, int, int] = (1, 1, 2)
    """Of pre, post and mid. Known: one RF frame, the other, and both stacked."""
    output_channels: int = 2
    """Known: 0 = axial, 1 = lateral displacement (the project's order, not the figure's)."""
    channels: tuple[int, ...] = (8, 16, 32, 64)
    """Of the encoder's levels, finest first; each level halves rows and lines. Known."""
    bottleneck: int = 128
    """Channels behind the coarsest level. Known."""
    convs: Literal[2, 4] = 4
    """Convolutions per block: 4 as drawn, or 2 (a plain U-Net block) where time counts."""
    normalisation: Literal["batch", "none"] = "batch"
    """Known: batch. With running statistics it folds into the convolutions, but they must be trained well."""
    third: Literal["batch-norm", "none"] = "batch-norm"
    """What follows the third of 4 convolutions. Drawn in the colour of the legend's softmax; chosen:
    batch norm, as behind its two neighbours, because a softmax in a residual branch adds at most 1 in total
    over all channels, and the colour may be a slip."""
    attention_kernel: Literal[1, 3] = 3
    """Side of the attention's convolutions. Known: 3."""
    recurrent: Literal["none", "full"] = "full"
    """The decoder's memory. Known: a ConvLSTM per level ("full"); "none" is a rectifier."""
    shared_encoder: bool = False
    """Whether pre and post pass the same weights. Not stated; chosen: no, as two streams are drawn."""

    def __post_init__(self) -> None:
        sizes = (*self.input_channels, self.output_channels, *self.channels, self.bottleneck)
        if not self.channels or min(sizes) < 1:
            raise InvalidAcquisition(f"{self}: every number of channels must be at least 1")
        if self.third not in ("batch-norm", "none"):
            raise InvalidAcquisition(f'third = "{self.third}": choose batch-norm or none')
        if self.third != "none" and self.convs != 4:
            raise InvalidAcquisition(
                f'third = "{self.third}" needs convs = 4: a block of {self.convs} convolutions has no third'
            )
        if self.third == "batch-norm" and self.normalisation != "batch":
            raise InvalidAcquisition('third = "batch-norm" needs normalisation = "batch"')

    @property
    def hidden(self) -> tuple[int, ...]:
        """Channels of the decoder's levels, coarsest first: 128, 64, 32, 16, 8 in the paper (inferred)."""
        return (self.bottleneck, *reversed(self.channels))


PAPER = UsseConfiguration()
