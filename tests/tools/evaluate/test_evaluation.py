"""A small evaluation: the reference keeps its reported figures, controls and a broken engine do not."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.factory import shipped_weights
from engine.musse.manifest import read_manifest
from tools.evaluate import run as running
from tools.evaluate.command import criteria_met, criteria_table
from tools.evaluate.criteria import CRITERIA, Criterion, check_criteria
from tools.evaluate.figures.pairs import PairView, mean_preserved, pair_figures
from tools.evaluate.methods import CONTROLS, Engines, parse_setting
from tools.evaluate.records import LINES, Record, load
from tools.evaluate.run import Plan, run
from tools.evaluate.suite.catalogue import cases
from tools.evaluate.summary import Row, summarise

SETTINGS = [parse_setting(name) for name in ("reference", "trivial")]


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> list[Record]:
    chosen = {"noise": "20 dB", "release": "1 %", "bound": "15 dB", "gratings": "axial, 4 mm"}
    wanted = [c for c in cases("quick", [*chosen, "still"]) if chosen.get(c.group, c.name) == c.name]
    folder = tmp_path_factory.mktemp("evaluation")
    found = list(run(Plan(wanted, SETTINGS, folder), resume=False))
    return found + list(run(Plan(cases("quick", ["cut", "closure"]), SETTINGS[:1], folder), resume=False))


@pytest.fixture(scope="module")
def rows(records: list[Record]) -> dict[tuple[str, str], Row]:
    return {(row.group, row.method): row for row in summarise(records)}


def assert_as_reported(rows: dict[tuple[str, str], Row], method: str) -> None:
    """Assert that figures are no worse than those reported for the reference on these cases."""
    noise, release = rows["noise", method].figures, rows["release", method].figures
    assert noise["nrmse"] < 1.25
    assert 0.9 < noise["recovery_over_fitted"] < 1.1
    assert release["nrmse"] < 0.5
    assert release["release_press"] < 0.05
    assert abs(noise["mean_preserved"] - 1) < 0.02
    assert noise["cycle_skips"] < 0.001
    assert noise["edge_axial"] < 1.8
    assert rows["bound", method].figures["over_bound"] < 1.05
    assert 0.95 < rows["gratings", method].figures["recovery_over_fitted"] < 1.05
    assert 0.8 < rows["still", method].figures["calibration"] < 1.25


def test_the_reference_keeps_its_reported_figures(rows: dict[tuple[str, str], Row]) -> None:
    assert_as_reported(rows, "reference")
    assert rows["cut", "reference"].figures["response"] <= 0.3


@pytest.mark.parametrize("method", ["trivial", "constant", "zero"])
def test_methods_without_information_do_not(rows: dict[tuple[str, str], Row], method: str) -> None:
    with pytest.raises(AssertionError):
        assert_as_reported(rows, method)


def test_controls_have_their_expected_figures(rows: dict[tuple[str, str], Row]) -> None:
    for group in ("noise", "release", "gratings"):
        nrmse = {name: rows[group, name].figures["nrmse"] for name in CONTROLS}
        assert nrmse["truth"] == 0.0
        assert nrmse["truth"] < nrmse["truth, fitted"] < rows[group, "reference"].figures["nrmse"]
        assert nrmse["constant"] == pytest.approx(1.0, abs=1e-3)
        assert nrmse["zero"] > 2.0
    assert rows["cut", "reference"].figures["response_frozen"] == float("inf")
    assert (
        rows["still", "zero"].figures["strain_rmse"] == 0.0
    )  # so the group "small" is needed beside "still"


def test_the_preserved_mean_is_relative_to_truth_and_undefined_without_strain(
    rows: dict[tuple[str, str], Row],
) -> None:
    for group in ("noise", "release", "gratings"):
        kept = {name: rows[group, name].figures["mean_preserved"] for name in CONTROLS}
        assert kept["truth"] == 1.0
        assert kept["constant"] == pytest.approx(1.0, abs=1e-5)
        assert kept["zero"] == 0.0
    assert all(
        np.isnan(row.figures["mean_preserved"]) for (group, _), row in rows.items() if group == "still"
    )


def test_strain_that_agrees_with_a_wrong_displacement_does_not_preserve_the_mean() -> None:
    view = PairView(cases("quick", ["release"])[0].build())
    truth = CONTROLS["truth"](view.scene, view.truth)
    less = replace(
        truth,
        axial_strain=np.float32(0.9) * truth.axial_strain,
        axial_displacement=np.float32(0.9) * truth.axial_displacement,
    )
    assert pair_figures(view, less)[0]["mean_preserved"] == pytest.approx(0.9, abs=1e-5)
    still = np.zeros_like(truth.axial_strain)
    assert np.isnan(mean_preserved(truth.axial_strain, still, view.region))


def test_three_frames_close_and_a_frozen_map_does_not(rows: dict[tuple[str, str], Row]) -> None:
    figures = rows["closure", "reference"].figures
    assert 0.0 < figures["closure"] < 1.2 < figures["closure_frozen"]
    assert figures["closure_samples"] < 0.1


def test_criteria_are_met_or_missed(rows: dict[tuple[str, str], Row]) -> None:
    results = check_criteria(list(rows.values()), lambda name: name == "reference")
    assert {j.criterion.group for j in results} >= {"bound", "noise", "release", "cut", "closure"}
    assert any(j.met for j in results)
    impossible = replace(results[0], criterion=Criterion(group="noise", figure="nrmse", title="", most=-1.0))
    assert not impossible.met
    assert not replace(results[0], value=float("nan")).met


def _row(group: str, method: str, **figures: float) -> Row:
    return Row(group=group, method=method, cases=1, figures=figures)


def test_only_the_network_has_criteria_for_contrast() -> None:
    rows = [
        _row("noise", name, contrast_recovery=0.8, calibration=1.0, coverage=0.95, mean_preserved=1.0)
        for name in ("reference", "musse")
    ]
    results = check_criteria(rows, lambda name: True)
    assert [(j.criterion.figure, j.method) for j in results if not j.met] == [("contrast_recovery", "musse")]
    assert {j.criterion.figure for j in results if j.method == "reference"} == {
        "calibration",
        "coverage",
        "mean_preserved",
    }


def test_criteria_are_counted_by_method_and_a_missed_one_of_the_baseline_is_marked() -> None:
    rows = [
        _row("noise", name, calibration=1.0, coverage=0.5, mean_preserved=1.0)
        for name in ("reference", "ncc")
    ]
    results = check_criteria(rows, lambda name: True)
    assert criteria_met(results) == "reference 2 of 3, ncc 2 of 3"
    methods = list(criteria_table(results).columns[1].cells)
    assert methods == ["reference", "ncc (baseline)"]


@pytest.mark.parametrize(("blobs", "met"), [(4.9, True), (5.1, False)])
def test_the_network_may_have_no_more_false_lesions_than_the_reference(blobs: float, met: bool) -> None:
    rows = [_row("hallucination", "musse", blobs_per_100_cm2=blobs)]
    assert all(j.criterion.rival is None for j in check_criteria(rows, lambda name: True))
    rows.append(_row("hallucination", "reference", blobs_per_100_cm2=5.0))
    (result,) = (j for j in check_criteria(rows, lambda name: True) if j.criterion.rival)
    assert (result.method, result.criterion.most, result.met) == ("musse", 5.0, met)


def test_criteria_on_gratings_use_the_contrast_recovery_of_their_periods(
    rows: dict[tuple[str, str], Row],
) -> None:
    measured = rows["gratings", "truth, fitted"].figures
    assert (
        measured["contrast_recovery_axial_4_mm"] == measured["contrast_recovery"]
    )  # the only grating that these tests run
    applicable = [c for c in CRITERIA if c.group == "gratings" and c.figure.startswith("contrast_recovery_")]
    quick = {
        f"contrast_recovery_{c.parameters['axis']}_{c.parameters['period_mm']:g}_mm"
        for c in cases("quick", ["gratings"])
    }
    assert {(c.figure, c.least) for c in applicable} == {
        ("contrast_recovery_axial_6_mm", 0.8),
        ("contrast_recovery_axial_4_mm", 0.5),
    }
    assert {c.figure for c in applicable} <= quick


def test_a_run_resumes_where_it_was_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = cases("quick", ["still", "small"])
    plan = Plan(wanted, SETTINGS[1:], tmp_path, limit=1)
    first = list(run(plan, resume=False))
    lines = (tmp_path / LINES).read_text()
    (tmp_path / LINES).write_text(lines + lines[: len(lines) // 3].rstrip("\n")[:200])  # killed while writing
    computed: list[str] = []
    original = running._case_records

    def counted(case, *rest):  # type: ignore[no-untyped-def]  # passes everything on
        computed.append(case.name)
        return original(case, *rest)

    monkeypatch.setattr(running, "_case_records", counted)
    both = list(run(replace(plan, limit=0), resume=True))
    assert computed == [wanted[1].name]
    assert [r.key for r in both[: len(first)]] == [r.key for r in first]
    assert len(load(tmp_path)) == len(both) == 2 * len(first)
    for line in (tmp_path / LINES).read_text().splitlines():
        json.loads(line)


def test_other_code_is_not_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = Plan(cases("quick", ["still"]), SETTINGS[1:], tmp_path)
    list(run(plan, resume=False))
    monkeypatch.setattr("tools.evaluate.records.code_digest", lambda: "other")
    again = list(run(plan, resume=True))
    assert len(load(tmp_path)) == 2 * len(again)


def test_other_weights_are_not_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = Plan(cases("quick", ["still"]), SETTINGS[1:], tmp_path)
    first = list(run(plan, resume=False))
    monkeypatch.setattr("tools.evaluate.methods.model_hash", lambda name, weights: "other")
    again = list(run(plan, resume=True))
    keys = {record.key for record in first}
    assert [record.method for record in again if record.key not in keys] == ["trivial"]


def test_only_the_network_has_weights() -> None:
    engines = Engines()
    assert engines.weights(parse_setting("musse@24x3")) == read_manifest(shipped_weights()).model_hash
    assert [engines.weights(s) for s in (None, parse_setting("ncc"), parse_setting("reference"))] == [
        None
    ] * 3
