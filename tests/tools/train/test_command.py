"""Recipes as files, the command's own files, and its end by Ctrl-C."""

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Self

import pytest
import torch
import typer
from rich.console import Console
from typer.testing import CliRunner

import engine.training.precision
import tools.train.command as module
from engine.musse.checkpoint import load, save
from engine.musse.manifest import MeasuredErrors
from engine.musse.net import LiveNet
from engine.training.data.pool import ScenePool
from engine.training.data.samples import Samples
from engine.training.live_task import LiveTask
from engine.training.recipe import FIRST_HELD_OUT, Recipe
from engine.training.trainer import OtherRun, Progress
from engine.training.validation.held_out import BEST_WINDOW, NETWORK, held_out_batches, validate
from streamer.errors import ConfigError
from tests.engine.training.tiny_training import RECIPE, Scenes
from tools.cli import app
from tools.errors import ToolError
from tools.train import experiments
from tools.train.alone import LOCK, alone_in
from tools.train.command import TrainingRequest, run_training
from tools.train.experiments import LiveExperiment
from tools.train.recipe import read_recipe, shipped
from tools.train.run_log import RunLog

CPU = torch.device("cpu")


def test_every_shipped_recipe_is_valid() -> None:
    assert set(shipped()) == {
        "live",
        "refine",
        "quick",
        "unsupervised",
        "paper",
        "paper-motion",
        "paper-clean",
        "adapt",
    }
    recipes = {name: read_recipe(name) for name in shipped()}
    assert (recipes["live"].steps, recipes["live"].scenes, recipes["live"].learning_rate) == (
        12000,
        2400,
        1e-3,
    )
    assert recipes["live"].truth
    assert recipes["live"].half_precision
    assert not recipes["unsupervised"].truth
    assert recipes["paper"].kind == "paper"


def test_mistakes_in_a_recipe_are_listed_all_at_once_with_the_nearest_name(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text("step = 3\nbatch = 0\nseed = 'x'\n[unsupervised]\nconsistancy = 1.0\n")
    with pytest.raises(ConfigError) as caught:
        read_recipe(str(path))
    message = str(caught.value)
    assert "step: unknown key; did you mean 'steps'?" in message
    assert "consistancy: unknown key; did you mean 'consistency'?" in message
    assert "batch: " in message
    assert "seed: " in message
    path.write_text("= 3")
    with pytest.raises(ConfigError, match="not TOML"):
        read_recipe(str(path))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('kind = "paper"\ntruth = true\nscenes_at_start = 3', "scenes_at_start, truth = true"),
        ('kind = "paper"\n[unsupervised]\nconsistency = 1.0', "does not use unsupervised"),
        ('kind = "paper"\nsimple = 0.1', "does not use simple"),
        ("[paper]\nconsistency = 1.0", 'kind = "live" does not use paper'),
        ("clean = 0.3\nfixed_statistics = 1.0", "does not use clean, fixed_statistics"),
    ],
)
def test_a_key_that_this_kind_of_network_would_ignore_is_refused(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "a.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_recipe(str(path))


@pytest.mark.parametrize("option", [("--workers", "2"), ("--scenes", "scenes")])
def test_an_option_of_simulated_scenes_is_refused_where_there_are_none(
    tmp_path: Path, option: tuple[str, str]
) -> None:
    run = CliRunner().invoke
    paper = run(app, ["train", "--recipe", "paper", "--output", str(tmp_path / "out"), *option])
    assert isinstance(paper.exception, ToolError)
    adapting = run(app, ["train", "--from", "a.safetensors", "--data", "b.mhd", *option])
    assert isinstance(adapting.exception, ToolError)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--data", "b.mhd"), "--data needs --from"),
        (("--recipe", "refine"), "give them by --from"),
        (("--recipe", "adapt", "--from", "a.safetensors"), "give them by --data"),
    ],
)
def test_weights_to_start_from_are_given_where_they_are_needed(
    tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    result = CliRunner().invoke(app, ["train", *options, "--output", str(tmp_path / "out")])
    assert isinstance(result.exception, ToolError)
    assert message in str(result.exception)
    assert not (tmp_path / "out").exists()


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrainingRequest:
    """A request whose scenes are made by hand and whose program is left out."""

    def write(net: LiveNet, path: Path, trained: dict[str, object], errors: MeasuredErrors) -> None:
        save(net, path, trained=trained, errors=errors)

    @contextmanager
    def experiment(
        recipe: Recipe, folder: Path, workers: int, device: torch.device, start: Path | None
    ) -> Iterator[LiveExperiment]:
        yield LiveExperiment(recipe, LiveTask(recipe, Scenes(), device), Scenes(0.2), device)

    monkeypatch.setattr(experiments, "write_live", write)
    monkeypatch.setattr(module, "experiment", experiment)
    monkeypatch.setattr(
        module, "read_recipe", lambda name: replace(RECIPE, steps=30, validate_every=10, held_out=2)
    )
    return TrainingRequest(
        recipe="tiny",
        start=None,
        output=tmp_path / "out",
        minutes=0.0,
        workers=1,
        scenes=tmp_path,
        threads=1,
        device="cpu",
    )


def test_a_folder_in_which_a_training_runs_takes_no_second_one(tiny: TrainingRequest) -> None:
    refused = pytest.raises(ToolError, match=r"another training runs in .*: give another --output")
    with alone_in(tiny.output), refused:
        run_training(tiny, Console(stderr=True), as_json=True)
    assert [path.name for path in tiny.output.iterdir()] == [LOCK]  # nothing was begun
    with alone_in(tiny.output):  # the lock went with the first
        pass


def test_a_run_leaves_weights_log_figures_and_curve(
    tiny: TrainingRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    run_training(tiny, Console(stderr=True), as_json=True)
    event = json.loads(capsys.readouterr().out)
    assert (event["event"], event["step"]) == ("train", 30)
    _, manifest = load(Path(event["weights"]))
    assert manifest.trained["steps"] == 30
    assert manifest.trained["recipe"]["seed"] == RECIPE.seed
    assert 0.0 <= manifest.errors.shared < 1.0  # measured
    looks = json.loads((tiny.output / "figures.json").read_text())
    assert [look["step"] for look in looks] == [0, 10, 20, 30]
    assert {NETWORK, BEST_WINDOW, "6 x 1 cells"} <= set(looks[0]["methods"])
    with (tiny.output / "log.csv").open() as file:
        assert [row["step"] for row in csv.DictReader(file)] == ["10", "20", "30"]
    assert (tiny.output / "curve.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("fast", [True, False])
def test_half_precision_is_taken_only_where_the_processor_has_it(
    fast: bool, tiny: TrainingRequest, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine.training.precision, "bfloat16_is_fast", lambda device: fast)
    monkeypatch.setattr(
        module, "read_recipe", lambda name: replace(RECIPE, steps=1, held_out=2, half_precision=True)
    )
    run_training(tiny, Console(stderr=True), as_json=True)
    streams = capsys.readouterr()
    _, manifest = load(Path(json.loads(streams.out)["weights"]))
    assert manifest.trained["recipe"]["half_precision"] is fast
    assert ("in float32: " in streams.err) is not fast


def test_scenes_begin_at_the_number_of_the_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = []

    class Pool(ScenePool):
        def __enter__(self) -> Self:
            numbers.append((self.first, self.count))
            return self

        def __exit__(self, *ended: object) -> None: ...

        def scene(self, index: int) -> Samples:
            return Scenes(0.2).scene(index)

    monkeypatch.setattr(experiments, "ScenePool", Pool)
    with experiments.experiment(
        replace(RECIPE, first_scene=2400, scenes=7, held_out=2), tmp_path, workers=1, device=CPU
    ):
        pass
    assert numbers == [(FIRST_HELD_OUT, 2), (2400, 7)]


def test_ctrl_c_checkpoints_and_the_same_command_goes_on(
    tiny: TrainingRequest, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupted(RunLog):
        def update(self, progress: Progress) -> None:
            super().update(progress)
            if progress.step == 14:
                import signal

                signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patched:
        patched.setattr(module, "RunLog", Interrupted)
        with pytest.raises(typer.Exit) as ended:
            run_training(tiny, Console(stderr=True), as_json=True)
    assert ended.value.exit_code == 130
    streams = capsys.readouterr()
    assert streams.err.strip() == "stopped at step 14 of 30: the same command goes on"
    assert not streams.out
    run_training(tiny, Console(stderr=True), as_json=True)
    assert json.loads(capsys.readouterr().out)["step"] == 30
    monkeypatch.setattr(
        module, "read_recipe", lambda name: replace(RECIPE, steps=31, validate_every=10, held_out=2)
    )
    with pytest.raises(OtherRun, match="steps: 30 there, 31 here"):
        run_training(tiny, Console(stderr=True), as_json=True)


def test_a_slice_of_no_time_still_makes_a_step_and_keeps_it(
    tiny: TrainingRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    run_training(replace(tiny, minutes=1e-6), Console(stderr=True), as_json=True)
    event = json.loads(capsys.readouterr().out)
    assert event["step"] == 1
    assert event["weights"] is None


def test_a_journal_forgets_what_was_written_beyond_the_checkpoint(tmp_path: Path) -> None:
    run_log = RunLog(tmp_path, 0)
    for step in range(1, 31):
        run_log.update(
            Progress(
                step=step, terms={"a": 1.0}, learning_rate=1.0, samples_per_second=1.0, waited=0.0, left_out=2
            )
        )
    run_log.look(10, {"methods": {}})
    run_log.look(30, {"methods": {}})
    with (tmp_path / "log.csv").open("a") as file:
        file.write("40,0.")  # killed while writing
    again = RunLog(tmp_path, 20)
    assert [row["step"] for row in again.rows] == ["10", "20"]
    assert [row["left_out"] for row in again.rows] == ["20", "20"]  # of the row's ten steps
    assert [look["step"] for look in again.looks] == [10]


def test_the_best_window_is_never_beaten_by_another() -> None:
    scenes = Scenes(0.5)
    task = LiveTask(RECIPE, scenes, CPU)
    found = validate(task.net, held_out_batches(scenes, 4, 3), CPU)
    assert found.pairs == 8
    figures = found.figures()
    for name in set(figures) - {NETWORK}:
        assert figures[BEST_WINDOW]["nrmse"] <= figures[name]["nrmse"]
