"""Trained weights as the beginning of another training."""

from dataclasses import replace
from pathlib import Path

import torch

from engine.errors import EngineUnavailable
from engine.musse.checkpoint import load
from engine.musse.net import TRUNK, LiveNet
from engine.musse.residual import OUT_CHANNELS


def start_from(path: Path) -> LiveNet:
    """The network to train: that of these weights, with today's outputs.

    Weights of before the prior had a sigma of its own get one that equals the published. Raises
    EngineUnavailable: no weights of the live network, or of another geometry than this code trains.
    """
    old, manifest = load(path)
    if replace(manifest.configuration, output_channels=OUT_CHANNELS) != TRUNK:
        raise EngineUnavailable(f"weights {path} have another geometry than training has: {TRUNK}")
    net = LiveNet(TRUNK)
    tensors = dict(old.state_dict())
    for name, wanted in net.state_dict().items():
        missing = len(wanted) - len(tensors[name])
        if missing:
            tensors[name] = torch.cat((tensors[name], tensors[name][-missing:]))
    net.load_state_dict(tensors)
    return net
