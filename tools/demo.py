"""Live strain without a scanner: simulated frames, then replay, node and display as processes."""

import hashlib
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from streamer.stopping import Stop
from tools.children import child
from tools.errors import ToolError
from tools.processes import cache_folder

POLL = 0.1  # s
ANY_PORT = "tcp://127.0.0.1:0"

SCENE: Final[dict[str, Any]] = {"frames": 40, "frame_rate": 20.0, "compression": 0.02, "period": 1.8}
"""What the demo simulates, as `tools.simulate.SimulationSettings` names it."""


def demo_recording(on_frame: Callable[[int, int], object]) -> Path:
    """The simulated acquisition of the demo, made on first use and kept in the user's cache folder."""
    key = hashlib.sha256(repr(SCENE).encode()).hexdigest()[:8]
    path = cache_folder() / f"demo-{version('musse-stream')}-{key}.h5"
    if not path.exists():
        from tools.simulate import SimulationSettings, simulate_recording  # imports torch: only when needed

        simulate_recording(path, SimulationSettings(**SCENE), overwrite=True, on_frame=on_frame)
    return path


def run_demo(
    recording: Path, display_arguments: list[str], node_arguments: list[str], stop: Stop
) -> dict[str, Any]:
    """Run replay, node and display until the display ends or `stop` is set; returns the node's summary.

    Raises ToolError where one of them ends by itself.
    """
    replayed = ("replay", str(recording), "--loop", "bounce", "--wait-subscribers", "1")
    with child(*replayed, "--bind", ANY_PORT, "--json") as replay:
        at = ("--connect", replay.wait_for("ready")["rf"])
        with child(
            "run", *at, "--bind", ANY_PORT, "--http", "127.0.0.1:0", "--json", *node_arguments
        ) as node:
            results = node.wait_for("ready")["results"]
            with child("display", "--connect", results, "--json", *display_arguments) as display:
                while display.running() and not stop.is_set():
                    for other in (replay, node):
                        if not other.running():
                            raise ToolError(f"{other.name} ended with exit code {other.finish()}")
                    stop.wait(POLL)
                display.ask_to_stop()
                code = display.finish()
            if code != 0:
                raise ToolError(f"the display ended with exit code {code}")
            node.ask_to_stop()
            return node.wait_for("summary")
