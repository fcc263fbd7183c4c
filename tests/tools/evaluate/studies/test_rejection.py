"""A small rejection study: estimates are computed once, settings differ, and the table shows it."""

import numpy as np
import pytest

from engine.metrics.accuracy import Accuracy
from tools.evaluate.methods import Engines, Setting
from tools.evaluate.studies.rejection import (
    OPEN,
    SEED,
    Remembering,
    SettingEffect,
    effect_of,
    is_default,
    sequences,
    settings,
    table,
)
from tools.evaluate.suite.catalogue import SEED as SUITE


def test_settings_differ_in_the_pairs_they_keep(monkeypatch: pytest.MonkeyPatch) -> None:
    view = next(sequences(3, 1, 10))
    estimator = Remembering(Engines()(Setting(engine="reference"), view.scene.spec))
    everything = effect_of(view, estimator, "sequential", OPEN)
    assert everything.good + everything.bad > 3
    assert (everything.good_kept, everything.bad_kept) == (everything.good, everything.bad)
    computed: list[int] = []
    monkeypatch.setattr(estimator._estimator, "propose", lambda *frames: computed.append(1))
    nothing = effect_of(view, estimator, "sequential", {"quality": {"min_ncc": 1.0}})
    assert (nothing.good_kept, nothing.bad_kept, nothing.with_image) == (0, 0, [])
    assert nothing.good == everything.good  # the class of a pair does not depend on the setting
    assert not computed


def test_estimates_are_those_of_the_frames_given() -> None:
    view = next(sequences(3, 1, 3))
    estimator = Remembering(Engines()(Setting(engine="reference"), view.scene.spec))
    first, second, third = view.frames
    assert estimator.propose(first, second) is estimator.propose(first, second)
    assert not np.array_equal(
        estimator.propose(first, second).axial_strain, estimator.propose(first, third).axial_strain
    )


def test_the_table_has_every_setting_and_marks_the_defaults() -> None:
    found = {("sequential", name, value): SettingEffect(good=4, good_kept=3) for name, value, _ in settings()}
    lines = table(found, "sequential").splitlines()
    assert len(lines) == 2 + len(found)
    assert "| min_ncc | **0.8** | 75 % of 4 | none |" in table(found, "sequential")
    assert is_default("min_ncc", "0.8")
    assert not is_default("min_ncc", "0.9")
    assert table(found, "stride 3").splitlines() == lines[:2]


def test_settings_are_compared_on_frames_that_all_of_them_show() -> None:
    near, far = (Accuracy(4, 0.0, error, 4.0, 4.0, 4.0) for error in (1.0, 100.0))
    found = {
        ("sequential", "min_snre", "0.3"): SettingEffect(images=(far, near)),
        ("sequential", "min_snre", "3"): SettingEffect(images=(None, near)),
    }
    first, second = table(found, "sequential").splitlines()[2:]
    assert first.endswith("| 100 % of 2 | 3.55 | 5.00 | 0.50 |")
    assert second.endswith("| 50 % of 2 | 0.50 | 0.50 | 0.50 |")  # hiding the worse image gives no advantage


def test_thresholds_are_not_chosen_on_the_suite() -> None:
    assert not SUITE <= SEED < SUITE + 10_000
