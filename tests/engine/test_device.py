"""Where an engine computes: stated, or the card where there is one."""

from collections.abc import Iterator

import pytest

from engine import device
from engine.device import chosen_device, device_note, device_of
from streamer.config_file import load_config


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    device._no_card.cache_clear()
    yield
    device._no_card.cache_clear()


@pytest.mark.parametrize(
    ("driver", "card", "expected", "why"),
    [
        (False, False, "cpu", "on the cpu, because no NVIDIA driver is installed"),
        (True, False, "cpu", "PyTorch finds no NVIDIA card: install its CUDA build"),
        (True, True, "cuda", "on the NVIDIA card that PyTorch finds"),
    ],
)
def test_auto_takes_the_card_where_there_is_one(
    monkeypatch: pytest.MonkeyPatch, *, driver: bool, card: bool, expected: str, why: str
) -> None:
    def load(name: str) -> None:
        if not driver:
            raise OSError(name)

    monkeypatch.setattr("ctypes.CDLL", load)
    monkeypatch.setattr("engine.tracking.torch_device.has_card", lambda: card)
    assert chosen_device("auto") == expected
    assert device_note("auto").endswith(why)
    # what was asked for stays, and an engine of one kind of device only runs on that
    assert (chosen_device("cpu"), device_note("cpu")) == ("cpu", "on the cpu, as asked")
    for name, where in (("auto", expected), ("onnx", "cpu"), ("tensorrt", "cuda")):
        assert load_config(None, {"engine": {"name": name}}).engine.where == where
    assert load_config(None, {"engine": {"name": "onnx", "device": "cuda"}}).engine.where == "cuda"


def test_an_engine_of_one_kind_of_device_states_that() -> None:
    assert [device_of(name, "cuda") for name in ("onnx", "trivial", "eager")] == ["cpu", "cpu", "cuda"]
    assert device_of("tensorrt", "cpu") == "cuda"
