"""`musse-stream evaluate`: engines side by side on seeded pairs with truth."""

from pathlib import Path
from typing import Annotated

import typer

from tools.commands import options


def evaluate(
    engine: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[@WAVELENGTHSxLINES]",
            help="Engine, with its strain window if not the default; may be repeated. ncc is a plain block "
            "matcher to compare with. [default: reference, ncc]",
        ),
    ] = None,
    device: options.Device = "cpu",
    weights: options.Weights = None,
    suite: Annotated[str, typer.Option(help="full or quick (a few cases of every group).")] = "quick",
    group: Annotated[
        list[str] | None, typer.Option(help="Only this group; may be repeated. [default: all]")
    ] = None,
    output: Annotated[Path, typer.Option(help="Folder for figures, maps and report.")] = Path("evaluation"),
    resume: Annotated[
        bool, typer.Option("--resume", help="Keep what the folder already holds of the same code.")
    ] = False,
    threads: Annotated[int, typer.Option(min=0, help="CPU threads of the engines; 0: all cores.")] = 1,
    limit: Annotated[
        int, typer.Option(min=0, help="End after so many cases; go on with --resume. 0: no limit.")
    ] = 0,
    report: Annotated[bool, typer.Option(help="Also write report.html.")] = True,
    summary: Annotated[
        Path | None, typer.Option(help="Also write a short report in Markdown, misses first.")
    ] = None,
    overwrite: options.Overwrite = False,
    json: Annotated[bool, typer.Option("--json", help="End in one JSON line.")] = False,
) -> None:
    """Compare engines and settings on the same simulated pairs, against baselines.

    Writes cases.jsonl (one line per case and method), figures.json and report.html to the output folder.

    Examples:

        musse-stream evaluate

        musse-stream evaluate --suite full --limit 50 --resume --output evaluation

        musse-stream evaluate --engine reference --engine reference@24x3 --group noise --group sphere
    """
    from rich.console import Console

    from engine.device import chosen_device
    from tools.evaluate.command import run_evaluation
    from tools.evaluate.outcome import EvaluationRequest

    run_evaluation(
        EvaluationRequest(
            engines=tuple(engine or ("reference", "ncc")),
            suite=suite,
            groups=tuple(group or ()),
            output=output,
            resume=resume,
            threads=threads,
            limit=limit,
            report=report,
            summary=summary,
            overwrite=overwrite,
            device=chosen_device(device or "cpu"),
            weights=weights,
        ),
        Console(stderr=True),
        as_json=json,
    )
