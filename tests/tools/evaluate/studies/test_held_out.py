"""No study judges on scenes that a training may have learnt from."""

import importlib
import pkgutil
from types import ModuleType

import pytest

import tools.evaluate.studies
from engine.training.data.scenes import draw_scene
from engine.training.recipe import FIRST_HELD_OUT

MODULES = [
    importlib.import_module(f"{tools.evaluate.studies.__name__}.{module.name}")
    for module in pkgutil.iter_modules(tools.evaluate.studies.__path__)
]
DRAWING = [module for module in MODULES if getattr(module, "draw_scene", None) is draw_scene]


def test_there_are_such_studies() -> None:
    assert {"fused", "lateral", "weights"} <= {module.__name__.rpartition(".")[2] for module in DRAWING}


@pytest.mark.parametrize("module", DRAWING, ids=lambda module: module.__name__.rpartition(".")[2])
def test_their_scenes_are_held_out(module: ModuleType) -> None:
    firsts = [value for name, value in vars(module).items() if name.startswith("FIRST")]
    assert firsts
    assert all(first >= FIRST_HELD_OUT for first in firsts)
