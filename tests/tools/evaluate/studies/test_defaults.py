"""The figures and tables of the study that the defaults were chosen by."""

import numpy as np
import pytest

from tools.evaluate.studies.defaults import (
    HANDS,
    INTERVALS,
    PAIRINGS,
    Found,
    document,
    sequence,
    table,
)


def test_figures_are_pooled_before_they_are_divided() -> None:
    one = Found(squares=1.0, truth=4.0, pixels=50, sure=25, area=100, accepted=9, frames=10)
    other = Found(squares=8.0, truth=5.0, pixels=100, sure=0, area=100, accepted=1, frames=10)
    assert (one + other).row == ("1.00", "0.75", "0.12", "0.50")
    assert Found().row == ("", "", "", "")


def test_a_table_has_a_line_for_every_setting_and_the_hands_beside_each_other() -> None:
    found = {
        ("onnx", name, hand): Found(squares=float(number), truth=100.0, frames=1)
        for number, name in enumerate(PAIRINGS)
        for hand in HANDS
    }
    lines = table(found, "pairing", lambda key: True).splitlines()
    assert len(lines) == 2 + len(PAIRINGS)
    assert lines[0].count("firm") == lines[0].count("light") == 4
    assert lines[2].startswith("| sequential | 0.00 |")
    assert [line.split("|")[1].strip() for line in lines[-len(INTERVALS) :]] == [
        f"time {seconds} s" for seconds in INTERVALS
    ]
    assert "time 0.13 s" in document(found)


def test_hands_press_the_same_tissue_by_what_they_are_named_for() -> None:
    firm, light = (sequence(0, press, 25.0) for press in HANDS.values())
    assert firm.header(0).acquisition == light.header(0).acquisition
    assert firm.press.max() == pytest.approx(0.02, rel=0.11)
    np.testing.assert_allclose(light.press, 0.3 * firm.press, atol=1e-12)
    assert [firm.header(k).t_acq for k in (0, 25)] == [0, 10**9]
