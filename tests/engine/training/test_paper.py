"""The paper's network on simulated RF crops."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.network.configuration import PAPER
from engine.training import paper_task
from engine.training.data import rf_scenes
from engine.training.data.rf_scenes import RfScene, draw_crops
from engine.training.paper_task import PaperTask
from engine.training.recipe import Recipe
from engine.training.trainer import Trainer

RECIPE = Recipe(
    kind="paper",
    truth=False,
    steps=30,
    batch=2,
    length=2,
    learning_rate=3e-3,
    warm_up=3,
    scenes=2,
    held_out=1,
    trunk=replace(PAPER, channels=(4, 8), bottleneck=8),
    objective=replace(Recipe().objective, window=(32, 8)),
)


def _scene(number: int) -> RfScene:
    """Band-limited noise that moves by 1.2 samples from frame to frame."""
    rng = np.random.default_rng(number)
    n = 512
    shaped = np.fft.rfftfreq(n)[:, None]
    spectrum = np.fft.rfft(rng.normal(size=(n, 40)), axis=0) * np.exp(-(((shaped - 0.1) / 0.03) ** 2))
    frames = [np.fft.irfft(spectrum * np.exp(-2j * np.pi * shaped * 1.2 * k), n, axis=0) for k in range(4)]
    return RfScene(np.stack(frames).astype(np.float32))


def test_crops_follow_large_motion_by_whole_samples() -> None:
    frames = _scene(0).frames
    far = RfScene(np.stack([frames[0], np.roll(frames[0], 21, axis=0)]))
    pre, post = draw_crops(far, 1, np.random.default_rng(3))
    assert np.allclose(pre, post, atol=1e-5)
    assert abs(np.square(pre).mean() - 1) < 1e-4


def test_a_small_crop_is_continued_with_zeros() -> None:
    small = RfScene(_scene(0).frames[:, :100, :20])
    crops = draw_crops(small, 1, np.random.default_rng(0))
    assert crops.shape == (2, rf_scenes.ROWS, rf_scenes.LINES)
    assert (crops[:, 100:] == 0).all()
    assert (crops[:, :, 20:] == 0).all()


def test_its_loss_falls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paper_task, "rf_scene", _scene)
    monkeypatch.setattr(rf_scenes, "ROWS", 64)
    losses: list[float] = []
    task = PaperTask(RECIPE, torch.device("cpu"))
    before = task.held_out()
    Trainer(RECIPE, tmp_path, task).run(30, lambda p: losses.append(sum(p.terms.values())))
    assert np.mean(losses[-6:]) < np.mean(losses[:6])
    after = task.held_out()
    assert before["similarity"] == before["without_motion"]  # the control: untrained, it moves nothing
    assert after["without_motion"] == before["without_motion"]
    assert after["similarity"] < 0.5 * after["without_motion"]  # on a scene it never saw
