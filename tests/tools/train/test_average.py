"""The mean of two sets of weights."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from engine.errors import EngineError
from engine.musse.checkpoint import save
from engine.musse.net import LiveNet
from tests.engine.training.tiny_training import TINY
from tools.train.average import averaged


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    paths = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    for seed, path in enumerate(paths):
        torch.manual_seed(seed)
        save(LiveNet(TINY).eval(), path, trained={})
    return paths


@pytest.mark.parametrize("share", [0.0, 0.75, 1.0])
def test_every_tensor_is_the_mean(two: tuple[Path, Path], share: float) -> None:
    first, second = (averaged(path, path, 0.5).state_dict() for path in two)
    for name, tensor in averaged(*two, share).state_dict().items():
        torch.testing.assert_close(tensor, (1 - share) * first[name] + share * second[name])


def test_a_share_beyond_both_is_refused(two: tuple[Path, Path]) -> None:
    with pytest.raises(EngineError, match=r"1\.5: it has to be from 0 to 1"):
        averaged(*two, 1.5)


def test_weights_of_another_geometry_have_no_mean(two: tuple[Path, Path], tmp_path: Path) -> None:
    other = tmp_path / "c.safetensors"
    save(LiveNet(replace(TINY, bottleneck=TINY.bottleneck + 8)).eval(), other, trained={})
    with pytest.raises(EngineError, match="different geometry"):
        averaged(two[0], other, 0.5)
