"""Adapting trained weights to a scanner's recordings, without truth: only what did not get worse is saved."""

import hashlib
import math
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import typer
from rich.console import Console

from engine.errors import EstimateFailed
from engine.musse.checkpoint import load
from engine.spec import Device
from engine.training.data.recorded import FrameBlock, RecordedScenes, block_of, split
from engine.training.data.scenes import FRAMES
from engine.training.live_task import LiveTask
from engine.training.trainer import Progress, Trainer
from engine.training.validation.unsupervised import unsupervised_figures
from streamer.config import Config
from streamer.geometry import FrameRegion, engine_spec
from tools.errors import ToolError
from tools.formats import Recording, open_recording
from tools.output import emit
from tools.processes import ctrl_c_asks
from tools.train.bar import TrainingBar
from tools.train.command import STOPPED, prepare_torch
from tools.train.curve import need_training
from tools.train.recipe import read_recipe
from tools.train.writing import how_trained, write_live

MAX_BLOCKS = 64  # of one recording, evenly spread: about 5 MB each


class GotWorse(ToolError):
    """Adapting made a figure on held-back frames worse: nothing was saved. The message names the figure."""


@dataclass(frozen=True, kw_only=True)
class Adaptation:
    """One call of the command."""

    recipe: str
    start: Path
    data: tuple[Path, ...]
    output: Path
    minutes: float
    threads: int
    device: Device


def run_adaptation(request: Adaptation, console: Console, *, as_json: bool) -> None:
    """Fine-tune, validate on held-back frames, and write adapted.safetensors, .json and .onnx.

    Raises GotWorse, ConfigError for a recipe with mistakes, RecordingError for a file that cannot be read,
    EngineError for weights that do not fit and for recordings too short, typer.Exit(130) after Ctrl-C.
    """
    begun = time.monotonic()
    recipe = read_recipe(request.recipe)
    if recipe.kind != "live" or recipe.truth:
        raise ToolError(f'recipe {request.recipe!r} cannot adapt: it needs kind = "live" and truth = false')
    need_training()
    device = prepare_torch(request.threads, request.device)
    net, manifest = load(request.start)
    with console.status("tracking recordings"):
        blocks = [block for path in request.data for block in _blocks(path)]
    learnt, held_back = split(blocks)
    recipe = replace(
        recipe,
        trunk=manifest.configuration,
        scenes=len(learnt),
        scenes_at_start=len(learnt),
        held_out=len(held_back),
    )
    task = LiveTask(recipe, RecordedScenes(learnt), device, net)
    before = unsupervised_figures(task.net, held_back, device)
    # a folder of its own: minutes of work need no checkpoint to go on from
    with (
        tempfile.TemporaryDirectory() as folder,
        ctrl_c_asks() as asked,
        TrainingBar(console, recipe.steps) as bar,
    ):
        trainer = Trainer(recipe, Path(folder), task)

        def on_step(progress: Progress) -> None:
            bar.show(progress)

        trainer.run(
            recipe.steps, on_step, lambda: asked() or 0 < request.minutes * 60 < time.monotonic() - begun
        )
    if asked():
        console.print(f"stopped at step {trainer.step} of {recipe.steps}: nothing was saved")
        raise typer.Exit(STOPPED)
    after = unsupervised_figures(task.net, held_back, device)
    figures = {"before": asdict(before), "after": asdict(after)}
    worse = after.worse_than(before)
    if worse is not None:
        if as_json:
            emit("adapt", {"step": trainer.step, "weights": None} | figures, as_json=True)
        raise GotWorse(f"adapting made it worse on held-back frames, nothing was saved: {worse}")
    path = request.output / "adapted.safetensors"
    trained = how_trained(
        recipe,
        trainer.step,
        adapted_from=manifest.sha256,
        recordings={data.name: _digest(data) for data in request.data},
        held_back=figures,
    )
    with console.status("writing weights and program"):
        # no truth here to measure it again: sigma was constrained to that of the original weights
        write_live(task.net, path, trained, manifest.errors)
    fields = {"step": trainer.step, "blocks": len(learnt), "held_back": len(held_back), "weights": str(path)}
    emit("adapt", fields | figures, as_json=as_json, text=f"saved {path}: {after.against(before)}")


def _blocks(path: Path) -> Iterator[FrameBlock]:
    """Tracked blocks of a recording: runs of frames without gaps that the scanner calls good."""
    with open_recording(path) as recording:
        header = recording.header(0, source_id="train", session_id="1")
        spec = engine_spec(header, FrameRegion.whole(header), Config())
        starts = list(_starts(recording))
        for first in starts[:: math.ceil(len(starts) / MAX_BLOCKS) or 1]:
            try:
                yield block_of([recording.frame(first + k) for k in range(FRAMES)], spec)
            except EstimateFailed:
                continue  # frames without signal teach nothing


def _starts(recording: Recording) -> Iterator[int]:
    """First frames of usable blocks, which share no frame."""
    first = 0
    while first + FRAMES <= recording.n_frames:
        frames = range(first, first + FRAMES)
        numbered = recording.frame_index[frames[-1]] - recording.frame_index[first] == FRAMES - 1
        if numbered and all(recording.status[k].upper() == "OK" for k in frames):
            yield first
            first += FRAMES
        else:
            first += 1


def _digest(path: Path) -> str:
    """SHA-256 of a recording's own file: which data made these weights."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
