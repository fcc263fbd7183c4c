"""The frame program can be captured in a CUDA graph: it never waits for the host or copies from it.

On the meta device operators have shapes and no values, so the program runs without a card, and each operator
that would touch the host is seen. Capture itself is tested where there is a card, by the chains' test.
"""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from engine.factory import shipped_weights
from engine.musse import window_features
from engine.musse.cells import cell_grid
from engine.musse.checkpoint import load
from engine.musse.device.frame_program import FrameProgram, PairProgram
from engine.musse.program import LiveProgram
from engine.musse.window_features import place_kernels
from engine.tracking.iq import IqTransform
from engine.tracking.normalisation import PairInitialiser
from tests.engine.musse.device_sequences import SPEC

META = torch.device("meta")


class NothingFromTheHost(TorchDispatchMode):
    """Raises where an operator reads a value back, or mixes host and device memory.

    Numbers without dimensions are no memory: they are arguments of a kernel.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        tensors = [leaf for leaf in tree_leaves((args, kwargs, result)) if isinstance(leaf, Tensor)]
        devices = {tensor.device.type for tensor in tensors if tensor.dim()}
        name = function.overloadpacket.__name__
        if name == "_local_scalar_dense" or len(devices) > 1:
            raise AssertionError(f"{name} on {sorted(devices)}")
        return result


@pytest.fixture
def no_placed_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window_features, "_PLACED", {})


def run_on_meta() -> tuple[Any, ...]:
    transform = IqTransform(SPEC)
    grid = transform.grid(transform.nominal_carrier())
    front = PairInitialiser(grid, SPEC.shape[1], SPEC.line_pitch, SPEC.sample_pitch, max_rows=grid.n_rows)
    pair = PairProgram(
        front, cell_grid(grid, SPEC.shape[1], SPEC.line_pitch), LiveProgram(load(shipped_weights())[0])
    )
    program = FrameProgram(transform, grid, pair).eval().requires_grad_(False).to(META)
    frame = torch.zeros(SPEC.shape, dtype=torch.int16, device=META)
    pre = pair.front.normalise(program.canonical(frame)[0])
    with NothingFromTheHost():
        return tuple(program(frame, *pre))


@pytest.mark.usefixtures("no_placed_kernels")
def test_a_frame_is_computed_without_the_host() -> None:
    place_kernels(META)
    maps, _, measured = run_on_meta()
    assert maps.shape[0] == 6
    assert measured.shape == (4,)


@pytest.mark.usefixtures("no_placed_kernels")
def test_an_upload_in_the_program_is_noticed() -> None:
    with pytest.raises(AssertionError, match="copy"):
        run_on_meta()


def test_a_value_read_back_is_noticed() -> None:
    with NothingFromTheHost(), pytest.raises(AssertionError, match="_local_scalar_dense"):
        float(torch.zeros(1))
