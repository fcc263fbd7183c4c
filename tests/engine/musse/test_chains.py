"""Every chain that this machine has gives the maps of `onnx`, whatever the sequence of frames."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from typing import Any, Final

import numpy as np
import pytest
import torch

from engine.errors import EstimateFailed, InvalidAcquisition
from engine.factory import shipped_weights
from engine.musse.chain import Chain, HostChain
from engine.musse.checkpoint import load
from engine.musse.device.chain import DeviceChain
from engine.musse.device.plan import Carry, Plan, StepResult
from engine.musse.device.step import GraphStep, MakeStep, PlainStep
from engine.musse.program import LiveProgram
from engine.musse.runtimes.eager import EagerRuntime
from engine.musse.runtimes.onnx import OnnxRuntime
from engine.spec import Device, FrameArray, Policy
from engine.tracking.iq import IqTransform
from engine.tracking.torch_device import torch_device
from tests.engine.musse.device_sequences import SEQUENCES, SPEC, Tf32, difference, pairs, pressed

SIGMA: Final[dict[Policy, float]] = {"fp32": 0.02, "fp16-trunk": 0.2}
"""Largest difference in strain, in its own standard deviations. Never loosened for one device."""

pytestmark = pytest.mark.usefixtures("one_thread")


@cache
def program() -> tuple[LiveProgram, Any]:
    net, manifest = load(shipped_weights())
    return LiveProgram(net), manifest


def onnx() -> HostChain:
    return HostChain(SPEC, _onnx_runtime())


@cache
def _onnx_runtime() -> OnnxRuntime:
    return OnnxRuntime(shipped_weights().with_suffix(".onnx"))


def eager() -> HostChain:
    return HostChain(SPEC, EagerRuntime(shipped_weights()))


def device(policy: Policy = "fp32", name: Device = "cpu", make_step: MakeStep = PlainStep) -> DeviceChain:
    net, manifest = program()
    return DeviceChain(
        SPEC, net, manifest, name="device", policy=policy, device=torch_device(name), make_step=make_step
    )


CHAINS: Final[dict[str, tuple[Callable[[], Chain], Policy]]] = {
    "eager": (eager, "fp32"),
    "device, CPU": (device, "fp32"),
    "device, CPU, fp16 trunk": (partial(device, "fp16-trunk"), "fp16-trunk"),
}
if torch.cuda.is_available():
    for policy in SIGMA:
        CHAINS[f"device, CUDA, {policy}"] = partial(device, policy, "cuda"), policy
        CHAINS[f"graph, {policy}"] = partial(device, policy, "cuda", GraphStep), policy


@pytest.mark.parametrize(
    "sequence",
    [pytest.param(name, marks=pytest.mark.long if name == "64 pairs" else ()) for name in SEQUENCES],
)
@pytest.mark.parametrize("chain", CHAINS)
def test_a_chain_equals_onnx(chain: str, sequence: str) -> None:
    make, policy = CHAINS[chain]
    assert difference(make(), onnx(), SEQUENCES[sequence]()) < SIGMA[policy]


def test_tf32_is_noticed() -> None:
    with Tf32():
        assert difference(device(), onnx(), pairs(pressed(5))) > 10 * SIGMA["fp32"]


def test_a_wrong_slot_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Plan.run

    def shifted(self: Plan, post: FrameArray, pre_slot: int, post_slot: int, *carry: Carry) -> StepResult:
        first = self._slots[0].shape[0] - 1  # slots are taken from the last one down
        return run(self, post, min(pre_slot + 1, first), post_slot)  # of the frame before

    monkeypatch.setattr(Plan, "run", shifted)
    assert difference(device(), onnx(), pairs(pressed(5))) > 100 * SIGMA["fp32"]


def test_frames_are_uploaded_once_and_their_carrier_comes_down_with_the_maps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    uploads: list[int] = []
    run = Plan.run

    def counting(self: Plan, post: FrameArray, pre_slot: int, post_slot: int, *carry: Carry) -> StepResult:
        uploads.append(post_slot)
        return run(self, post, pre_slot, post_slot)

    measured: list[FrameArray] = []
    band = IqTransform.band
    monkeypatch.setattr(Plan, "run", counting)

    def measuring(self: IqTransform, frame: FrameArray) -> object:
        measured.append(frame)
        return band(self, frame)

    monkeypatch.setattr(IqTransform, "band", measuring)
    chain = device()
    for pre, post in SEQUENCES["stride 3"]():
        chain.maps(pre, post)
    assert len(uploads) == 20  # as many as frames
    assert len(measured) == 3  # those that were no post before


def test_two_grids_keep_their_plans(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[float] = []
    construct = Plan.__init__

    def counting(self: Plan, spec: Any, grid: Any, *given: Any, **named: Any) -> None:
        built.append(grid.frequency)
        construct(self, spec, grid, *given, **named)

    monkeypatch.setattr(Plan, "__init__", counting)
    chain = device()
    for pre, post in SEQUENCES["carrier jump"]():
        chain.maps(pre, post)
    assert len(built) == len(set(built)) == 2


@pytest.mark.parametrize("make", [onnx, device], ids=["onnx", "device"])
def test_unusable_frames_are_named_and_harm_no_later_pair(make: Callable[[], Chain]) -> None:
    frames = [frame.astype(np.float32) for frame in pressed(5)]
    broken = frames[2].copy()
    broken[100, 7] = np.inf
    chain = make()
    chain.maps(frames[0], frames[1])
    for pre, post in ((frames[1], broken), (broken, frames[1])):
        with pytest.raises(EstimateFailed, match="samples that are not finite"):
            chain.maps(pre, post)
    for pre, post in ((frames[1], np.zeros_like(broken)), (np.zeros_like(broken), frames[1])):
        with pytest.raises(EstimateFailed, match="no signal"):
            chain.maps(pre, post)
    with pytest.raises(InvalidAcquisition, match=r"shape \(899, 48\).*\(900, 48\)"):
        chain.maps(frames[1], frames[2][:-1])
    assert difference(chain, onnx(), pairs(frames[1:])) < SIGMA["fp32"]


def test_a_result_is_not_overwritten_by_the_next() -> None:
    chain = device()
    pre, middle, post = pressed(3)
    first, _ = chain.maps(pre, middle)
    kept = first.strain.copy()
    chain.maps(middle, post)
    assert np.array_equal(first.strain, kept)


def test_after_a_reset_a_chain_is_as_new() -> None:
    used, fresh = device(), device()
    for pre, post in SEQUENCES["carrier jump"]()[:6]:
        used.maps(pre, post)
    used.reset()
    for pre, post in pairs(pressed(3)):
        one, other = used.maps(pre, post)[0], fresh.maps(pre, post)[0]
        assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_iq_is_refused_with_the_engine_that_takes_it() -> None:
    net, manifest = program()
    with pytest.raises(InvalidAcquisition, match="takes RF, not 'iq' frames: use engine eager"):
        DeviceChain(
            replace(SPEC, kind="iq"),
            net,
            manifest,
            name="cuda",
            policy="fp32",
            device=torch.device("cpu"),
            make_step=PlainStep,
        )
