"""The loop: resumed runs, their recipes and checkpoints, and that anything is learnt at all."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from engine.training.losses.live_unsupervised import mismatch
from engine.training.recipe import Recipe, schedule
from engine.training.trainer import CHECKPOINT, OtherRun, Trainer, TrainingFailed
from engine.training.validation.unsupervised import whole
from tests.engine.training.tiny_training import RECIPE, Scenes, made_samples, trained, trainer_in


def _weights(trainer: Trainer) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in trainer.task.net.state_dict().items()}


def _equal(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return all(torch.equal(a[name], b[name]) for name in a)


def test_a_killed_run_that_goes_on_ends_with_the_same_weights_bit_for_bit(tmp_path: Path) -> None:
    straight, _ = trained(tmp_path / "straight")

    class Killed(Exception):
        pass

    def kill(at: int) -> None:
        raise Killed

    first = trainer_in(tmp_path / "resumed")
    with pytest.raises(Killed):
        first.run(RECIPE.steps, lambda p: kill(p.step) if p.step == 9 else None)
    second = trainer_in(tmp_path / "resumed")
    assert second.step == 9
    second.run(RECIPE.steps, lambda _: None, stop=lambda: second.step == 15)
    third = trainer_in(tmp_path / "resumed")
    assert third.step == 15
    third.run(RECIPE.steps, lambda _: None)
    assert _equal(_weights(straight), _weights(third))

    other, _ = trained(tmp_path / "other", replace(RECIPE, seed=4))
    assert not _equal(_weights(straight), _weights(other))  # negative control


def test_killed_within_an_update_the_last_whole_step_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = trainer_in(tmp_path)
    trainer.run(5, lambda _: None)
    kept = (tmp_path / CHECKPOINT).read_bytes()

    def half(*_: object) -> None:
        for parameter in trainer.task.net.parameters():
            parameter.data.zero_()
        raise KeyboardInterrupt

    monkeypatch.setattr(torch.optim.Adam, "step", half)
    with pytest.raises(KeyboardInterrupt):
        trainer.run(RECIPE.steps, lambda _: None)
    assert (tmp_path / CHECKPOINT).read_bytes() == kept


def test_another_recipe_is_refused_by_what_differs(tmp_path: Path) -> None:
    trainer_in(tmp_path).run(1, lambda _: None)
    with pytest.raises(OtherRun, match=r"batch: 2 there, 3 here; seed: 3 there, 5 here"):
        trainer_in(tmp_path, replace(RECIPE, batch=3, seed=5))


def test_a_foreign_file_is_no_checkpoint(tmp_path: Path) -> None:
    (tmp_path / CHECKPOINT).write_bytes(b"something else")
    with pytest.raises(OtherRun, match="cannot be read"):
        trainer_in(tmp_path)
    save_file({"a": torch.zeros(1)}, tmp_path / CHECKPOINT)
    with pytest.raises(OtherRun, match="no checkpoint"):
        trainer_in(tmp_path)


def test_a_checkpoint_is_one_file_of_three_times_the_weights(tmp_path: Path) -> None:
    trainer, _ = trained(tmp_path)
    weights = sum(value.nbytes for value in _weights(trainer).values())
    files = list(tmp_path.iterdir())
    assert [file.name for file in files] == [CHECKPOINT]
    assert files[0].stat().st_size < 3.2 * weights + 60_000  # names of tensors, and the recipe
    assert len(load_file(files[0])) > 3


def test_a_loss_that_is_not_finite_ends_the_run_and_keeps_the_checkpoint(tmp_path: Path) -> None:
    class Exploding:
        net = nn.Linear(1, 1)
        waited = 0.0
        left_out = 0
        pairs_per_step = 1

        def terms(self, step: int) -> dict[str, Tensor]:
            value = self.net(torch.ones(1)).sum()
            return {"error": value * float("nan") if step == 3 else value}

    trainer = Trainer(RECIPE, tmp_path, Exploding())
    with pytest.raises(TrainingFailed, match=r"step 3: .*error"):
        trainer.run(RECIPE.steps, lambda _: None)
    assert Trainer(RECIPE, tmp_path, Exploding()).step == 3


def test_schedule_rises_then_falls_to_a_fiftieth() -> None:
    recipe = Recipe(steps=1000, warm_up=100)
    shares = [schedule(step, recipe) for step in range(1000)]
    assert shares[0] == pytest.approx(0.01, abs=1e-4)
    assert max(shares) == pytest.approx(shares[99], abs=0.01)
    assert all(a > b for a, b in pairwise(shares[100:]))
    assert shares[-1] == pytest.approx(0.02, abs=1e-3)
    assert schedule(0, Recipe(steps=10, warm_up=0)) == pytest.approx(1.0)


def _error(trainer: Trainer) -> float:
    """Error of strain on a scene that was never trained on, over the deviation of its truth."""
    samples = made_samples(99, 0.3)
    batch = whole(samples, 0)
    with torch.inference_mode():
        fused = trainer.task.net(batch.cells)
    return float((fused.strain - batch.strain).square().mean().sqrt() / batch.strain.std())


@pytest.mark.parametrize(
    "truth",
    [pytest.param(True, id="supervised"), pytest.param(False, id="unsupervised", marks=pytest.mark.long)],
)
def test_a_tiny_training_lowers_the_loss_and_learns_strain(tmp_path: Path, truth: bool) -> None:
    recipe = replace(RECIPE, steps=60, truth=truth, length=1 if truth else 2)
    scenes = Scenes(truth=truth)  # without truth there is none to see
    untrained = trainer_in(tmp_path, recipe, scenes)
    before = _error(untrained)
    trainer, losses = trained(tmp_path, recipe, scenes)
    assert sum(losses[-10:]) / 10 < sum(losses[:10]) / 10 - 0.2
    assert before > 1.0, "negative control: an untrained network gives no strain"
    assert _error(trainer) < 0.6 * before


@pytest.mark.long
def test_without_truth_sigma_keeps_its_closed_form(tmp_path: Path) -> None:
    trainer, _ = trained(tmp_path, replace(RECIPE, truth=False, length=2), Scenes(truth=False))
    heads = [p for n, p in trainer.task.net.named_parameters() if ".heads." in n]
    assert heads
    assert all((head[-2:] == 0).all() for head in heads)  # the last channels scale sigma: exp(0) = 1
    assert any((head[:-2] != 0).any() for head in heads)


def test_moving_post_to_the_truth_matches_best() -> None:
    batch = whole(made_samples(1, 0.01), 0)
    wrong = {}
    for share in (0.0, 0.5, 1.0, 1.5):
        moved = batch.cells.axial + share * (batch.motion - batch.cells.axial)
        values, valid = mismatch(batch.cells, moved)
        assert valid.all()
        wrong[share] = float(values.mean())
    assert min(wrong, key=wrong.__getitem__) == 1.0
    assert wrong[1.0] < 0.05 * wrong[0.0]
