"""Weights in files: parts that do not belong together are refused by name."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from engine.errors import EngineUnavailable
from engine.musse.checkpoint import load, save
from engine.musse.manifest import UNMEASURED, MeasuredErrors
from engine.musse.net import LiveNet
from tests.engine.training.tiny_training import TINY


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "a.safetensors"
    save(LiveNet(TINY), path, trained={"steps": 0})
    return path


def test_what_was_written_is_read(written: Path) -> None:
    net, manifest = load(written)
    assert manifest.configuration == TINY
    assert manifest.trained == {"steps": 0}
    assert manifest.errors.shared == UNMEASURED
    assert not net.training
    assert sorted(path.name for path in written.parent.iterdir()) == ["a.json", "a.safetensors"]


def test_what_another_process_writes_there_is_not_touched(tmp_path: Path) -> None:
    others = [tmp_path / "a.part", tmp_path / "a.json.part", tmp_path / "a.1.part"]
    for other in others:
        other.write_text("half of another's")
    save(LiveNet(TINY), tmp_path / "a.safetensors", trained={"steps": 0})
    assert {other.read_text() for other in others} == {"half of another's"}
    assert len(list(tmp_path.iterdir())) == 5


def test_a_measured_share_is_kept_and_an_older_manifest_has_none(tmp_path: Path) -> None:
    path = tmp_path / "b.safetensors"
    save(LiveNet(TINY), path, trained={}, errors=MeasuredErrors(shared=0.7, correlation=(3.0, 1.5)))
    assert load(path)[1].errors == MeasuredErrors(shared=0.7, correlation=(3.0, 1.5))
    described = path.with_suffix(".json")
    older = json.loads(described.read_text())
    del older["shared"], older["correlation"]
    described.write_text(json.dumps(older))
    errors = load(path)[1].errors
    assert errors.shared == UNMEASURED == 1.0  # averaging is underestimated rather than overestimated
    assert errors.correlation is None


def test_a_manifest_with_the_attention_gate_of_earlier_releases_is_read(written: Path) -> None:
    described = written.with_suffix(".json")
    stored = json.loads(described.read_text())
    stored["configuration"]["attention_gate"] = "sigmoid"
    described.write_text(json.dumps(stored))
    assert load(written)[1].configuration == TINY


@pytest.mark.parametrize("choice", [{"attention_gate": "softmax"}, {"third": "softmax", "convs": 4}])
def test_a_manifest_with_a_withdrawn_choice_is_refused(written: Path, choice: dict[str, object]) -> None:
    described = written.with_suffix(".json")
    stored = json.loads(described.read_text())
    stored["configuration"] |= choice
    described.write_text(json.dumps(stored))
    with pytest.raises(EngineUnavailable, match=r"a\.json .*softmax"):
        load(written)


def test_other_bytes_than_described_are_refused(written: Path) -> None:
    data = bytearray(written.read_bytes())
    data[-1] ^= 1
    written.write_bytes(data)
    with pytest.raises(EngineUnavailable, match=r"a\.safetensors are not what a\.json describes"):
        load(written)


def test_the_manifest_of_other_weights_is_refused(written: Path, tmp_path: Path) -> None:
    other = tmp_path / "b.safetensors"
    torch.manual_seed(1)
    save(LiveNet(TINY), other, trained={})
    written.with_suffix(".json").write_text(other.with_suffix(".json").read_text())
    with pytest.raises(EngineUnavailable, match="are not what"):
        load(written)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "something"}, "no manifest of weights"),
        ({"format_version": 99}, "no manifest of weights"),
        ({"configuration": {"channels": [4], "depth": 3}}, "depth"),
        ({"kind": "paper"}, "paper"),
        ({"configuration": {"recurrent": "full"}}, "has no memory"),
        ({"configuration": {"channels": [8, 8], "recurrent": "none"}}, "do not fit their configuration"),
        ({"shared": 1.2}, "a share lies between 0 and 1"),
        ({"correlation": [2.0, 0.0]}, "lengths in cells are above 0"),
    ],
    ids=["format", "version", "configuration", "kind", "memory", "size", "share", "lengths"],
)
def test_a_manifest_that_does_not_fit_is_refused(
    written: Path, change: dict[str, object], message: str
) -> None:
    described = written.with_suffix(".json")
    described.write_text(json.dumps(json.loads(described.read_text()) | change))
    with pytest.raises(EngineUnavailable, match=message):
        load(written)


def test_a_foreign_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    save_file({"x": torch.zeros(3)}, path)
    with pytest.raises(EngineUnavailable, match=r"no usable manifest c\.json"):
        load(path)
    path.with_suffix(".json").write_text("{not json")
    with pytest.raises(EngineUnavailable, match=r"no usable manifest c\.json"):
        load(path)


def test_a_live_network_with_memory_is_refused() -> None:
    with pytest.raises(EngineUnavailable, match="has no memory: recurrent = 'full'"):
        LiveNet(replace(TINY, recurrent="full"))
