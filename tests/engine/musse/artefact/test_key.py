"""The key of a compiled engine: the same in every process, another one for anything that matters."""

import subprocess
import sys
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from engine.musse.artefact import key
from engine.musse.artefact.facts import key_of
from engine.musse.artefact.key import facts_of
from engine.musse.runtimes.tensorrt import exported
from engine.spec import Policy


class Graph(nn.Module):
    def __init__(self, joined: Callable[[Tensor, Tensor], Tensor], change: float = 0.0) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.joined = joined
        self.conv = nn.Conv2d(2, 2, 3)
        with torch.no_grad():
            self.conv.weight[0, 0, 0, 0] += change
        self.scale: Tensor
        self.register_buffer("scale", torch.tensor([2.0, 3.0]), persistent=False)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.joined(self.conv(x), self.conv(y)) * self.scale[:, None, None]


def larger(corners: bool) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda a, b: interpolate(a - b, scale_factor=2.0, mode="bilinear", align_corners=corners)


def key_for(module: nn.Module, size: int = 8, policy: Policy = "fp32", weights: str = "w") -> str:
    inputs = [torch.zeros(1, 2, size, 8) for _ in range(2)]
    return key_of(facts_of(exported(module, inputs), inputs, policy, weights))


def other_constant() -> Graph:
    module = Graph(lambda a, b: a - b)
    module.scale = torch.tensor([2.0, 3.0 + 1e-6])
    return module


VARIANTS: dict[str, Callable[[], str]] = {
    "a - b": lambda: key_for(Graph(lambda a, b: a - b)),
    "b - a": lambda: key_for(Graph(lambda a, b: b - a)),
    "twice": lambda: key_for(Graph(lambda a, b: 2 * (a - b))),
    "three times": lambda: key_for(Graph(lambda a, b: 3 * (a - b))),
    "corners": lambda: key_for(Graph(larger(True))),
    "no corners": lambda: key_for(Graph(larger(False))),
    "one weight": lambda: key_for(Graph(lambda a, b: a - b, 1e-6)),
    "one constant": lambda: key_for(other_constant()),
    "size": lambda: key_for(Graph(lambda a, b: a - b), size=9),
    "policy": lambda: key_for(Graph(lambda a, b: a - b), policy="fp16-trunk"),
    "weights": lambda: key_for(Graph(lambda a, b: a - b), weights="v"),
    "half": lambda: key_for(Graph(lambda a, b: (a.half() - b.half()).float())),
}


def test_everything_that_matters_changes_the_key() -> None:
    keys = {name: variant() for name, variant in VARIANTS.items()}
    assert len(set(keys.values())) == len(VARIANTS), keys
    assert keys["a - b"] == VARIANTS["a - b"]()  # the control: the same graph has the same key


@pytest.mark.parametrize("name", ["card", "versions", "operating_system"])
def test_another_machine_has_another_key(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    before = VARIANTS["a - b"]()
    monkeypatch.setattr(key, name, lambda: {"card": "another"})
    assert VARIANTS["a - b"]() != before


@pytest.mark.long
def test_the_key_is_the_same_in_another_process() -> None:
    code = "from tests.engine.musse.artefact.test_key import VARIANTS; print(VARIANTS['a - b']())"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == VARIANTS["a - b"]()
