"""The card of weights that `musse-stream info` prints."""

import json
from pathlib import Path

from typer.testing import CliRunner

from engine.errors import EngineUnavailable
from engine.factory import shipped_weights
from engine.musse.manifest import read_manifest
from tools.cli import app


def test_the_shipped_weights_have_a_card() -> None:
    result = CliRunner().invoke(app, ["info", str(shipped_weights())], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    manifest = read_manifest(shipped_weights())
    seed = f"seed {manifest.trained['recipe']['seed']}"
    for expected in (manifest.sha256, manifest.model_hash, "parameters", "2.5 to 12 MHz", seed, "torch"):
        assert expected in result.stdout


def test_as_json_it_holds_the_whole_manifest() -> None:
    result = CliRunner().invoke(app, ["info", str(shipped_weights()), "--json"])
    about = json.loads(result.stdout)
    manifest = read_manifest(shipped_weights())
    assert about["trained"] == json.loads(json.dumps(manifest.trained))
    assert about["errors"]["shared"] == manifest.errors.shared
    assert about["parameters"] > 100_000


def test_weights_without_a_manifest_are_refused(tmp_path: Path) -> None:
    copied = tmp_path / "lost.safetensors"
    copied.write_bytes(shipped_weights().read_bytes())
    result = CliRunner().invoke(app, ["info", str(copied)])
    assert isinstance(result.exception, EngineUnavailable)
    assert "both files belong together" in str(result.exception)
