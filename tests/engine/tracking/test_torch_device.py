"""CUDA is selected in one place, and never with TF32."""

import re
from collections.abc import Iterator

import pytest
import torch

from engine.errors import EngineUnavailable
from engine.tracking.torch_device import torch_device
from tests.root import ROOT


def tf32_allowed() -> tuple[bool, bool]:
    """Of matrix products, and of convolutions."""
    return torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32


@pytest.fixture
def tf32_by_default() -> Iterator[None]:
    before = tf32_allowed()
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    yield
    torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


@pytest.mark.usefixtures("tf32_by_default")
def test_tf32_is_off_on_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    torch_device("cpu")
    assert tf32_allowed() == (True, True)  # the control: only CUDA needs it
    assert torch_device("cuda") == torch.device("cuda")
    assert tf32_allowed() == (False, False)


def test_a_missing_card_is_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(EngineUnavailable, match="no CUDA device here; choose device 'cpu'"):
        torch_device("cuda")


def test_no_other_module_selects_a_device() -> None:
    found = [
        path.relative_to(ROOT).as_posix()
        for folder in ("engine", "streamer", "tools")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if re.search(r'cuda\.is_available|torch\.device\([^"]', path.read_text(encoding="utf-8"))
    ]
    assert found == ["engine/tracking/torch_device.py"]
