"""What a trainer trains: a network, and the loss of a step."""

from typing import Protocol

from torch import Tensor, nn


class Task(Protocol):
    """A network and what it learns from. One thread."""

    @property
    def net(self) -> nn.Module:
        """Ready on its device, its weights drawn from the recipe's seed or read from a file."""
        ...

    @property
    def waited(self) -> float:
        """s in all that training stood still for scenes."""
        ...

    @property
    def left_out(self) -> int:
        """Comparisons of consecutive strain in the last step that were left out for lack of motion."""
        ...

    @property
    def pairs_per_step(self) -> int:
        """Pairs of frames that a step sees."""
        ...

    def terms(self, step: int) -> dict[str, Tensor]:
        """Terms of the loss by name, () each; their sum is minimised. Follows from the step alone."""
        ...
