"""Cached scenes of other code are not taken for those of this one."""

from pathlib import Path

import pytest

import engine.musse.cells
import engine.musse.tracking_features
import engine.training.data.samples
import engine.training.data.scenes
from tools.train.command import scene_folder


@pytest.mark.parametrize(
    "module",
    [
        engine.musse.cells,
        engine.musse.tracking_features,
        engine.training.data.samples,
        engine.training.data.scenes,
    ],
    ids=lambda module: module.__name__,
)
def test_the_folder_is_another_once_what_makes_scenes_has_changed(
    module: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = scene_folder()
    assert scene_folder() == before
    other = tmp_path / "module.py"
    other.write_text("changed")
    monkeypatch.setattr(module, "__file__", str(other))
    assert scene_folder() != before
