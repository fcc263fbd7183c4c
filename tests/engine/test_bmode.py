"""B-mode: a point target where it is, an amplitude in dB, whatever the kind of data."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.bmode import bmode
from engine.spec import EngineSpec

SHAPE = (2000, 64)
FS, FC = 40e6, 5e6


def spec(kind: Any = "rf", shape: tuple[int, int] = SHAPE) -> EngineSpec:
    return EngineSpec(
        shape=shape,
        sampling_frequency=FS,
        center_frequency=FC,
        line_pitch=3e-4,
        kind=kind,
        demodulation_frequency=FC if kind == "iq" else 0.0,
    )


def points(targets: list[tuple[int, int, float]], kind: str = "rf") -> NDArray[Any]:
    """Echoes of point targets (sample, line, amplitude): a Gaussian pulse of 60 % bandwidth."""
    frame = np.zeros(SHAPE, np.complex128)
    z = np.arange(SHAPE[0])
    for sample, line, amplitude in targets:
        envelope = amplitude * np.exp(-0.5 * ((z - sample) * FC / FS / 0.62) ** 2)
        frame[:, line] += envelope * np.exp(2j * np.pi * FC / FS * (z - sample) * (kind == "rf"))
    return frame.astype(np.complex64) if kind == "iq" else frame.real.astype(np.float32)


def among_speckle(sample: int, amplitude: float, kind: str = "rf") -> NDArray[Any]:
    """One target in line 20, which is silent otherwise; the other lines set the level of 0 dB."""
    frame = points([(sample, 20, amplitude)], kind)
    speckle = np.random.default_rng(0).normal(0, 1000, SHAPE)
    speckle[:, 20] = 0
    return np.asarray(frame + speckle, frame.dtype)


@pytest.mark.parametrize("kind", ["rf", "iq"])
@pytest.mark.parametrize("sample", [40, 700, 1963])
def test_a_point_target_is_where_it_is(kind: str, sample: int) -> None:
    image = bmode(among_speckle(sample, 600.0, kind), spec(kind))
    step = SHAPE[0] / image.shape[0]
    column = image[:, 20].astype(float)
    assert 0 < column.max() < 255
    assert column.argmax() * step == pytest.approx(sample, abs=step)
    other = bmode(among_speckle(sample + 50, 600.0, kind), spec(kind))[:, 20]
    assert other.argmax() * step != pytest.approx(sample, abs=step)  # the control: it moves with the target


@pytest.mark.parametrize(("amplitude", "darker"), [(500.0, 6.02), (100.0, 20.0), (1000.0, 0.0)])
def test_amplitude_is_in_decibels(amplitude: float, darker: float) -> None:
    loud, soft = (bmode(among_speckle(1200, a), spec(), 60.0)[:, 20] for a in (1000.0, amplitude))
    assert (float(loud.max()) - float(soft.max())) / 255 * 60 == pytest.approx(darker, abs=0.4)


@pytest.mark.parametrize("gain", [1e-3, 1.0, 20.0])
def test_the_gain_of_the_scanner_changes_nothing(gain: float) -> None:
    frame = np.random.default_rng(0).normal(0, 500, SHAPE).astype(np.float32)
    difference = bmode(frame * np.float32(gain), spec()).astype(int) - bmode(frame, spec())
    assert np.abs(difference).max() <= 1


def test_integer_and_float_lines_and_samples_first_are_the_same_image() -> None:
    frame = np.random.default_rng(1).normal(0, 500, SHAPE).astype(np.int16)
    expected = bmode(frame, spec())
    np.testing.assert_array_equal(bmode(frame.astype(np.float32), spec()), expected)
    np.testing.assert_array_equal(bmode(np.asfortranarray(frame), spec()), expected)


@pytest.mark.parametrize("mixed", [0.0, 0.8 * FC, FC])
def test_iq_is_the_same_image_whatever_it_was_mixed_down_by(mixed: float) -> None:
    depth = np.arange(SHAPE[0])[:, None]
    baseband = np.random.default_rng(3).normal(0, 500, (*SHAPE, 2)).astype(np.float32)
    carrier = np.exp(2j * np.pi * FC / FS * depth)
    analytic = (baseband[..., 0] + 1j * baseband[..., 1]) * carrier
    iq = (analytic * np.exp(-2j * np.pi * mixed / FS * depth)).astype(np.complex64)
    expected = bmode((analytic / carrier).astype(np.complex64), spec("iq")).astype(int)
    image = bmode(iq, replace(spec("iq"), demodulation_frequency=mixed)).astype(int)
    assert np.abs(image - expected).max() <= 1
    wrong = bmode(iq, replace(spec("iq"), demodulation_frequency=mixed + 0.3 * FC)).astype(int)
    assert np.abs(wrong - expected).mean() > 5  # the control: another band is another image


@pytest.mark.parametrize(("n_axial", "rows"), [(64, 64), (300, 300), (512, 512), (5000, 512)])
def test_no_more_rows_than_a_screen_shows(n_axial: int, rows: int) -> None:
    frame = np.random.default_rng(2).normal(0, 500, (n_axial, 8)).astype(np.int16)
    image = bmode(frame, spec(shape=(n_axial, 8)))
    assert image.shape == (rows, 8)
    assert image.dtype == np.uint8
    assert image.max() == 255


def test_silence_is_black() -> None:
    assert not bmode(np.zeros(SHAPE, np.int16), spec()).any()
