"""Programs that must not import torch: a display or a replay on a small machine, and light engines."""

import subprocess
import sys

import pytest

from tests.root import ROOT

LIGHT = [
    "streamer.node",
    "streamer.subscriber",
    "tools.cli",
    "tools.replay",
    "tools.record",
    "tools.display.loop",
    "tools.display.window",
    "tools.demo",
    "tools.bench.peer",
    "engine.spec",
    "engine.strain.least_squares",
    "engine.sequence.quality",
    "engine.bmode",
    "engine.tracking.iq",
    "engine.tracking.normalisation",
    "engine.baselines.trivial",
    "engine.factory",
]


def _first_that_imports_torch(modules: list[str]) -> str:
    """Of modules that one process imports in this order; empty if none does."""
    code = (
        "import importlib, sys\n"
        f"for name in {modules!r}:\n"
        "    importlib.import_module(name)\n"
        "    if 'torch' in sys.modules: sys.exit(print(name))"
    )
    ended = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True)
    return ended.stdout.strip()


def test_no_light_module_imports_torch() -> None:
    assert _first_that_imports_torch(LIGHT) == ""


def _opening_loads_torch(engine: str) -> bool:
    code = (
        "import sys, numpy as np; from engine import open_estimator;"
        f"e = open_estimator({engine!r}, shape=(512, 32), sampling_frequency=40e6, center_frequency=5e6,"
        "line_pitch=3e-4); f = np.random.default_rng(0).normal(size=(512, 32)).astype(np.float32);"
        "e.step(f, f); sys.exit(7 if 'torch' in sys.modules else 0)"
    )
    found = subprocess.run([sys.executable, "-c", code], check=False).returncode
    assert found in (0, 7)
    return found == 7


def test_the_network_on_onnx_runtime_needs_no_torch() -> None:
    assert not _opening_loads_torch("onnx")
    assert _opening_loads_torch("eager")  # the control


def _node_loads_torch(engine: str) -> bool:
    """Whether a node that has built this engine and taken a pair through its step has torch."""
    code = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from tests.echo_frames import cycle, rf_header
import streamer.node
from streamer.beside import Beside
from streamer.builder import EngineBuilder
from streamer.config_file import load_config
from streamer.frame import RfFrame
from streamer.pairing import FramePair
from streamer.stopwatch import Stopwatch
from streamer.health import Health
from unittest.mock import MagicMock
from streamer.stopping import Stop
config = load_config(None, {{"engine": {{"name": {engine!r}}}}})
health = Health()
builder = EngineBuilder(None, Beside(None, health), config, health, MagicMock())
frames = [RfFrame(rf_header(k), cycle(k), 0.0) for k in (0, 1)]
step = builder.step_for(frames[0], Stop(), lambda: None)
message = step.run(FramePair(frames[0], frames[1], None), Stopwatch())
assert message.header.engine == {engine!r}, message
assert message.result is not None
sys.exit(7 if "torch" in sys.modules else 0)
"""
    found = subprocess.run([sys.executable, "-c", code], check=False).returncode
    assert found in (0, 7)
    return found == 7


def test_a_node_with_the_network_on_onnx_runtime_has_no_torch() -> None:
    assert not _node_loads_torch("onnx")
    assert _node_loads_torch("eager")  # the control


@pytest.mark.parametrize(
    ("module", "needed"),
    [("runtimes.eager", 0), pytest.param("device.chain", 0, marks=pytest.mark.long), ("rewriting", 7)],
)
def test_only_exporting_the_network_needs_onnx(module: str, needed: int) -> None:
    """The extra `training` installs it; the last module is the control."""
    code = f"import sys, engine.musse.{module}; sys.exit(7 if 'onnx' in sys.modules else 0)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == needed


def test_the_check_notices_torch() -> None:
    modules = ["engine.spec", "engine.reference", "engine.strain.least_squares"]
    assert _first_that_imports_torch(modules) == "engine.reference"
