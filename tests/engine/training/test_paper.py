"""The published network on canonical RF: its scenes, its warm start with truth, its own objective."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.musse.checkpoint import load_published, save
from engine.network.configuration import PAPER
from engine.network.upsample import BandLimitedWarp
from engine.training import paper_task
from engine.training.data import rf_scenes
from engine.training.data.rf_scenes import RfScene, as_batch, draw_sequence, rf_scene
from engine.training.paper_task import PaperTask
from engine.training.recipe import Recipe
from engine.training.trainer import Trainer

STEP = 1.2  # rows from frame to frame
RECIPE = Recipe(
    kind="paper",
    truth=False,
    steps=60,
    batch=2,
    length=1,
    learning_rate=3e-3,
    warm_up=3,
    scenes=2,
    held_out=1,
    trunk=replace(PAPER, channels=(4, 8), bottleneck=8),
    objective=replace(Recipe().objective, window=(32, 8)),
)


def _scene(number: int, count: int = 4) -> RfScene:
    """Band-limited noise that moves by 1.2 rows from frame to frame."""
    rng = np.random.default_rng(number)
    n = 512
    shaped = np.fft.rfftfreq(n)[:, None]
    spectrum = np.fft.rfft(rng.normal(size=(n, 40)), axis=0) * np.exp(-(((shaped - 0.25) / 0.06) ** 2))
    frames = [
        np.fft.irfft(spectrum * np.exp(-2j * np.pi * shaped * STEP * k), n, axis=0) for k in range(count)
    ]
    frames = [frame / frame.std() for frame in frames]
    motion = np.zeros((count, 2, n // rf_scenes.TRUTH_ROWS + 1, 41), np.float32)
    motion[:, 0] = STEP * np.arange(count)[:, None, None]
    return RfScene(np.stack(frames).astype(np.float16), 0, motion, np.zeros((count, 2, 3), np.float32), 1)


def _correlation(batch: rf_scenes.Sequences, *, sign: float = 1.0) -> float:
    """Of the reference and its later frames, moved back by `sign` times the truth."""
    warp = BandLimitedWarp()
    found = []
    for post, motion in zip(batch.posts, batch.motion, strict=True):
        seen = torch.isfinite(motion[:, :1])
        moved = warp(post, sign * motion.nan_to_num()) * seen
        pre = batch.pre * seen
        found.append(float((pre * moved).sum() / (pre.square().sum() * moved.square().sum()).sqrt()))
    return min(found)


def test_the_truth_brings_later_frames_of_a_simulated_scene_onto_the_reference() -> None:
    scene = rf_scene(0)
    batch = as_batch([draw_sequence(scene, 3, np.random.default_rng(0), shifted=1.0)])
    assert _correlation(batch) > 0.95
    assert _correlation(batch, sign=-1.0) < 0.7  # the control
    batch = as_batch([draw_sequence(scene, 3, np.random.default_rng(0))])
    for motion, alignment in zip(batch.motion, batch.alignment, strict=True):
        left, whole = (float(moved[:, 0].nanmean().abs()) for moved in (motion, motion + alignment))
        assert left < 0.2 * whole  # aligning took out most of it


def test_a_small_scene_is_continued_with_zeros_and_without_truth() -> None:
    scene = _scene(0)
    small = replace(scene, frames=scene.frames[:, :100, :20])
    frames, motion, _ = draw_sequence(small, 1, np.random.default_rng(0), varied=False)
    assert frames.shape == (2, rf_scenes.ROWS, rf_scenes.LINES)
    assert (frames[:, 100:] == 0).all()
    assert np.isnan(motion[:, :, 100:]).all()
    assert np.isfinite(motion[:, 0, :100]).any()


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("warm_start", [pytest.param(0, marks=pytest.mark.long), 60])
def test_its_error_falls_with_truth_and_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, warm_start: int
) -> None:
    monkeypatch.setattr(paper_task, "rf_scene", lambda number, clean: _scene(number, 2))
    monkeypatch.setattr(rf_scenes, "ROWS", 64)
    recipe = replace(RECIPE, warm_start=warm_start, first_stage=warm_start // 2)
    task = PaperTask(recipe, torch.device("cpu"))
    before = task.held_out()
    terms: list[dict[str, float]] = []
    Trainer(recipe, tmp_path, task).run(60, lambda p: terms.append(p.terms))
    names = {name for name, value in terms[-1].items() if value != 0.0}
    assert names == ({"displacement", "strain"} if warm_start else {"similarity", "smoothness"})
    after = task.held_out()
    figure = "displacement_rmse" if warm_start else "similarity"
    assert before["network"][figure] == before["alignment"][figure]  # the control: untrained, it is still
    assert after["alignment"] == before["alignment"]
    assert after["network"][figure] < 0.9 * after["alignment"][figure]  # on a scene it never saw


@pytest.mark.usefixtures("one_thread")
def test_a_share_of_the_scenes_is_clean_and_no_held_out_one(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[int, bool] = {}

    def scene(number: int, *, clean: bool) -> RfScene:
        seen[number] = clean
        return _scene(number, 2)

    monkeypatch.setattr(paper_task, "rf_scene", scene)
    monkeypatch.setattr(rf_scenes, "ROWS", 64)
    task = PaperTask(replace(RECIPE, scenes=20, batch=40, clean=0.25), torch.device("cpu"))
    task.terms(0)
    task.held_out()
    assert {number for number, clean in seen.items() if clean} == {0, 1, 2, 3, 4} & set(seen)
    assert len(seen) > 10


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("share", [0.0, 1.0])
def test_batch_statistics_are_fixed_for_a_share_of_the_warm_start(
    monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    monkeypatch.setattr(paper_task, "rf_scene", lambda number, clean: _scene(number, 2))
    monkeypatch.setattr(rf_scenes, "ROWS", 64)
    task = PaperTask(replace(RECIPE, warm_start=10, fixed_statistics=share), torch.device("cpu"))
    buffers = [name for name in task.net.state_dict() if name.endswith("running_var")]
    before = {name: task.net.state_dict()[name].clone() for name in buffers}
    task.terms(0)
    moved = [name for name in buffers if not torch.equal(task.net.state_dict()[name], before[name])]
    assert bool(moved) == (share == 0.0)


@pytest.mark.usefixtures("one_thread")
def test_training_goes_on_from_saved_weights(tmp_path: Path) -> None:
    first = PaperTask(RECIPE, torch.device("cpu"))
    save(first.net, tmp_path / "first.safetensors", trained={})
    start, _ = load_published(tmp_path / "first.safetensors")
    other = replace(RECIPE, seed=7)
    going_on, fresh = (PaperTask(other, torch.device("cpu"), net) for net in (start, None))
    rounded = {name: values.half().float() for name, values in first.net.state_dict().items()}
    assert all(torch.equal(going_on.net.state_dict()[name], values) for name, values in rounded.items())
    assert not all(torch.equal(fresh.net.state_dict()[name], values) for name, values in rounded.items())
