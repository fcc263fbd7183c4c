"""A recurrent network as a program of plain tensors."""

from torch import Tensor, nn


class StatefulProgram(nn.Module):
    """UsseNet or MusseNet whose state tensors are inputs and outputs of their own, as exporters take them.

    A module's buffer would not do: compilers turn a buffer that changes into a constant.
    """

    def __init__(self, net: nn.Module, images: int) -> None:
        super().__init__()
        self.net = net
        self.images = images
        """How many inputs come before the state."""

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """The images, then the state -> the maps, then the new state."""
        *maps, state = self.net(*inputs[: self.images], inputs[self.images :])
        return (*maps, *state)
