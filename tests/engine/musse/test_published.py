"""The published network as an engine: its state is transactional and carried on only where it fits."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.errors import EngineUnavailable
from engine.factory import load, resolve
from engine.musse.checkpoint import save
from engine.musse.published import PublishedEstimator
from engine.network.configuration import PAPER
from engine.network.musse import MusseConfiguration, MusseNet
from engine.spec import EngineSpec, FloatArray, StrainResult
from tests.engine.moved_scatterers import Pair, make_pair

SPEC = EngineSpec(shape=(512, 32), sampling_frequency=40e6, center_frequency=5e6, line_pitch=0.3e-3)
SMALL = replace(PAPER, channels=(4, 8), bottleneck=8)
MAPS = ("axial_displacement", "lateral_displacement", "axial_strain", "strain_std", "ncc")

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network of the published form whose heads move something."""
    torch.manual_seed(1)
    net = MusseNet(MusseConfiguration(window=3, stage=SMALL))
    for name, parameter in net.named_parameters():
        if ".heads." in name:
            torch.nn.init.normal_(parameter, std=0.02)
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    save(net.eval(), path, trained={})
    return path


@cache
def frames() -> list[FloatArray]:
    """Four frames of a press."""

    def press(count: int) -> Pair:
        return make_pair(lambda z, x: -0.003 * count * z, shape=SPEC.shape, seed=5)

    pairs = [press(count) for count in range(1, 4)]
    return [pairs[0].pre, *(pair.post for pair in pairs)]


def assert_equal(one: StrainResult, other: StrainResult) -> None:
    for name in MAPS:
        assert np.array_equal(getattr(one, name), getattr(other, name)), name


def differs(one: StrainResult, other: StrainResult) -> bool:
    return not np.array_equal(one.axial_displacement, other.axial_displacement)


def test_state_is_carried_on_from_pair_to_pair(weights: Path) -> None:
    a, b, c, _ = frames()
    estimator = PublishedEstimator(SPEC, weights)
    first, second = estimator.step(a, b), estimator.step(b, c)
    assert first.fresh_state
    assert not second.fresh_state
    alone = PublishedEstimator(SPEC, weights).step(b, c)
    assert alone.fresh_state
    assert differs(second, alone)  # the control: memory changes what comes out


def test_a_key_frame_carries_its_state_on_too(weights: Path) -> None:
    a, b, c, _ = frames()
    estimator = PublishedEstimator(SPEC, weights)
    estimator.step(a, b)
    again = estimator.step(a, c)
    assert not again.fresh_state
    assert differs(again, PublishedEstimator(SPEC, weights).step(a, c))


def test_a_proposal_that_is_not_committed_changes_nothing(weights: Path) -> None:
    a, b, c, d = frames()
    plain, asked = PublishedEstimator(SPEC, weights), PublishedEstimator(SPEC, weights)
    for estimator in (plain, asked):
        estimator.step(a, b)
    asked.propose(b, d)  # rejected
    assert_equal(plain.step(b, c), asked.step(b, c))
    committed = PublishedEstimator(SPEC, weights)
    committed.step(a, b)
    committed.step(b, d)
    assert differs(committed.step(b, c), plain.step(b, c))  # the control: a committed pair does change it


def test_a_pair_that_starts_elsewhere_and_a_reset_begin_anew(weights: Path) -> None:
    a, b, c, d = frames()
    estimator = PublishedEstimator(SPEC, weights)
    estimator.step(a, b)
    elsewhere = estimator.step(c, d)
    assert elsewhere.fresh_state
    assert_equal(elsewhere, PublishedEstimator(SPEC, weights).step(c, d))
    estimator.reset()
    assert_equal(estimator.step(d, c), PublishedEstimator(SPEC, weights).step(d, c))


def test_it_is_opened_by_its_weights_on_the_runtimes_that_have_it(weights: Path) -> None:
    assert isinstance(load("eager", weights=weights)(SPEC, "cpu"), PublishedEstimator)
    assert resolve("musse", weights)[0] == "eager"
    with pytest.raises(EngineUnavailable, match="no program of the published network: use engine eager"):
        load("onnx", weights=weights)
    with pytest.raises(EngineUnavailable, match="come from: musse-stream train --recipe paper"):
        load("eager", weights=Path("paper"))


def test_uncertainty_follows_the_match_of_the_frames(weights: Path) -> None:
    a = frames()[0]
    matched = PublishedEstimator(SPEC, weights).step(a, a)
    noise = np.random.default_rng(0).normal(size=SPEC.shape).astype(np.float32)
    unmatched = PublishedEstimator(SPEC, weights).step(a, noise)
    assert np.median(matched.ncc) > np.median(unmatched.ncc) + 0.3
    finite = unmatched.strain_std[np.isfinite(unmatched.strain_std)]
    assert np.median(matched.strain_std) < 0.5 * np.median(finite)


def test_an_untrained_network_gives_the_affine_part_of_the_motion(tmp_path: Path) -> None:
    a, _, _, d = frames()
    net = MusseNet(MusseConfiguration(window=3, stage=SMALL)).eval()  # heads start at zero
    save(net, tmp_path / "still.safetensors", trained={})
    found = PublishedEstimator(SPEC, tmp_path / "still.safetensors").step(a, d)
    assert np.allclose(found.axial_strain, found.axial_strain.mean(), atol=1e-5)
    assert found.axial_strain.mean() == pytest.approx(-0.009, rel=0.1)
    assert np.median(found.ncc) > 0.9  # which without alignment is far lower
    assert np.median(PublishedEstimator(SPEC, tmp_path / "still.safetensors").step(a, a[::-1]).ncc) < 0.5
