"""The published network as an engine: its state is transactional and carried on only where it fits."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.errors import EngineError, EngineUnavailable
from engine.estimator import Estimator
from engine.factory import load, resolve
from engine.musse import window_features
from engine.musse.checkpoint import load_published, save
from engine.musse.device.plan import unchanged
from engine.musse.device.published import DevicePublished, published_program
from engine.musse.device.step import PlainStep
from engine.musse.published import PublishedEstimator
from engine.musse.window_features import place_kernels
from engine.network.musse import MusseConfiguration, MusseNet
from engine.spec import EngineSpec, FloatArray, StrainResult
from engine.tracking.iq import IqTransform
from tests.engine.moved_scatterers import Pair, make_pair
from tests.engine.musse.published_weights import SMALL, small_published
from tests.engine.musse.test_capturable import META, NothingFromTheHost

SPEC = EngineSpec(shape=(512, 32), sampling_frequency=40e6, center_frequency=5e6, line_pitch=0.3e-3)
MAPS = ("axial_displacement", "lateral_displacement", "axial_strain", "strain_std", "ncc")

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_published(tmp_path_factory.mktemp("weights"))


@cache
def frames() -> list[FloatArray]:
    """Four frames of a press."""

    def press(count: int) -> Pair:
        return make_pair(lambda z, x: -0.003 * count * z, shape=SPEC.shape, seed=5)

    pairs = [press(count) for count in range(1, 4)]
    return [pairs[0].pre, *(pair.post for pair in pairs)]


def published(weights: Path) -> Estimator:
    return load("eager", weights=weights)(SPEC, "cpu")


def assert_equal(one: StrainResult, other: StrainResult) -> None:
    for name in MAPS:
        assert np.array_equal(getattr(one, name), getattr(other, name)), name


def differs(one: StrainResult, other: StrainResult) -> bool:
    return not np.array_equal(one.axial_displacement, other.axial_displacement)


def test_state_is_carried_on_from_pair_to_pair(weights: Path) -> None:
    a, b, c, _ = frames()
    estimator = published(weights)
    first, second = estimator.step(a, b), estimator.step(b, c)
    assert first.fresh_state
    assert not second.fresh_state
    alone = published(weights).step(b, c)
    assert alone.fresh_state
    assert differs(second, alone)  # the control: memory changes what comes out


def test_a_key_frame_carries_its_state_on_too(weights: Path) -> None:
    a, b, c, _ = frames()
    estimator = published(weights)
    estimator.step(a, b)
    again = estimator.step(a, c)
    assert not again.fresh_state
    assert differs(again, published(weights).step(a, c))


def test_a_proposal_that_is_not_committed_changes_nothing(weights: Path) -> None:
    a, b, c, d = frames()
    plain, asked = published(weights), published(weights)
    for estimator in (plain, asked):
        estimator.step(a, b)
    asked.propose(b, d)  # rejected
    assert_equal(plain.step(b, c), asked.step(b, c))
    committed = published(weights)
    committed.step(a, b)
    committed.step(b, d)
    assert differs(committed.step(b, c), plain.step(b, c))  # the control: a committed pair does change it


def test_a_pair_that_starts_elsewhere_and_a_reset_begin_anew(weights: Path) -> None:
    a, b, c, d = frames()
    estimator = published(weights)
    estimator.step(a, b)
    elsewhere = estimator.step(c, d)
    assert elsewhere.fresh_state
    assert_equal(elsewhere, published(weights).step(c, d))
    estimator.reset()
    assert_equal(estimator.step(d, c), published(weights).step(d, c))


def test_it_is_opened_by_its_weights_on_the_runtimes_that_have_it(weights: Path) -> None:
    assert isinstance(load("eager", weights=weights)(SPEC, "cpu"), PublishedEstimator)
    assert resolve("musse", weights)[0] == "eager"
    with pytest.raises(EngineUnavailable, match="no program of the published network: use engine eager"):
        load("onnx", weights=weights)
    with pytest.raises(EngineUnavailable, match=r"no weights 'papers' come .* one of live, paper"):
        load("eager", weights=Path("papers"))


def test_uncertainty_follows_the_match_of_the_frames(weights: Path) -> None:
    a = frames()[0]
    matched = published(weights).step(a, a)
    noise = np.random.default_rng(0).normal(size=SPEC.shape).astype(np.float32)
    unmatched = published(weights).step(a, noise)
    assert np.median(matched.ncc) > np.median(unmatched.ncc) + 0.3
    finite = unmatched.strain_std[np.isfinite(unmatched.strain_std)]
    assert np.median(matched.strain_std) < 0.5 * np.median(finite)


def test_an_untrained_network_gives_the_affine_part_of_the_motion(tmp_path: Path) -> None:
    a, _, _, d = frames()
    net = MusseNet(MusseConfiguration(window=3, stage=SMALL)).eval()  # heads start at zero
    save(net, tmp_path / "still.safetensors", trained={})
    found = published(tmp_path / "still.safetensors").step(a, d)
    assert np.allclose(found.axial_strain, found.axial_strain.mean(), atol=1e-5)
    assert found.axial_strain.mean() == pytest.approx(-0.009, rel=0.1)
    assert np.median(found.ncc) > 0.9  # which without alignment is far lower
    assert np.median(published(tmp_path / "still.safetensors").step(a, a[::-1]).ncc) < 0.5


def on_device(weights: Path) -> Estimator:
    """The path of a card, step by step on the CPU."""
    net, manifest = load_published(weights)
    chain = DevicePublished(SPEC, net, manifest, name="cuda", device=torch.device("cpu"), make_step=PlainStep)
    return PublishedEstimator(SPEC, chain)


def close(one: StrainResult, other: StrainResult) -> bool:
    finite = np.isfinite(other.strain_std)
    sigma = float(np.median(other.strain_std[finite]))
    off = np.abs(one.axial_strain - other.axial_strain)[(other.ncc > 0.5) & finite]
    moved = np.abs(one.axial_displacement - other.axial_displacement)[other.ncc > 0.5]
    return float(off.max()) < 0.02 * sigma and float(moved.max()) < 0.01


def test_the_path_of_a_card_gives_the_same_with_its_state(weights: Path) -> None:
    a, b, c, d = frames()
    host, device = published(weights), on_device(weights)
    sequence = [(a, b), (b, c), (c, d), (c, a), (a, b), (d, c)]  # in turn, a key frame, and a new beginning
    fresh = []
    for pre, post in sequence:
        expected, found = host.step(pre, post), device.step(pre, post)
        assert close(found, expected)
        assert found.fresh_state == expected.fresh_state
        fresh.append(found.fresh_state)
    assert fresh == [True, False, False, False, False, True]
    again = on_device(weights)
    again.step(a, b)
    assert not close(again.step(c, d), device_after(weights, (b, c)).step(c, d))  # the control: state counts


def device_after(weights: Path, *pairs: tuple[FloatArray, FloatArray]) -> Estimator:
    device = on_device(weights)
    for pre, post in pairs:
        device.step(pre, post)
    return device


def test_on_a_card_too_a_proposal_that_is_not_committed_changes_nothing(weights: Path) -> None:
    a, b, c, d = frames()
    plain, asked = device_after(weights, (a, b)), device_after(weights, (a, b))
    rejected = asked.propose(b, d)
    asked.propose(b, a)
    assert_equal(plain.step(b, c), asked.step(b, c))
    with pytest.raises(EngineError, match="only the newest pair can be committed"):
        asked.commit(rejected)
    committed = device_after(weights, (a, b), (b, d))
    assert differs(committed.step(b, c), device_after(weights, (a, b)).step(b, c))
    asked.reset()
    assert asked.step(b, c).fresh_state


def test_the_published_frame_is_computed_without_the_host(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a CUDA graph requires: see test_capturable."""
    monkeypatch.setattr(window_features, "_PLACED", {})
    place_kernels(META)
    transform = IqTransform(SPEC)
    grid = transform.grid(transform.nominal_carrier())
    program = published_program(SPEC, grid, load_published(weights)[0], unchanged)
    frame = torch.zeros(SPEC.shape, dtype=torch.int16, device=META)
    kind = torch.zeros(1, dtype=torch.int64, device=META)
    others = [part.to(META) for part in (*program.normalised, kind, *program.carried)]
    module = program.module.to(META)
    with NothingFromTheHost():
        maps, *_ = module(frame, *others)
    assert maps.shape == program.maps
