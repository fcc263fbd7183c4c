"""`musse-stream train`: weights of the network, from simulated scenes or adapted to recordings."""

import os
from pathlib import Path
from typing import Annotated, Literal

import typer


def train(
    recipe: Annotated[
        str,
        typer.Option(
            metavar="NAME|FILE", help="live, refine, quick, unsupervised, paper or adapt; or a TOML file."
        ),
    ] = "",
    output: Annotated[
        Path, typer.Option(help="Folder of the run; one that holds a checkpoint goes on from it.")
    ] = Path("training"),
    minutes: Annotated[
        float, typer.Option(min=0.0, help="Stop with a checkpoint after so long; 0: no limit.")
    ] = 0.0,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes that make scenes of the live network. [default: 1]")
    ] = None,
    scenes: Annotated[
        Path | None, typer.Option(help="Folder of these scenes. [default: in the user's cache]")
    ] = None,
    threads: Annotated[int, typer.Option(min=0, help="CPU threads of training; 0: all cores.")] = 1,
    device: Annotated[Literal["cpu", "cuda"], typer.Option(help="Where it trains.")] = "cpu",
    start: Annotated[
        Path | None,
        typer.Option(
            "--from", metavar="WEIGHTS", help="Weights (.safetensors) to start from; with --data, to adapt."
        ),
    ] = None,
    data: Annotated[
        list[Path] | None, typer.Option(metavar="RECORDING", help="Recording to adapt to; may be repeated.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="End in one JSON line.")] = False,
) -> None:
    """Train the network, go on with a training that was stopped, or adapt weights to a scanner's recordings.

    Ctrl-C stops after the current step with a checkpoint; the same command goes on.

    Examples:

        musse-stream train --recipe quick --output my-weights

        musse-stream train --recipe live --minutes 60

        musse-stream train --recipe refine --from training/live.safetensors --output refined

        musse-stream train --from my-weights/quick.safetensors --data press.mhd --output adapted
    """
    # read when torch loads its OpenMP: spinning threads slow the processes that make scenes down
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from rich.console import Console

    from tools.errors import ToolError

    if data and start is None:
        raise ToolError("--data needs --from: the weights that are to be adapted to the recordings")
    console = Console(stderr=True)
    if start is not None and data:
        if workers is not None or scenes is not None:
            raise ToolError("--workers and --scenes are of simulated scenes: adapting learns from recordings")
        from tools.train.adapt import Adaptation, run_adaptation

        adaptation = Adaptation(
            recipe=recipe or "adapt",
            start=start,
            data=tuple(data),
            output=output,
            minutes=minutes,
            threads=threads,
            device=device,
        )
        run_adaptation(adaptation, console, as_json=json)
        return
    from tools.train.command import TrainingRequest, run_training

    request = TrainingRequest(
        recipe=recipe or ("live" if start is None else "refine"),
        start=start,
        output=output,
        minutes=minutes,
        workers=workers,
        scenes=scenes,
        threads=threads,
        device=device,
    )
    run_training(request, console, as_json=json)
