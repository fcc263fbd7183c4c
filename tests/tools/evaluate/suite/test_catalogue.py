"""The suite itself: seeded, redrawn per case, never twice the same, and every kind of scene can be built."""

import numpy as np
import pytest

from tools.errors import ToolError
from tools.evaluate.figures.pairs import PairView
from tools.evaluate.methods import parse_setting
from tools.evaluate.suite.catalogue import GROUPS, cases, question
from tools.evaluate.suite.scene import inner_region


def test_names_are_unique_and_groups_complete() -> None:
    full = cases("full", [])
    names = [(case.group, case.name) for case in full]
    assert len(set(names)) == len(names)
    assert list(dict.fromkeys(group for group, _ in names)) == list(GROUPS)
    quick = cases("quick", [])
    assert {case.group for case in quick} == set(GROUPS) - {"frontier"}
    assert len(quick) < 40
    assert all(question(group) for group in GROUPS)


def test_geometry_is_redrawn_per_case_and_repeats_with_the_seed() -> None:
    drawn = [case.build().inclusions[0] for case in cases("full", ["sphere"])]
    again = [case.build().inclusions[0] for case in cases("full", ["sphere"])]
    assert drawn == again
    assert len(set(drawn)) == len(drawn)
    other = [case.build().inclusions[0] for case in cases("full", ["sphere"], seed=1)]
    assert other != drawn


def test_frames_repeat_with_the_seed() -> None:
    case = cases("quick", ["small"])[0]
    first, second = (PairView(case.build()).frames for _ in range(2))
    assert np.array_equal(first[1], second[1])
    other = PairView(cases("quick", ["small"], seed=5)[0].build()).frames
    assert not np.array_equal(first[1], other[1])


@pytest.mark.parametrize("axis", ["axial", "lateral"])
def test_gratings_modulate_strain_by_thirty_percent(axis: str) -> None:
    case = next(c for c in cases("full", ["gratings"]) if c.name == f"{axis}, 4 mm")
    view = PairView(case.build())
    strain = view.truth.axial_strain[view.region]
    assert strain.mean() == pytest.approx(-0.01, rel=0.05)
    assert np.abs(strain / -0.01 - 1).max() == pytest.approx(0.3, abs=0.03)


def test_the_region_is_a_rectangle_that_both_frames_hold() -> None:
    case = next(c for c in cases("full", ["large"]) if "100 samples" in c.name)
    view = PairView(case.build())
    region, truth = view.region, view.truth
    rows, columns = np.asarray(region.any(axis=1)), np.asarray(region.any(axis=0))
    assert np.array_equal(region, rows[:, None] & columns[None, :])
    there = truth.axial_index[:, None] + truth.axial_displacement
    assert there[region].min() > 0
    assert there[region].max() < view.scene.spec.shape[0] - 1
    assert np.array_equal(region, inner_region(view.scene.spec, truth))


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ToolError, match="no suite 'half'"):
        cases("half", [])
    with pytest.raises(ToolError, match="no group 'nosie'"):
        cases("full", ["nosie"])
    with pytest.raises(ToolError, match="reference@24x3"):
        parse_setting("reference@24")
    with pytest.raises(ToolError, match="1-200 wavelengths"):
        parse_setting("reference@0x3")
    assert parse_setting("reference@24x3").label == "reference@24x3"
