"""Training that starts from trained weights."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from engine.errors import EngineUnavailable
from engine.factory import shipped_weights
from engine.musse.checkpoint import save
from engine.musse.net import TRUNK, LiveNet
from engine.musse.residual import OUT_CHANNELS
from engine.training.starting import start_from
from engine.training.validation.unsupervised import whole
from tests.engine.training.tiny_training import TINY, made_samples

pytestmark = pytest.mark.usefixtures("one_thread")


def heads(net: LiveNet) -> list[Tensor]:
    return [
        values for name, values in net.named_parameters() if ".heads." in name and name.endswith("weight")
    ]


def test_weights_without_a_sigma_of_the_priors_own_start_as_they_are(tmp_path: Path) -> None:
    torch.manual_seed(0)
    older = LiveNet(replace(TRUNK, output_channels=OUT_CHANNELS - 1)).eval()
    with torch.no_grad():
        for head in heads(older):
            head.normal_(std=0.05)
    save(older, tmp_path / "older.safetensors", trained={})
    net = start_from(tmp_path / "older.safetensors")
    cells = whole(made_samples(0, 0.2), 0).cells
    with torch.inference_mode():
        before, after = older(cells), net.eval()(cells)
        for head in heads(net):
            head[-1] += 0.5  # the control: the new channel is that sigma
        other = net(cells)
    torch.testing.assert_close(after.strain, before.strain)
    torch.testing.assert_close(after.strain_std, before.strain_std)
    assert not torch.allclose(other.prior.strain_std, before.prior.strain_std, rtol=1e-2)


def test_the_shipped_weights_can_be_started_from() -> None:
    assert start_from(shipped_weights()).trunk.configuration == TRUNK


def test_weights_of_another_geometry_are_refused(tmp_path: Path) -> None:
    save(LiveNet(TINY), tmp_path / "tiny.safetensors", trained={})
    with pytest.raises(EngineUnavailable, match="another geometry"):
        start_from(tmp_path / "tiny.safetensors")
