"""The yardstick is what it says: its size is that of the published network."""

import numpy as np
import onnxruntime
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from tools.bench.yardstick import SHAPE, Yardstick, measure_yardstick, onnx_of, yardstick_inputs

SMALL = (64, 32)


def test_parameters_of_the_published_network() -> None:
    parameters = sum(parameter.numel() for parameter in Yardstick().parameters())
    assert parameters == pytest.approx(1.50e6, rel=0.02)


def test_operations_of_the_published_network() -> None:
    """Counted on shapes alone: at full size, without computing anything."""
    with torch.device("meta"):
        network = Yardstick()
    frames, state = yardstick_inputs(SHAPE)
    with FlopCounterMode(display=False) as counter:
        displacement, following = network(frames.to("meta"), tuple(part.to("meta") for part in state))
    assert displacement.shape == frames.shape
    assert [part.shape for part in following] == [part.shape for part in state]
    assert counter.get_total_flops() == pytest.approx(14.8e9, rel=0.02)


@pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning")  # torch.onnx copies its trees
def test_is_timed_as_what_torch_computes() -> None:
    network = Yardstick().eval()
    frames, state = yardstick_inputs(SMALL)
    session = onnxruntime.InferenceSession(onnx_of(network, (frames, state)))
    names = [argument.name for argument in session.get_inputs()]
    feeds = {name: part.numpy() for name, part in zip(names, (frames, *state), strict=True)}
    with torch.no_grad():
        displacement, following = network(frames, state)
    for found, expected in zip(session.run(None, feeds), (displacement, *following), strict=True):
        assert np.abs(found - expected.numpy()).max() < 1e-5

    figures = measure_yardstick(threads=1, runs=3, shape=SMALL)
    assert 0.0 < figures["yardstick_min_ms"] <= figures["yardstick_p50_ms"]
    assert figures["environment"]["onnxruntime"] != "missing"
