"""Pairs are computed again by the engine that computed them, where the configuration leaves it open."""

from pathlib import Path

import pytest

from engine.factory import model_hash
from engine.spec import EngineSpec
from streamer.config import Config
from tools.errors import RecordingError
from tools.results.pairs import as_made, same_settings

SPEC = EngineSpec(shape=(2000, 128), sampling_frequency=40e6, center_frequency=5e6, line_pitch=0.3e-3)


@pytest.mark.parametrize("found", ["tensorrt", "cuda", "onnx"])
def test_with_a_card_an_open_engine_is_that_of_the_file(monkeypatch: pytest.MonkeyPatch, found: str) -> None:
    monkeypatch.setattr(
        "streamer.config.chosen_device", lambda choice: "cuda" if choice == "auto" else choice
    )
    about = {
        "engine": found,
        "device": "cpu" if found == "onnx" else "cuda",
        "model_hash": model_hash("musse"),
        "precision": "float32",
        "region": "whole frame",
    }
    again = as_made(about, Config())
    same_settings(about, again, SPEC, None, Path("live.mcap"))
    assert (again.engine.name, again.engine.where) == (found, about["device"])
    named = Config.model_validate({"engine": {"name": "eager"}})
    with pytest.raises(RecordingError, match=f"engine {found} there, eager here"):
        same_settings(about, as_made(about, named), SPEC, None, Path("live.mcap"))


@pytest.mark.parametrize("found", ["reference", "trivial", "eager"])
def test_without_a_card_an_open_engine_is_that_of_the_file(found: str) -> None:
    about = {
        "engine": found,
        "model_hash": model_hash(found) or "",
        "precision": "float32",
        "region": "whole frame",
        "axial_window": SPEC.axial_window,
        "lateral_window": SPEC.lateral_window,
    }
    again = as_made(about, Config())
    same_settings(about, again, SPEC, None, Path("live.mcap"))
    assert again.engine.name == found
    network = Config.model_validate({"engine": {"name": "musse"}})
    if found != "eager":  # no network
        with pytest.raises(RecordingError, match=f"engine {found} there, onnx here"):
            same_settings(about, as_made(about, network), SPEC, None, Path("live.mcap"))


def test_another_device_is_another_result(monkeypatch: pytest.MonkeyPatch) -> None:
    about = {"engine": "reference", "device": "cpu"}
    on_card = Config.model_validate({"engine": {"name": "reference", "device": "cuda"}})
    with pytest.raises(RecordingError, match="device cpu there, cuda here"):
        same_settings(about, as_made(about, on_card), SPEC, None, Path("live.mcap"))
