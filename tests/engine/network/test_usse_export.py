"""Exported graphs: nothing mutated, nothing a compiler lacks, and ONNX Runtime computes the same."""

from dataclasses import replace
from pathlib import Path

import onnxruntime
import pytest
import torch
from torch.export import Dim, ExportedProgram, export

from engine.musse.net import TRUNK
from engine.network.configuration import PAPER, UsseConfiguration
from engine.network.usse import UsseNet
from tests.engine.network.small_networks import RECURRENT, SMALL_PAPER, awake, images

SMALL_RECURRENT = replace(RECURRENT, channels=(6, 8), bottleneck=12)
STEPS = 64
PARITY = 1e-4

pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning")  # torch.onnx copies its trees


def _export(network: UsseNet, size: tuple[int, int], *, dynamic: bool) -> ExportedProgram:
    state = network.zero_state(size)
    any_size = {2: Dim.AUTO, 3: Dim.AUTO}
    shapes = [any_size, any_size, any_size, tuple(any_size for _ in state)]
    arguments = (*images(network.configuration, size), state)
    return export(network, arguments, dynamic_shapes=shapes if dynamic else None)


def _worst(program: ExportedProgram, network: UsseNet, size: tuple[int, int], path: Path) -> float:
    """The largest difference over `STEPS` steps, each runtime fed with its own state."""
    exported = torch.onnx.export(program, dynamo=True, opset_version=18, verbose=False)
    assert exported is not None
    exported.save(path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [argument.name for argument in session.get_inputs()]
    state = network.zero_state(size)
    remembered = [part.numpy() for part in state]
    worst = 0.0
    for step in range(STEPS):
        frame = images(network.configuration, size, step)
        with torch.no_grad():
            output, state = network(*frame, state)
        values = [*(image.numpy() for image in frame), *remembered]
        found, *remembered = session.run(None, dict(zip(names, values, strict=True)))
        assert output.abs().max() > 0.01
        for ours, theirs in zip((output, *state), (found, *remembered), strict=True):
            worst = max(worst, float((ours - torch.from_numpy(theirs)).abs().max()))
    return worst


@pytest.mark.long
def test_onnx_of_any_size(tmp_path: Path) -> None:
    network = awake(SMALL_RECURRENT)
    program = _export(network, (123, 45), dynamic=True)
    assert _worst(program, network, (90, 51), tmp_path / "network.onnx") < PARITY


def test_onnx_of_the_paper(tmp_path: Path) -> None:
    network = awake(SMALL_PAPER)
    program = _export(network, (32, 16), dynamic=False)
    assert _worst(program, network, (32, 16), tmp_path / "network.onnx") < PARITY


@pytest.mark.parametrize(
    "configuration",
    [
        pytest.param(TRUNK, id="live"),
        pytest.param(RECURRENT, id="recurrent", marks=pytest.mark.long),
        pytest.param(PAPER, id="paper", marks=pytest.mark.long),
    ],
)
def test_exported_graph_mutates_nothing(configuration: UsseConfiguration) -> None:
    program = _export(awake(configuration), (48, 32), dynamic=False).run_decompositions({})
    assert not program.graph_signature.buffers_to_mutate
    assert not program.graph_signature.user_inputs_to_mutate
    for node in program.graph.nodes:
        value = node.meta.get("val")
        if isinstance(value, torch.Tensor):
            assert value.dtype in (torch.float32, torch.int64)
        assert not any(word in node.name for word in ("split", "chunk", "lstm", "grid_sampl"))


def test_the_check_notices_a_mutated_buffer() -> None:
    program = _export(awake(SMALL_PAPER).train(), (48, 32), dynamic=False)
    assert program.run_decompositions({}).graph_signature.buffers_to_mutate
