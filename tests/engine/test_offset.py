"""A constant offset of the samples, as converters of unsigned numbers deliver it, carries nothing."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engine import open_estimator
from engine.baselines.blockmatch import BlockMatcher
from engine.estimator import Estimator
from engine.spec import EngineSpec
from tests.echo_frames import SHAPE, STRAIN, echoes

FRAMES = (echoes(0.0), echoes(STRAIN))
ENGINES = ("reference", "eager", "onnx", "trivial", "ncc")
CONSTANTS: dict[str, Any] = {
    "shape": SHAPE, "sampling_frequency": 40e6, "center_frequency": 4.8e6, "line_pitch": 3e-4,
}  # fmt: skip


def engine(name: str, **changes: Any) -> Estimator:
    constants = {**CONSTANTS, **changes}
    return BlockMatcher(EngineSpec(**constants)) if name == "ncc" else open_estimator(name, **constants)


def strain(name: str, frames: Iterable[NDArray[Any]], **changes: Any) -> float:
    pre, post = frames
    result = engine(name, **changes).step(pre, post)
    inner = result.axial_strain[len(result.axial_index) // 4 : -len(result.axial_index) // 4]
    return float(np.median(inner))


@pytest.mark.parametrize("name", ENGINES)
def test_an_offset_changes_nothing(name: str) -> None:
    plain = strain(name, FRAMES)
    assert plain == pytest.approx(-STRAIN, rel=0.1)
    for offset in (300, 2048, 20000):
        shifted = tuple((frame // 2 + offset).astype(np.int16) for frame in FRAMES)
        expected = strain(name, tuple((frame // 2).astype(np.int16) for frame in FRAMES))
        assert strain(name, shifted) == pytest.approx(expected, abs=2e-6)
    drifting = (FRAMES[0].astype(np.float32), FRAMES[1].astype(np.float32) + 5000.0)
    assert strain(name, drifting) == pytest.approx(plain, abs=2e-6)  # from frame to frame, too
    other = (FRAMES[0], echoes(2 * STRAIN))
    assert abs(strain(name, other) - plain) > 0.5 * STRAIN  # the control: motion does change it


@pytest.mark.parametrize("name", ["reference", "onnx"])
def test_an_offset_of_iq_and_of_lines_changes_nothing(name: str) -> None:
    n = np.arange(SHAPE[0])[:, None]
    spectra = [np.fft.fft(frame, axis=0) * (np.fft.fftfreq(SHAPE[0]) > 0)[:, None] for frame in FRAMES]
    iq = tuple(
        (2 * np.fft.ifft(s, axis=0) * np.exp(-2j * np.pi * 0.12 * n)).astype(np.complex64) for s in spectra
    )
    changes = {"kind": "iq", "demodulation_frequency": 4.8e6}
    shifted = tuple(frame + np.complex64(4000 - 2500j) for frame in iq)
    assert strain(name, iq, **changes) == pytest.approx(-STRAIN, rel=0.1)
    # the mean that the echoes have themselves goes with it: zero frequency is their carrier
    assert strain(name, shifted, **changes) == pytest.approx(strain(name, iq, **changes), rel=0.01)
    lines = (500 * np.arange(SHAPE[1])).astype(np.float32)  # every channel has its own
    assert strain(name, tuple(f + lines for f in FRAMES)) == pytest.approx(strain(name, FRAMES), abs=2e-6)


@pytest.mark.parametrize("name", ["reference", "onnx"])
def test_rows_that_were_never_filled_do_not_matter(name: str) -> None:
    """The scanner leaves the last rows at 0, far from the offset that all other samples lie about."""
    zero, filled = (
        tuple(
            np.concatenate([frame + 2048 * up, np.zeros((96, SHAPE[1]))]).astype(np.int16) for frame in FRAMES
        )
        for up in (0, 1)
    )
    shape = (SHAPE[0] + 96, SHAPE[1])
    assert strain(name, filled, shape=shape) == pytest.approx(strain(name, zero, shape=shape), abs=2e-6)
