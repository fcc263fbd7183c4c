"""What must not import torch: a display or a replay on a small machine, and the trivial engine."""

import subprocess
import sys

import pytest

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
    "engine.strain",
    "engine.quality",
    "engine.bmode",
    "engine.iq",
    "engine.frontend",
    "engine.trivial",
    "engine.factory",
]


def _imports_torch(module: str) -> bool:
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    return subprocess.run([sys.executable, "-c", code], check=False).returncode == 1


@pytest.mark.parametrize("module", LIGHT)
def test_imports_no_torch(module: str) -> None:
    assert not _imports_torch(module)


def test_the_check_notices_torch() -> None:
    assert _imports_torch("engine.reference")
