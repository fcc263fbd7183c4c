"""Live strain without a scanner: simulated frames, then replay, node and display as processes."""

from collections.abc import Callable
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.progress import Progress

from engine.errors import EngineUnavailable
from engine.factory import load
from streamer.config_file import load_config
from streamer.stopping import Stop, StopRequested
from tools.children import Child, child
from tools.errors import NodeEnded, NoScreen, NothingReceived, ToolError
from tools.keep import keeping
from tools.processes import cache_folder

POLL = 0.1  # s
_FAILURES: Final = {7: NoScreen, 8: NothingReceived}  # of the display, by its exit code
ANY_PORT = "tcp://127.0.0.1:0"
SCENE_VERSION: Final = 2  # counts changes of `engine.simulation.scenario.DEMO`, which needs torch to be read


def demo_path() -> Path:
    """Where the demo's recording is kept: in the user's cache folder, whether it is there yet or not."""
    return cache_folder() / f"demo-{version('musse-stream')}-{SCENE_VERSION}.h5"


def demo_recording(on_frame: Callable[[int, int], object]) -> Path:
    """The simulated acquisition of the demo, made on first use."""
    path = demo_path()
    if not path.exists():
        from engine.simulation.scenario import DEMO  # imports torch: only when needed
        from tools.simulate import simulate_recording

        simulate_recording(path, DEMO, overwrite=True, on_frame=on_frame)
    return path


def check_needs(engine: str, weights: Path | None, check_screen: Callable[[], None] | None) -> None:
    """Whether the engine can be loaded here and, unless `check_screen` is None, a window can open.

    Raises EngineUnavailable, which names a missing screen too, or the NoScreen of `check_screen`.
    """
    screen: NoScreen | None = None
    try:
        if check_screen is not None:
            check_screen()
    except NoScreen as error:
        screen = error
    try:
        load(engine, weights=weights)
    except EngineUnavailable as error:
        raise error if screen is None else EngineUnavailable(f"{error}; and {screen}") from screen
    if screen is not None:
        raise screen


def prepared_recording(stop: Stop) -> Path:
    """The demo's recording, simulated with a progress bar on first use.

    Raises StopRequested where `stop` is set meanwhile.
    """
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("Simulating a phantom (first run only)", total=None)

        def on_frame(done: int, total: int) -> None:
            if stop.is_set():  # what the signal raised may have been swallowed by a library's callback
                raise StopRequested
            progress.update(task, completed=done, total=total)

        return demo_recording(on_frame)


def run_demo(
    recording: Path, display_arguments: list[str], node_arguments: list[str], stop: Stop
) -> dict[str, Any]:
    """Run replay, node and display until the display ends or `stop` is set; returns the node's summary.

    Raises StopRequested where `stop` is set before all of them run, NothingReceived where the display saw no
    strain, NodeEnded where the node ends by itself with a code of its own, ToolError where another does.
    """
    replayed = ("replay", str(recording), "--loop", "bounce", "--wait-subscribers", "1")
    with child(*replayed, "--bind", ANY_PORT, "--json") as replay:
        at = ("--connect", replay.wait_for("ready", stop=stop)["rf"])
        with child(
            "run", *at, "--bind", ANY_PORT, "--http", "127.0.0.1:0", "--no-keep", "--json", *node_arguments
        ) as node:
            results = node.wait_for("ready", stop=stop)["results"]
            settings = load_config(None, {"input": {"connect": at[1]}, "keep": {"bind": ANY_PORT}})
            with ExitStack() as beside:
                tape = beside.enter_context(keeping(settings, results))
                shown = ("--connect", results, "--keep", _address_of(tape.process, stop))
                display = beside.enter_context(child("display", *shown, "--json", *display_arguments))
                while display.running() and not stop.is_set():
                    for other in (replay, node):
                        if not other.running():
                            code = other.finish()
                            if other is node and code > 0:
                                raise NodeEnded(code)
                            raise ToolError(f"{other.name} ended with exit code {code}: see above for why")
                    stop.wait(POLL)
                display.ask_to_stop()
                code = display.finish()
            if code != 0 and not stop.is_set():  # a display that was still starting has no clean end
                failure = _FAILURES.get(code, ToolError)
                raise failure(f"the display ended with exit code {code}: see above for why")
            node.ask_to_stop()
            return node.wait_for("summary")


def _address_of(tape: Child | None, stop: Stop) -> str:
    """Where the tape process answers; empty where there is none: the demo goes on without it."""
    try:
        return "" if tape is None else str(tape.wait_for("ready", stop=stop)["keep"])
    except (ToolError, StopRequested):
        return ""
