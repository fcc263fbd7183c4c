"""The network's input: scenes, their samples, and batches of crops."""

from collections import Counter
from dataclasses import fields
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from engine.musse.cells import CellMatrices
from engine.musse.chain import HostChain
from engine.musse.manifest import MeasuredErrors
from engine.musse.program import PHASE_INPUTS
from engine.musse.program_io import LiveOutputs
from engine.musse.tracking_features import TrackingFeatures, tracking_features
from engine.spec import FloatArray
from engine.tracking.iq import IqTransform
from engine.tracking.phase import PhaseZeroTracker
from engine.training.data import scenes as module
from engine.training.data.batches import COLS, ROWS, Crop, draw_batch, draw_crop, reachable
from engine.training.data.samples import Samples, make_samples
from engine.training.data.scenes import DrawnScene, draw_scene
from tests.engine.training.tiny_training import RECIPE, Scenes, made_samples


@pytest.fixture(scope="module")
def scene() -> DrawnScene:
    return draw_scene(5)


@pytest.fixture(scope="module")
def samples(scene: DrawnScene) -> Samples:
    return make_samples(scene)


def test_a_scene_follows_from_its_number_alone(scene: DrawnScene) -> None:
    again, other, attempt = draw_scene(5), draw_scene(6), draw_scene(5, attempt=1)
    assert again.pairs == scene.pairs
    assert again.kind == scene.kind
    assert np.array_equal(again.acquisition.frame(1), scene.acquisition.frame(1))
    for different in (other, attempt):
        assert different.acquisition.imaging.spec != scene.acquisition.imaging.spec


def test_samples_have_finite_truth_within_limits(samples: Samples) -> None:
    strain, motion, filled = (samples.maps[name] for name in ("strain", "motion", "known"))
    assert np.isfinite(strain[filled > 0.7]).mean() > 0.99
    assert np.nanmax(np.abs(strain)) < 0.2
    assert np.isfinite(motion[np.isfinite(strain)]).all()
    assert 0.0 < np.nanmedian(np.abs(strain)) < 0.06


class _Caught(Exception):
    """Stores the inputs of a runtime."""


class _Catching:
    name = precision = model_hash = "catching"
    errors = MeasuredErrors()
    at_once = False

    def run(self, inputs: tuple[FloatArray, ...]) -> LiveOutputs[FloatArray]:
        raise _Caught(inputs)


def test_samples_are_what_the_live_estimator_computes(scene: DrawnScene, samples: Samples) -> None:
    acquisition = scene.acquisition
    spec = acquisition.imaging.spec
    first = acquisition.frame(0)
    chain = HostChain(spec, _Catching())
    inputs, grid = chain.inputs(first, acquisition.frame(1))
    tensors = tuple(torch.from_numpy(values) for values in inputs)
    track = PhaseZeroTracker()(*tensors[:PHASE_INPUTS])
    cells = tracking_features(track, tensors[PHASE_INPUTS], CellMatrices(*tensors[PHASE_INPUTS + 1 :]))
    transform = IqTransform(spec)
    assert grid.samples == pytest.approx(transform.grid(transform.carrier(transform.band(first))).pitch * 2)
    for name in ("weight", "moment", "axial"):
        live = getattr(cells, name)[0].numpy()
        assert np.allclose(live, samples.maps[name][0], rtol=1e-5, atol=1e-6), name
    assert np.allclose(cells.energy[0, 1].numpy(), samples.maps["energy_post"][0], rtol=1e-5)
    assert np.allclose(cells.radians[0].numpy(), samples.radians, rtol=1e-5)


@pytest.mark.parametrize("simple", [False, True])
def test_kinds_appear_in_their_shares(monkeypatch: pytest.MonkeyPatch, *, simple: bool) -> None:
    # phantoms by name instead of in full: which one is drawn is all that counts here
    for name in ("_inclusions", "_sphere", "inclusion_phantom", "textured_phantom"):
        monkeypatch.setattr(module, name, lambda *_, **__: None)
    monkeypatch.setattr(module, "TissueBlock", lambda **_: None)
    monkeypatch.setattr(module, "draw_geometry", lambda *_, **__: SimpleNamespace(kind="", phantom=int))
    drawn = Counter(
        module.drawn_tissue(0.03, 0.02, np.random.default_rng([module.STREAM, number]), simple=simple)[
            0
        ].strip()
        for number in range(4000)
    )
    shares = {"uniform": 0.08, "inclusions": 0.20, "sphere": 0.05, "solved": 0.20}
    shares |= {"random": 0.188, "ripples": 0.094, "islands": 0.094, "layers": 0.094}
    if simple:
        shares = {"uniform": 0.24, "inclusions": 0.61, "sphere": 0.15}
    assert set(drawn) == set(shares)
    for kind, share in shares.items():
        assert drawn[kind] / 4000 == pytest.approx(share, abs=0.03), kind


@pytest.mark.parametrize(("share", "of_twenty"), [(0.0, 0), (0.15, 3), (0.17, 4), (0.55, 11), (1.0, 20)])
def test_a_share_is_in_twentieths(share: float, of_twenty: int) -> None:
    assert sum(module.in_share(number, share) for number in range(1000, 1020)) == of_twenty


def test_no_two_probes_are_alike() -> None:
    specs = [
        module.drawn_acquisition(np.random.default_rng([module.STREAM, number])) for number in range(200)
    ]
    assert len(set(specs)) == 200
    centers = [spec.center_frequency for spec in specs]
    assert min(centers) < 3e6
    assert max(centers) > 10e6


def test_batches_depend_on_seed_and_step_alone() -> None:
    scenes = Scenes()
    one = draw_batch(scenes, 4, 3, seed=1, step=7)[0]
    draw_batch(scenes, 4, 3, seed=1, step=3)
    again = draw_batch(Scenes(), 4, 3, seed=1, step=7)[0]
    assert torch.equal(one.cells.weight, again.cells.weight)
    assert torch.equal(one.strain, again.strain)
    for other in (draw_batch(scenes, 4, 3, seed=2, step=7)[0], draw_batch(scenes, 4, 3, seed=1, step=8)[0]):
        assert not torch.equal(one.cells.weight, other.cells.weight)


def test_a_sequence_is_of_consecutive_pairs_and_one_crop() -> None:
    first, second = draw_batch(Scenes(), 4, 2, seed=0, step=0, length=2)
    assert first.strain.shape == second.strain.shape == (2, ROWS, COLS)
    # one place: where strain is soft and where it is hard agree, whatever its size
    for a, b in zip(first.strain, second.strain, strict=True):
        assert torch.allclose(a / a.abs().max(), b / b.abs().max() * (a.max() * b.max()).sign(), atol=1e-5)


def test_a_mirrored_crop_is_the_exact_mirror() -> None:
    samples = made_samples(0, 0.2)
    plain, mirrored = (Crop(row=3, col=1, mirrored=m).of(samples, 2) for m in (False, True))
    for name in ("weight", "moment", "energy_post", "axial", "strain", "motion"):
        assert np.array_equal(mirrored[name], plain[name][:, ::-1]), name
    assert np.array_equal(mirrored["lateral"], -plain["lateral"][:, ::-1])


def test_what_a_scene_does_not_fill_is_unknown() -> None:
    samples = made_samples(0, 0.2)
    small = Samples(
        maps={name: values[:, :50, :20] for name, values in samples.maps.items()},
        radians=samples.radians[:50],
        pairs=samples.pairs,
        kind=samples.kind,
    )
    crop = draw_crop(small, np.random.default_rng(0))
    found = crop.of(small, 0)
    assert found["weight"].shape == (ROWS, COLS)
    assert (found["known"][50:] == 0).all()
    assert np.isnan(found["strain"][50:]).all()
    assert (found["radians"] > 0).all()


def test_more_scenes_are_reachable_as_training_goes_on() -> None:
    counts = [reachable(step, at_start=10, per_step=0.5, count=50) for step in range(0, 200, 10)]
    assert counts[0] == 10
    assert counts == sorted(counts)
    assert counts[-1] == 50


def test_a_batch_moves_to_a_device_whole() -> None:
    batch = draw_batch(Scenes(), RECIPE.scenes, 2, seed=0, step=0)[0].to(torch.device("meta"))
    assert {getattr(batch.cells, f.name).device.type for f in fields(TrackingFeatures)} == {"meta"}
    assert batch.strain.device.type == batch.motion.device.type == "meta"
