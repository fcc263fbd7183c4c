"""What `musse-stream train` does: scenes, steps, looks at held-out scenes, and at the end the weights."""

import hashlib
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from engine.musse.manifest import read_manifest
from engine.spec import Device
from engine.training.recipe import Recipe
from tools.errors import ToolError
from tools.output import emit
from tools.processes import cache_folder, ctrl_c_asks
from tools.train.alone import alone_in
from tools.train.bar import TrainingBar
from tools.train.curve import draw_curve, need_training
from tools.train.experiments import Experiment, experiment
from tools.train.recipe import read_recipe
from tools.train.run_log import RunLog

STOPPED = 130


@dataclass(frozen=True, kw_only=True)
class TrainingRequest:
    """One call of the command."""

    recipe: str
    start: Path | None
    """Weights to start from."""
    output: Path
    minutes: float
    workers: int | None
    scenes: Path | None
    threads: int
    device: Device


def run_training(request: TrainingRequest, console: Console, *, as_json: bool) -> None:
    """Train until the recipe's last step, the time given, or Ctrl-C, and write what there is then.

    Raises ConfigError for a recipe with mistakes, ToolError for options that it has no use for and for a
    folder in which another training runs, EngineError for a folder of another run, a missing device or a
    worker that died, typer.Exit(130) after Ctrl-C.
    """
    begun = time.monotonic()
    recipe = read_recipe(request.recipe)
    if recipe.kind == "paper" and (request.workers is not None or request.scenes is not None):
        raise ToolError(f"recipe {request.recipe!r} makes its scenes itself, without --workers and --scenes")
    if recipe.kind == "live" and not recipe.truth and request.start is not None:
        raise ToolError(f"recipe {request.recipe!r} adapts weights to recordings: give them by --data")
    if recipe.coupled and request.start is None:
        raise ToolError(f"recipe {request.recipe!r} continues the training of weights: give them by --from")
    if recipe.kind == "live" and request.start is not None:
        recipe = replace(recipe, start=read_manifest(request.start).sha256)
    need_training()
    device = prepare_torch(request.threads, request.device)
    recipe = _at_speed(recipe, device, console)
    with alone_in(request.output):
        _train(recipe, request, device, begun, console, as_json=as_json)


def _train(
    recipe: Recipe, request: TrainingRequest, device: Any, begun: float, console: Console, *, as_json: bool
) -> None:
    """From the checkpoint in the folder, if any; `begun` (s, monotonic) is when the time given began."""
    from engine.training.trainer import Trainer

    def late() -> bool:
        return 0 < request.minutes * 60 < time.monotonic() - begun

    with ExitStack() as stack:
        asked = stack.enter_context(ctrl_c_asks())
        bar = stack.enter_context(TrainingBar(console, recipe.steps))
        bar.announce("held-out scenes")
        chosen = stack.enter_context(
            experiment(recipe, request.scenes or scene_folder(), request.workers or 1, device, request.start)
        )
        trainer = Trainer(recipe, request.output, chosen.task)
        run_log = RunLog(request.output, trainer.step)
        bar.start(trainer.step)

        def on_step(progress: Any) -> None:
            run_log.update(progress)
            bar.show(progress)

        if not any(look["step"] == trainer.step for look in run_log.looks):
            run_log.look(trainer.step, chosen.look())
        for until in _stops(trainer.step, recipe.validate_every, recipe.steps):
            trainer.run(until, on_step, lambda: asked() or late())
            if trainer.step == until:
                bar.announce("held-out scenes")
                run_log.look(until, chosen.look())
            if asked() or late():
                break
        draw_curve(run_log, chosen.figure, request.output / "curve.png")
        done = trainer.step >= recipe.steps
    if asked():
        console.print(f"stopped at step {trainer.step} of {recipe.steps}: the same command goes on")
        raise typer.Exit(STOPPED)
    weights = _finish(chosen, trainer.step, request, console) if done else None
    newest = run_log.looks[-1]
    # a slice may end between two looks: figures of an earlier step would be taken for this one's
    last = newest["methods"]["network"] if newest["step"] == trainer.step else {}
    fields = {"step": trainer.step, "steps": recipe.steps, "weights": weights, "output": str(request.output)}
    saved = (
        f"saved {weights}" if weights else f"step {trainer.step} of {recipe.steps}: the same command goes on"
    )
    reached = ", ".join(
        f"{name.replace('_', ' ')} {value:.3g}" for name, value in last.items() if value is not None
    )
    text = f"{saved}; on held-out scenes: {reached}" if reached else saved
    emit("train", fields | last, as_json=as_json, text=text)


def _at_speed(recipe: Recipe, device: Any, console: Console) -> Recipe:
    """The recipe, in float32 where bfloat16 would slow it down."""
    from engine.training.precision import bfloat16_is_fast

    if not recipe.half_precision or bfloat16_is_fast(device):
        return recipe
    console.print("in float32: this processor has no instructions for bfloat16")
    return replace(recipe, half_precision=False)


def _finish(chosen: Experiment, step: int, request: TrainingRequest, console: Console) -> str:
    """Write the weights under the recipe's name; returns their path."""
    path = request.output / f"{Path(request.recipe).stem}.safetensors"
    with console.status("writing weights and program"):
        chosen.write(path, step)
    return str(path)


def _stops(step: int, every: int, steps: int) -> Iterator[int]:
    """Steps at which to look: multiples of `every`, and the last one."""
    while step < steps:
        step = min(steps, (step // every + 1) * every)
        yield step


def prepare_torch(threads: int, device: Device) -> Any:
    """The torch device; sets the threads of this process. Raises EngineUnavailable where there is no CUDA."""
    import torch

    from engine.tracking.torch_device import torch_device

    if threads:
        torch.set_num_threads(threads)
    return torch_device(device)


def scene_folder() -> Path:
    """Where this user's scenes are kept: those of other code are not these."""
    import engine.musse.cells
    import engine.musse.tracking_features
    import engine.simulation
    import engine.tracking
    import engine.training.data.samples
    import engine.training.data.scenes

    sources = [
        *sorted(Path(engine.simulation.__path__[0]).glob("*.py")),
        *sorted(Path(engine.tracking.__path__[0]).glob("*.py")),
        Path(engine.musse.cells.__file__),
        Path(engine.musse.tracking_features.__file__),
        Path(engine.training.data.scenes.__file__),
        Path(engine.training.data.samples.__file__),
    ]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:8]
    return cache_folder() / f"scenes-{version('musse-stream')}-{digest}"
