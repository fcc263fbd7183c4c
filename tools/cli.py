"""The one command, `musse-stream`. Subcommands import what they need only when they run."""

import codecs
import io
import sys
from contextlib import suppress
from typing import Annotated, NoReturn

import typer

from engine.errors import EngineError, EngineUnavailable
from streamer.errors import AddressInUse, ConfigError, StreamerError
from tools.commands.assess import assess
from tools.commands.batch import batch
from tools.commands.bench import bench
from tools.commands.config import config
from tools.commands.convert import convert
from tools.commands.demo import demo
from tools.commands.display import display
from tools.commands.doctor import doctor
from tools.commands.engine import engine
from tools.commands.evaluate import evaluate
from tools.commands.figure import figure
from tools.commands.igtl import igtl
from tools.commands.info import info
from tools.commands.keep import keep
from tools.commands.keys import keys
from tools.commands.measure import measure
from tools.commands.movie import movie
from tools.commands.node import node
from tools.commands.process import process
from tools.commands.record import record
from tools.commands.replay import replay
from tools.commands.run import run
from tools.commands.simulate import simulate
from tools.commands.tape import tape
from tools.commands.train import train
from tools.commands.web import web
from tools.errors import DiskFull, NodeEnded, NoScreen, NothingReceived, RecordingError, ToolError

EXIT_CODES = {
    0: "success, also when ended by Ctrl-C, SIGTERM or q",
    1: "failure, with the reason in the message, or doctor found something; a traceback is a bug: report it",
    2: "wrong command line",
    3: "wrong configuration",
    4: "a recording or result file cannot be used",
    5: "the engine cannot run here",
    6: "an address is in use or cannot be bound",
    7: "no screen for a window: use --headless",
    8: "nothing was received in time",
    9: "the disk is full",
    130: "interrupted before finishing",
}

_CODE_OF: tuple[tuple[type[Exception], int], ...] = (
    (ConfigError, 3),
    (RecordingError, 4),
    (EngineUnavailable, 5),
    (AddressInUse, 6),
    (NoScreen, 7),
    (DiskFull, 9),
    (NothingReceived, 8),
    (EngineError, 4),
    (StreamerError, 1),
    (ToolError, 1),
)

_PLAIN_LETTERS = {
    "µ": "u", "μ": "u", "°": " deg", "×": "x", "·": "*", "–": "-", "—": "-", "…": "...", "²": "^2", "³": "^3",
    "±": "+-", "≥": ">=", "≤": "<=", "σ": "sigma", "τ": "tau", "━": "-",
}  # fmt: skip

app = typer.Typer(
    name="musse-stream",
    help="Live ultrasound strain from RF frames. Relative axial strain, not stiffness; research use only.",
    epilog="Start with: musse-stream demo\n\nExit codes: "
    + "; ".join(f"{code} {meaning}" for code, meaning in EXIT_CODES.items()),
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)


def exit_code_table() -> str:
    """The exit codes as a Markdown table, for the documentation."""
    return "\n".join(["| code | meaning |", "|---|---|", *(f"| {c} | {m} |" for c, m in EXIT_CODES.items())])


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"musse-stream {version('musse-stream')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        # eager: it needs no command
        typer.Option("--version", help="Print the version and end.", callback=_print_version, is_eager=True),
    ] = False,
) -> None:
    pass


COMMANDS = {
    "Live": (demo, run, replay, display, web, record, keep),
    "Recordings": (info, convert, simulate),
    "Results": (process, batch, measure, figure, movie),
    "Network": (train, evaluate, assess),
    "System": (doctor, config, keys, engine, bench),
}
"""By the panel of `musse-stream --help` that lists them."""

for panel, commands in COMMANDS.items():
    for command in commands:
        app.command(rich_help_panel=panel)(command)
app.add_typer(igtl, name="igtl", rich_help_panel="Live")
app.command(hidden=True)(node)
app.command(hidden=True)(tape)


def substitute_unknown_characters() -> None:
    """Let output to a console write what its code page lacks, such as the micro sign, in plain letters."""
    codecs.register_error("plain", _plain_letters)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="plain")


def _plain_letters(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    return "".join(_PLAIN_LETTERS.get(letter, "?") for letter in missing), error.end


def end_of_output(message: str) -> NoReturn:
    """Leave with code 9 although standard output itself may be what cannot be written."""
    with suppress(OSError):
        sys.stdout.close()  # what is buffered cannot be written; at the exit that would be a second message
    print(f"musse-stream: {message}", file=sys.stderr)  # noqa: T201 - the one place that speaks to people
    sys.exit(9)


def main() -> None:
    """Entry point: known errors end in one line on stderr and their exit code."""
    substitute_unknown_characters()
    try:
        app()
    except NodeEnded as ended:  # it has written why
        sys.exit(max(1, ended.code))
    except tuple(kind for kind, _ in _CODE_OF) as error:
        print(f"musse-stream: {error}", file=sys.stderr)  # noqa: T201 - the one place that speaks to people
        sys.exit(next(code for kind, code in _CODE_OF if isinstance(error, kind)))
    except OSError as error:
        from tools.part import is_disk_full

        if not is_disk_full(error):
            raise
        end_of_output(f"the disk is full: {error.filename or 'the output'} could not be written")
