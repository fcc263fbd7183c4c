"""The yardstick has the size of the published network."""

import numpy as np
import onnxruntime
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from tools.bench.ratios import measure_ratios
from tools.bench.yardstick import SHAPE, Yardstick, onnx_of, yardstick_inputs

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


@pytest.mark.long
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


@pytest.mark.long
@pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning")
def test_one_run_reports_times_and_ratios_of_all_three() -> None:
    figures = measure_ratios(threads=1, runs=3, shape=(512, 64))
    for name in ("yardstick", "program", "engine"):
        assert 0.0 < figures[f"{name}_min_ms"] <= figures[f"{name}_p50_ms"]
    assert figures["program_min_ms"] < figures["engine_min_ms"]  # the engine is the program and what feeds it
    ratio = figures["engine_min_ms"] / figures["yardstick_min_ms"]
    assert figures["engine_over_yardstick"] == pytest.approx(ratio, rel=0.01)
    assert figures["met"] == (figures["program_over_yardstick"] <= 0.25)
    assert figures["environment"]["onnxruntime"] != "missing"
