"""Networks small enough for tests, with heads that do not start at zero, and inputs for them."""

from dataclasses import replace

import torch
from torch import Tensor, nn

from engine.network.configuration import PAPER, UsseConfiguration
from engine.network.usse import UsseNet

SMALL_PAPER = replace(PAPER, channels=(4, 8), bottleneck=16)

RECURRENT = UsseConfiguration(  # no product: plain blocks with a memory, as the live trunk has none
    input_channels=(3, 3, 5),
    output_channels=6,
    channels=(6, 8, 12, 16),
    bottleneck=24,
    convs=2,
    normalisation="none",
    third="none",
    attention_kernel=1,
    recurrent="full",
    shared_encoder=True,
)


def awake(configuration: UsseConfiguration, seed: int = 0) -> UsseNet:
    """A network whose output is not zero and whose norms have seen data, in evaluation mode."""
    torch.manual_seed(seed)
    network = UsseNet(configuration)
    wake(network)
    if configuration.normalisation == "batch":
        size = (32, 32)
        with torch.no_grad():
            for step in range(20):
                network(*images(configuration, size, step), network.zero_state(size))
    return network.eval()


def wake(network: nn.Module) -> None:
    """Take the heads of a UsseNet away from zero."""
    assert isinstance(network, UsseNet)
    for head in network.decoder.heads:
        assert isinstance(head, nn.Conv2d)
        torch.nn.init.normal_(head.weight, std=0.05)


def images(configuration: UsseConfiguration, size: tuple[int, int], seed: int = 1) -> list[Tensor]:
    """Pre, post and mid of noise."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(1, count, *size, generator=generator) for count in configuration.input_channels]
