"""Parity decides whether an engine is used: it passes what computes the same, and nothing else."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from engine.factory import shipped_weights
from engine.musse.artefact.benchmark import benchmark
from engine.musse.artefact.frames import pressed_frames
from engine.musse.artefact.parity import PAIRS, TOLERANCES, Parity, failures, measure
from engine.musse.chain import HostChain
from engine.musse.checkpoint import load
from engine.musse.device.chain import DeviceChain
from engine.musse.device.plan import Replace, Runner, unchanged
from engine.musse.device.step import PlainStep
from engine.musse.program import LiveProgram
from engine.musse.runtimes.eager import EagerRuntime
from engine.spec import FrameArray
from tests.engine.musse.device_sequences import SPEC, Tf32

SHORT = 5  # pairs: enough for a control

pytestmark = pytest.mark.usefixtures("one_thread")


@cache
def frames(count: int) -> tuple[FrameArray, ...]:
    return tuple(pressed_frames(SPEC, 0.125, count))


def chain(replacing: Replace = unchanged) -> DeviceChain:
    net, manifest = load(shipped_weights())
    return DeviceChain(
        SPEC,
        LiveProgram(net),
        manifest,
        name="device",
        policy="fp32",
        device=torch.device("cpu"),
        make_step=PlainStep,
        replace=replacing,
    )


def host() -> HostChain:
    return HostChain(SPEC, EagerRuntime(shipped_weights()))


class Off(torch.nn.Module):
    """An engine whose strain is off by a little, as a wrong kernel's would be."""

    def __init__(self, pair: torch.nn.Module, factor: float) -> None:
        super().__init__()
        self.pair, self.factor = pair, factor

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        strain, *others = self.pair(*inputs)
        return (strain * self.factor, *others)


@pytest.mark.long
def test_64_recurrent_pairs_of_an_equal_engine_pass() -> None:
    found = measure(chain(), host(), frames(PAIRS + 1))
    assert found.pairs == PAIRS
    assert failures(found, "fp32") == []


@pytest.mark.parametrize("factor", [1.02, float("nan")])
def test_an_engine_that_is_off_fails(factor: float) -> None:
    found = measure(chain(lambda pair, *_: Runner(Off(pair, factor), "tensorrt")), host(), frames(SHORT))
    missed = " ".join(failures(replace(found, pairs=PAIRS), "fp32"))
    assert "strain_nrmse" in missed
    assert ("not_finite" in missed) == np.isnan(factor)


def test_an_engine_with_tf32_fails() -> None:
    with Tf32():
        found = measure(chain(), host(), frames(SHORT))
    assert failures(replace(found, pairs=PAIRS), "fp32")
    assert failures(replace(found, pairs=PAIRS), "fp16-trunk")


def test_a_short_sequence_proves_nothing() -> None:
    found = measure(chain(), host(), frames(SHORT))
    assert failures(found, "fp32") == [f"{SHORT - 1} pairs of {PAIRS}"]


def test_every_number_of_parity_has_a_tolerance() -> None:
    for policy, allowed in TOLERANCES.items():
        worse = {name: getattr(allowed, name) * 1.01 + 1 for name in Parity.__dataclass_fields__}
        missed = failures(Parity(**{**worse, "pairs": PAIRS}), policy)
        assert len(missed) == len(worse) - 1


def test_the_sequence_is_the_same_everywhere_and_strained() -> None:
    first, second = (next(iter(pressed_frames(SPEC, 0.125, 1))) for _ in range(2))
    assert np.array_equal(first, second)
    pre, post = frames(SHORT)[:2]
    maps, _ = host().maps(pre, post)
    assert 1e-3 < np.abs(maps.strain).max() < 0.02
    assert np.median(maps.ncc) > 0.9


def test_the_benchmark_counts_replays() -> None:
    def two() -> Iterator[FrameArray]:
        yield from frames(SHORT)[:2]

    times = benchmark(chain(), two(), replays=3)
    assert times["replays"] == 3
    assert 0.0 < times["median_ms"] <= times["p99_ms"] <= times["max_ms"]
    assert times["allocations"] == 0
