"""The network as an engine is opened by name, with its own weights or others; misfits are refused."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from engine.errors import EngineUnavailable
from engine.estimator import Estimator
from engine.factory import load, model_hash, open_estimator, shipped_weights
from engine.musse.manifest import model_hash as labelled
from engine.musse.program_io import PROGRAM_VERSION, VERSION

CONSTANTS: dict[str, Any] = {
    "shape": (900, 48),
    "sampling_frequency": 40e6,
    "center_frequency": 5e6,
    "line_pitch": 0.3e-3,
}


@pytest.mark.parametrize(("name", "found"), [("onnx", "onnx"), ("eager", "eager"), ("musse", "onnx")])
def test_opens_by_name_and_identifies_the_weights(name: str, found: str) -> None:
    estimator: Estimator = open_estimator(name, **CONSTANTS)
    manifest = json.loads(shipped_weights().with_suffix(".json").read_text())
    assert (estimator.name, estimator.precision) == (found, "float32")
    assert estimator.model_hash == labelled(manifest["sha256"]) == model_hash(name)
    assert estimator.error_model.window is None
    assert estimator.error_model.shared == manifest["shared"]
    samples, lines = CONSTANTS["sampling_frequency"] / CONSTANTS["center_frequency"], 2  # of a cell
    along, across = manifest["correlation"]
    assert estimator.error_model.correlation == pytest.approx((along * samples, across * lines), rel=0.02)
    assert model_hash("reference") is None


def test_without_onnx_runtime_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(EngineUnavailable, match="pip install onnxruntime"):
        load("onnx")


def _refused(name: str, weights: Path) -> str:
    with pytest.raises(EngineUnavailable) as refusal:
        open_estimator(name, **CONSTANTS, weights=weights)
    words = str(refusal.value)
    assert "\n" not in words
    return words


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    for ending in (".safetensors", ".json", ".onnx"):
        shutil.copy(shipped_weights().with_suffix(ending), tmp_path)
    return tmp_path / shipped_weights().name


@pytest.mark.parametrize("name", ["onnx", "eager"])
def test_weights_of_ones_own_are_taken(copied: Path, name: str) -> None:
    assert open_estimator(name, **CONSTANTS, weights=str(copied)).model_hash == model_hash(name)


def test_a_missing_program_is_named_with_the_engine_that_needs_none(copied: Path) -> None:
    copied.with_suffix(".onnx").unlink()
    words = _refused("onnx", copied)
    assert "live.onnx" in words
    assert "use engine eager" in words


def test_the_errors_of_a_program_without_its_manifest_do_not_average(copied: Path) -> None:
    estimator = open_estimator("onnx", **CONSTANTS, weights=copied)
    assert estimator.error_model.shared < 1.0
    copied.unlink()
    copied.with_suffix(".json").unlink()
    assert open_estimator("onnx", **CONSTANTS, weights=copied).error_model.shared == 1.0


def test_results_of_another_program_around_the_same_weights_have_another_hash(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = model_hash("eager")
    monkeypatch.setattr("engine.musse.manifest.PROGRAM_VERSION", PROGRAM_VERSION + 1)
    assert model_hash("eager") != before


def test_a_program_of_another_version_is_refused(copied: Path) -> None:
    import onnx as onnx_files

    path = copied.with_suffix(".onnx")
    open_estimator("onnx", **CONSTANTS, weights=copied)
    model = onnx_files.load(str(path))
    [version] = [entry for entry in model.metadata_props if entry.key == VERSION]
    version.value = str(PROGRAM_VERSION - 1)
    onnx_files.save(model, str(path))
    assert "no live network of this version: export it again" in _refused("onnx", copied)


def test_a_file_that_is_no_program_is_refused(copied: Path) -> None:
    copied.with_suffix(".onnx").write_bytes(b"\x00" * 64)
    assert "export it again" in _refused("onnx", copied)


def test_a_foreign_program_is_refused(copied: Path) -> None:
    import onnx as onnx_files

    helper, kind = onnx_files.helper, onnx_files.TensorProto.FLOAT
    values = [helper.make_tensor_value_info(name, kind, [1]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "other", values[:1], values[1:])
    opset = helper.make_opsetid("", 18)
    onnx_files.save(
        helper.make_model(graph, opset_imports=[opset], ir_version=10), copied.with_suffix(".onnx")
    )
    assert "no live network of this version: export it again" in _refused("onnx", copied)


def test_a_program_of_other_weights_than_those_beside_it_is_refused(copied: Path) -> None:
    from engine.musse.checkpoint import save
    from engine.musse.net import LiveNet

    save(LiveNet(), copied, trained={})
    assert "was not exported from live.safetensors beside it" in _refused("onnx", copied)
    assert open_estimator("eager", **CONSTANTS, weights=copied).model_hash != model_hash("eager")


@pytest.mark.parametrize("name", ["onnx", "eager"])
def test_weights_that_differ_from_the_manifest_are_refused(copied: Path, name: str) -> None:
    copied.write_bytes(copied.read_bytes()[:-1] + b"!")
    assert "not what live.json describes" in _refused(name, copied)
    copied.with_suffix(".json").unlink()
    assert "no usable manifest live.json" in _refused("eager", copied)


def test_engines_without_a_network_take_no_weights() -> None:
    assert "takes no weights: leave them out, or use engine musse" in _refused("reference", shipped_weights())


def test_onnx_has_no_other_device_than_the_cpu() -> None:
    with pytest.raises(EngineUnavailable, match=r"cpu only; for 'cuda' use engine eager"):
        open_estimator("onnx", **CONSTANTS, device="cuda")


def test_the_program_runs_where_torch_is_not_installed() -> None:
    code = (
        "import sys; sys.modules['torch'] = None; import numpy as np; from engine import open_estimator;"
        f"e = open_estimator('onnx', **{CONSTANTS!r});"
        f"f = np.random.default_rng(0).normal(size={CONSTANTS['shape']}).astype(np.float32);"
        "print(abs(e.step(f, f).axial_strain).max() < 1e-3)"
    )
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert child.stdout == "True\n"
