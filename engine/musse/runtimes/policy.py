"""Precision policies: where a program computes in half precision."""

from copy import deepcopy
from typing import Final, Literal, TypeAlias

from torch import Tensor, nn

from engine.musse.program import LiveProgram
from engine.network.decoder import State

Policy: TypeAlias = Literal["fp32", "fp16-trunk"]

POLICIES: Final[dict[Policy, str]] = {"fp32": "float32", "fp16-trunk": "float32, trunk float16"}
"""Policies and the `precision` of their results. TF32 is in neither: it moves strain by up to four of its
standard deviations. Positions are float32 in both: float16 is wrong by a quarter of a sample at depth."""


class HalfTrunk(nn.Module):
    """A trunk in float16 between maps in float32: strain moves by at most 0.03 standard deviations.

    The casts are part of the graph, because compilers choose no precision of their own. Not bfloat16:
    TensorRT for RTX does not compile its transposed convolution.
    """

    def __init__(self, trunk: nn.Module) -> None:
        super().__init__()
        self.trunk = trunk.half()

    def forward(self, pre: Tensor, post: Tensor, mid: Tensor, state: State) -> tuple[Tensor, State]:
        """The same as the trunk's own."""
        output, state = self.trunk(pre.half(), post.half(), mid.half(), state)
        return output.float(), state


def with_policy(program: LiveProgram, policy: Policy) -> LiveProgram:
    """`program` in the precision of `policy`: itself for fp32, otherwise a copy."""
    if policy == "fp32":
        return program
    copied = deepcopy(program)
    copied.net.register_module("trunk", HalfTrunk(copied.net.trunk))
    return copied
