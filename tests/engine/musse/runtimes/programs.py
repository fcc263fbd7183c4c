"""The programs that TensorRT compiles, each with example inputs."""

from collections.abc import Callable
from functools import partial
from typing import Final, TypeVar

import torch
from torch import Tensor, nn

from engine.factory import shipped_weights
from engine.musse.chain import HostChain
from engine.musse.checkpoint import load
from engine.musse.program import LiveProgram
from engine.musse.published_pair import PublishedPair
from engine.musse.runtimes.eager import EagerRuntime
from engine.musse.runtimes.policy import with_policy
from engine.network.configuration import PAPER
from engine.network.musse import MusseConfiguration, MusseNet
from engine.network.stateful import StatefulProgram
from engine.network.usse import UsseNet
from engine.spec import EngineSpec, Policy
from engine.tracking.iq import IqTransform
from tests.engine.moved_scatterers import make_pair
from tests.engine.network.small_networks import wake

Example = tuple[nn.Module, tuple[Tensor, ...]]
Size = tuple[int, int]
WINDOW = 51
Net = TypeVar("Net", bound=nn.Module)


def live(size: Size, policy: Policy = "fp32") -> Example:
    """The live program with the shipped weights, on a pair pressed by 1 %."""
    spec = EngineSpec(shape=size, sampling_frequency=40e6, center_frequency=5e6, line_pitch=0.3e-3)
    pair = make_pair(lambda z, x: -0.01 * z, shape=size)
    arrays, _ = HostChain(spec, EagerRuntime(shipped_weights())).inputs(pair.pre, pair.post)
    program = LiveProgram(load(shipped_weights())[0]).eval().requires_grad_(False)
    return with_policy(program, policy), tuple(torch.tensor(values) for values in arrays)


def usse(size: Size) -> Example:
    """USSE-Net as drawn, with a state that is not zero."""
    torch.manual_seed(0)
    net = trained_looking(UsseNet(PAPER))
    pre, post = torch.randn(2, 1, 1, *size).unbind()
    return StatefulProgram(net, 3), (
        pre.clone(),
        post.clone(),
        torch.cat((pre, post), 1),
        *own_state(net, size),
    )


def musse(size: Size, configuration: MusseConfiguration | None = None) -> Example:
    """MUSSE-Net as published: two stages, 20 state tensors."""
    torch.manual_seed(0)
    net = trained_looking(MusseNet(configuration or MusseConfiguration(window=WINDOW)))
    pre, post = torch.randn(2, 1, 1, *size).unbind()
    return StatefulProgram(net, 2), (pre.clone(), post.clone(), *own_state(net, size))


def published(size: Size) -> Example:
    """What a card computes of a pair with MUSSE-Net as published: alignment, network, strain, correlation."""
    torch.manual_seed(0)
    spec = EngineSpec(shape=size, sampling_frequency=40e6, center_frequency=5e6, line_pitch=0.3e-3)
    net = trained_looking(MusseNet(MusseConfiguration(window=WINDOW)))
    pair = PublishedPair(net, spec, IqTransform(spec).grid(0.125)).eval().requires_grad_(False)
    pre, post = torch.randn(2, 1, 1, *size).unbind()
    motion, slopes = torch.randn(1, 2, *size), 0.01 * torch.randn(2, 2)
    return pair, (pre.clone(), post.clone(), motion, slopes, *own_state(net, size))


def own_state(net: UsseNet | MusseNet, size: Size) -> tuple[Tensor, ...]:
    """Random state tensors, each its own."""
    return tuple(0.3 * torch.randn_like(tensor) for tensor in net.zero_state(size))


def trained_looking(net: Net) -> Net:
    """Heads away from zero and norms that have seen data: otherwise nothing would be warped."""
    for module in net.modules():
        if isinstance(module, UsseNet):
            wake(module)
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(0.0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    return net.eval().requires_grad_(False)


PROGRAMS: Final[dict[str, Callable[[Size], Example]]] = {
    "live": live,
    "live, fp16 trunk": partial(live, policy="fp16-trunk"),
    "USSE-Net": usse,
    "MUSSE-Net": published,
}
