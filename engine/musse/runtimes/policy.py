"""The live program in half precision, where `engine.spec.Policy` allows it."""

from copy import deepcopy

from torch import Tensor, nn

from engine.musse.program import LiveProgram
from engine.network.decoder import State
from engine.spec import Policy


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
