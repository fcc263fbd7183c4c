"""Build an engine, showing each step; and, for a node, in a child process beside the stream."""

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from engine.errors import EngineError
from engine.factory import weights_file
from engine.spec import Policy
from engine.user_cache import engines_folder
from streamer.config import Config
from streamer.engine_choice import weights_of
from streamer.stopping import Stop, StopRequested
from tools.children import child
from tools.engines.acquired import Acquired, Opens, given, live, recorded
from tools.errors import ToolError
from tools.output import emit

LISTEN: Final = 10.0  # s for a frame of a live stream
POLL: Final = 0.05  # s; how soon a stop is noticed
ENDED: Final = 5.0  # s for a child that was asked to end


def build_engine(acquired: Acquired, config: Config, *, carrier: float | None, events: bool) -> None:
    """Build an engine for an acquisition, and verify it where there is a card.

    `carrier` in Hz replaces the measured one. `events`: each step is a line of JSON on standard output.
    Raises EngineError.
    """
    from engine.musse.artefact import store
    from engine.musse.artefact.build import build
    from engine.musse.artefact.subject import Subject
    from engine.musse.artefact.verify import verify
    from engine.tracking.torch_device import has_card

    subject = Subject(
        spec=acquired.spec,
        carrier=acquired.carrier if carrier is None else carrier / acquired.spec.sampling_frequency,
        policy=config.engine.precision,
        weights=weights_file(weights_of(config.engine)),
    )
    console = Console(quiet=events)
    with console.status("engine") as status:

        def show(step: str) -> None:
            status.update(f"engine: {step}")
            if events:
                emit("step", {"step": step}, as_json=True)

        try:
            folder = build(subject, engines_folder(), show)
            if has_card():
                folder = verify(folder, show)
        except EngineError as error:
            if events:
                emit("failed", {"reason": str(error)}, as_json=True)
            raise
    state = store.read(folder).status
    if events:
        emit("built", {"engine": folder.name, "status": state}, as_json=True)
    console.print(f"engine {folder.name}: {state}")
    if state != "verified":
        console.print(
            "it is not used before this ends well on an NVIDIA card: "
            f"musse-stream engine verify {folder.name}"
        )


def configured(config: Config, precision: Policy | None, weights: str | None) -> Config:
    """The configuration with the precision and the weights that options name."""
    named = {"precision": precision, "weights": weights}
    changes = {key: value for key, value in named.items() if value is not None}
    return config.model_copy(update={"engine": config.engine.model_copy(update=changes)})


def subject_of(
    target: str | None,
    opening: Opens,
    config: Config,
    *,
    shape: str | None,
    windows: tuple[float | None, float | None],
    from_stream: bool,
) -> Acquired:
    """The acquisition that the options of `engine build` name. `windows`: mm along the beam and across."""
    if target is not None and from_stream:
        raise ToolError("build for a recording or for the live stream: leave out one of FILE and --live")
    if target is not None:
        return recorded(Path(target), opening, config)
    return live(config, LISTEN) if from_stream else given(opening, shape, windows)


class BuildsBeside:
    """Builds engines for a node, each in a child process: `streamer.beside.Compile`.

    A child that takes longer than `at_most` s is ended. As a context this ends after the child has: a node
    that stops leaves none behind.
    """

    def __init__(self, stop: Stop, at_most: float, module: str = "tools") -> None:
        self._stop = stop
        self._at_most = at_most
        self._module = module
        self._idle = threading.Event()
        self._idle.set()

    def __enter__(self) -> "BuildsBeside":
        return self

    def __exit__(self, *error: object) -> None:
        self._idle.wait(ENDED)

    def __call__(self, arguments: Sequence[str], report: Callable[[str], None]) -> None:
        """Build one. Raises EngineError with the reason, StopRequested where the node is to end."""
        self._idle.clear()
        due, step = time.monotonic() + self._at_most, "starting"
        try:
            with child(*arguments, "--events", module=self._module) as process:
                ended = False
                while not ended:
                    if self._stop.is_set():
                        raise StopRequested
                    if time.monotonic() > due:
                        process.kill()  # a compiler that hangs may not answer a signal
                        raise EngineError(
                            f"the build was ended at {step!r} after engine.build_timeout, {self._at_most:g} s"
                        )
                    if (event := process.next_event(POLL)) is not None:
                        self._take(event, report)
                        step = event.get("step", step)
                        ended = event.get("event") == "end"
                code = process.finish()
        finally:
            self._idle.set()
        if code != 0:
            raise EngineError(f"the build ended with exit code {code}: see the log")

    @staticmethod
    def _take(event: dict[str, Any], report: Callable[[str], None]) -> None:
        kind = event.get("event")
        if kind == "step":
            report(str(event["step"]))
        if kind == "failed":
            raise EngineError(str(event["reason"]))
        if kind == "built" and event["status"] != "verified":
            raise EngineError(f"engine {event['engine']} is {event['status']}: no card verified it")
