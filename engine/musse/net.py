"""MUSSE-Net as it runs live: stage 1 is phase tracking, stage 2 a small USSE-Net on what tracking leaves.

Stage 1 of the paper learns displacement from RF. Phase tracking on IQ gets it to hundredths of a sample by
physics, so here it is stage 1; the residual second stage keeps its shape: three streams (pre, post warped by
stage 1, and both together), fusion (CACFF), tri-cross attention (TCA) and cross-attentive decoding
(CAF). The ConvLSTM stays with the paper's network: here memory lost to fusion (docs/ablations.md).
"""

from contextlib import nullcontext
from typing import Final

import torch
from torch import Tensor, nn

from engine.errors import EngineUnavailable
from engine.musse.residual import (
    MID_CHANNELS,
    OUT_CHANNELS,
    SIDE_CHANNELS,
    LiveEstimate,
    combine,
    fit_windows,
    trunk_inputs,
)
from engine.musse.tracking_features import TrackingFeatures
from engine.network.configuration import UsseConfiguration
from engine.network.usse import UsseNet

TRUNK: Final = UsseConfiguration(
    input_channels=(SIDE_CHANNELS, SIDE_CHANNELS, MID_CHANNELS),
    output_channels=OUT_CHANNELS,
    channels=(16, 24, 32),  # half as many again did no better in a short training
    bottleneck=48,
    convs=2,  # below 2.5 GFLOP time is spent on operators, not on their arithmetic: few and fat ones
    normalisation="none",  # inputs are free of scale; statistics at run time cost time, running ones bias
    third="none",
    attention_kernel=1,  # mixes channels: what lies beside a cell the block's own convolutions have brought
    recurrent="none",
    shared_encoder=True,  # pre and post are the same kind of thing, normalised alike
)


class LiveNet(nn.Module):
    """Cells of a pair to strain, its standard deviation and displacement.

    Raises EngineUnavailable for a trunk with memory.
    """

    def __init__(self, trunk: UsseConfiguration = TRUNK) -> None:
        super().__init__()
        if trunk.recurrent != "none":
            raise EngineUnavailable(f"the live network has no memory: recurrent = {trunk.recurrent!r}")
        self.trunk = UsseNet(trunk)
        self.half_precision = False
        """Trunk in bfloat16, for training on CPUs that have it; everything measured stays float32."""

    def forward(self, cells: TrackingFeatures, measured: Tensor | None = None) -> LiveEstimate:
        """Estimate strain. Maps of `cells` are (batch, rows, cols), at least 8 x 8.

        `measured`: see `engine.musse.measurement.measure`.
        """
        with torch.no_grad():  # measured, not learnt: nothing of it has parameters
            found, scale = fit_windows(cells)
        device = cells.weight.device.type
        coarse = torch.autocast(device, dtype=torch.bfloat16) if self.half_precision else nullcontext()
        with coarse:
            answer, _ = self.trunk(*trunk_inputs(cells, found, scale), ())
        return combine(cells, found, scale, answer.float(), measured)
