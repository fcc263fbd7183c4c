"""ONNX Runtime as this project loads it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.factory import shipped_weights
from tests.root import ROOT

CODE = """
import sys
from pathlib import Path
from engine.musse.runtimes.onnx import OnnxRuntime
runtime = OnnxRuntime(Path(sys.argv[1]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere its device number lies in another place")
def test_it_keeps_no_number_of_the_device_and_sends_nothing(tmp_path: Path) -> None:
    """The number is written where telemetry is on: what it sends would need a network to be seen."""
    homes = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    program = shipped_weights().with_suffix(".onnx")
    subprocess.run([sys.executable, "-c", CODE, program], check=True, cwd=ROOT, env={**os.environ, **homes})
    assert list(tmp_path.rglob("*")) == []
