"""TensorRT without a card: NVIDIA's compiler takes each program whole, and is given what PyTorch computes.

Not shown here: what an engine computes on a card. `musse-stream engine build` and `verify` test that there.
"""

import inspect
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from dataclasses import replace
from typing import Any
from unittest import mock

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d

from engine.errors import EngineError, EngineUnavailable
from engine.musse.runtimes import tensorrt, tensorrt_package
from engine.musse.runtimes.tensorrt import SETTINGS, CompiledEngine, compiled, lowered, settings_for
from engine.musse.runtimes.without_card import without_card
from engine.network.configuration import PAPER
from engine.network.musse import MusseConfiguration
from tests.engine.musse.runtimes.programs import PROGRAMS, musse

WHOLE = (2000, 128)
ODD = {"live": (901, 53), "live, fp16 trunk": (700, 45), "USSE-Net": (123, 45), "MUSSE-Net": (123, 45)}
IMAGES = {"USSE-Net": 3, "MUSSE-Net": 4}
"""Inputs before the state, of those that have one."""
FORBIDDEN = {
    "LOOP",
    "TRIP_LIMIT",
    "RECURRENCE",
    "ITERATOR",
    "LOOP_OUTPUT",
    "PLUGIN",
    "PLUGIN_V2",
    "PLUGIN_V3",
}
SMALL = MusseConfiguration(window=5, stage=replace(PAPER, channels=(4, 6), bottleneck=8))
PARITY = 1e-4  # of the largest value
HALF_PARITY = 3e-3  # where the trunk rounds to float16: three of its steps


pytestmark = pytest.mark.timeout(400)  # NVIDIA's compiler takes a minute where others hold the cores


@pytest.fixture(autouse=True)
def no_card() -> Iterator[None]:
    with without_card():
        yield


def difference(
    graph: Callable[..., Iterable[Tensor]], module: nn.Module, inputs: tuple[Tensor, ...]
) -> float:
    """The largest, over all outputs, as a share of the largest value."""
    with torch.no_grad():
        pairs = zip(graph(*inputs), module(*inputs), strict=True)
        return max(float((a - b).abs().max() / b.abs().max()) for a, b in pairs)


def others(inputs: tuple[Tensor, ...], images: int) -> tuple[Tensor, ...]:
    """The same images with another state."""
    generator = torch.Generator().manual_seed(9)
    state = (0.3 * torch.randn(t.shape, generator=generator) for t in inputs[images:])
    return (*inputs[:images], *state)


@pytest.mark.parametrize(
    ("name", "size"),
    [
        *(pytest.param(name, ODD[name], id=name) for name in PROGRAMS),
        *(pytest.param(name, WHOLE, id=f"{name}, full size", marks=pytest.mark.long) for name in PROGRAMS),
    ],
)
def test_the_compiler_takes_each_program_and_is_given_what_computes_the_same(
    name: str, size: tuple[int, int]
) -> None:
    module, inputs = PROGRAMS[name](size)
    engine, given = _compiled(module, inputs)
    assert len(engine.data) > 1e5
    assert not FORBIDDEN & set(given.layers)
    assert given.layers.total() > 100
    assert sorted(engine.inputs.values()) == list(range(len(inputs)))
    if name == "MUSSE-Net":
        assert len(inputs) == 4 + 20
        assert len(engine.outputs) == 2 + 20
    if name in IMAGES:  # another state than the one it was exported with, which the control keeps
        kept, inputs = inputs, others(inputs, IMAGES[name])
        assert difference(lambda *_: given(*kept), module, inputs) > 0.01
    assert difference(given, module, inputs) < (HALF_PARITY if "fp16" in name else PARITY)


class Given:
    """What TensorRT was given: layers by kind, and the graph, which PyTorch runs by the engine's bindings."""

    def __init__(self) -> None:
        self.layers: Counter[str] = Counter()
        self.graph: nn.Module
        self.outputs: list[str]
        self.engine: CompiledEngine

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        values = self.graph(*(inputs[index] for index in self.engine.inputs.values()))
        named = dict(zip(self.outputs, values, strict=True))
        return tuple(named[name] for name in self.engine.outputs)


def _compiled(module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[CompiledEngine, Given]:
    import torch_tensorrt.dynamo.conversion._TRTInterpreter as interpreter

    given = Given()
    run = interpreter.TRTInterpreter.run

    def watched(self: Any, *arguments: Any, **named: Any) -> Any:
        given.graph = deepcopy(self.module)  # its weights are taken away afterwards
        result = run(self, *arguments, **named)
        net = self.ctx.net
        given.layers.update(str(net.get_layer(k).type).rsplit(".", 1)[-1] for k in range(net.num_layers))
        given.outputs = list(result.output_names)
        return result

    with mock.patch.object(interpreter.TRTInterpreter, "run", watched):
        given.engine = compiled(module, inputs)
    return given.engine, given


# --- the controls: what these checks notice


class Pool(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return max_pool2d(x + 1.0, 2, ceil_mode=True) * 2.0


class Running(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.cumsum(dim=-2) + 1.0


class Bfloat16(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(8, 8, 2, stride=2).to(torch.bfloat16)

    def forward(self, x: Tensor) -> Tensor:
        up: Tensor = self.up(x.to(torch.bfloat16)).float()
        return up


def test_a_pool_that_rounds_up_is_noticed() -> None:
    inputs = (torch.randn(1, 2, 9, 9),)
    with pytest.raises(EngineError, match="TensorRT does not take the graph"):
        lowered(Pool(), inputs)
    split = lowered(Pool(), inputs, require_full_compilation=False)
    assert len(list(split.children())) == 3


def test_a_running_sum_is_noticed() -> None:
    with pytest.raises(EngineError, match="TensorRT"):
        compiled(Running(), (torch.randn(1, 50, 4),))


def test_the_compiler_refuses_a_graph_that_the_converters_accept() -> None:
    module, inputs = Bfloat16().requires_grad_(False), (torch.randn(1, 8, 16, 16),)
    lowered(module, inputs)
    with pytest.raises(EngineError, match="TensorRT does not take the graph"):
        compiled(module, inputs)


@pytest.mark.long
def test_a_state_that_two_stages_share_is_refused_and_would_be_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    module, inputs = musse((45, 18), SMALL)
    half = inputs[2 : 2 + len(inputs[2:]) // 2]
    shared = (*inputs[:2], *half, *half)
    with pytest.raises(EngineError, match="share memory"):
        lowered(module, shared)
    monkeypatch.setattr(tensorrt, "exported", torch.export.export)
    graph = lowered(module, shared)
    assert difference(graph, module, shared) < PARITY  # with the state it was exported with nothing shows
    assert difference(graph, module, others(inputs, 2)) > 0.1


def test_settings_that_torch_tensorrt_would_ignore_are_refused() -> None:
    compile_graph = tensorrt.torch_tensorrt().dynamo.compile
    assert settings_for(compile_graph) == SETTINGS
    for name in ("enabled_precisions", "disable_tf_32"):
        with pytest.raises(EngineError, match=f"no setting {name}"):
            settings_for(compile_graph, **{name: True})
    # the control: the library itself accepts any keyword
    assert any(p.kind == p.VAR_KEYWORD for p in inspect.signature(compile_graph).parameters.values())


def test_tf32_is_off_and_small_graphs_are_compiled() -> None:
    assert SETTINGS["disable_tf32"] is True
    assert SETTINGS["min_block_size"] == 1
    assert SETTINGS["require_full_compilation"] is True


@pytest.mark.parametrize(
    ("packages", "words"),
    [
        ({}, r"needs torch-tensorrt: pip install 'musse-stream\[tensorrt-rtx\]' for RTX cards"),
        (
            {"torch-tensorrt": "2.13.0", "torch-tensorrt-rtx": "2.13.0"},
            "both installed.*pip uninstall torch-tensorrt torch-tensorrt-rtx, then install one",
        ),
    ],
)
def test_a_wrong_installation_is_one_message(
    monkeypatch: pytest.MonkeyPatch, packages: dict[str, str], words: str
) -> None:
    monkeypatch.setattr(tensorrt_package, "installed", lambda _: packages)
    with pytest.raises(EngineUnavailable, match=words) as refusal:
        tensorrt.torch_tensorrt()
    assert "\n" not in str(refusal.value)
