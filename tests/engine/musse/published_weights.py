"""A small network of the published form whose heads move something."""

from dataclasses import replace
from pathlib import Path
from typing import Final

import torch

from engine.musse.checkpoint import save
from engine.network.configuration import PAPER, UsseConfiguration
from engine.network.musse import MusseConfiguration, MusseNet

SMALL: Final[UsseConfiguration] = replace(PAPER, channels=(4, 8), bottleneck=8)


def small_published(folder: Path, spread: float = 0.02) -> Path:
    """Its weights file in `folder`; `spread` is the standard deviation of its heads' weights."""
    torch.manual_seed(1)
    net = MusseNet(MusseConfiguration(window=3, stage=SMALL))
    for name, parameter in net.named_parameters():
        if ".heads." in name:
            torch.nn.init.normal_(parameter, std=spread)
    path = folder / "small.safetensors"
    save(net.eval(), path, trained={})
    return path
