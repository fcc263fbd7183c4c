"""The examples of docs/api.md run as they stand, one after another, and give what they promise."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.factory import ANY, ENGINES
from engine.spec import StrainResult
from tests.docs.docs_reading import DOCS, code, python_blocks, tables

TEXT = (DOCS / "api.md").read_text(encoding="utf-8")


def run_blocks(text: str, number: int) -> dict[str, Any]:
    """The names that the first blocks of a document leave behind."""
    names: dict[str, Any] = {}
    for block in python_blocks(text)[:number]:
        exec(compile(block, "docs/api.md", "exec"), names)  # noqa: S102 - runs the project's own document
    return names


@pytest.fixture
def names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.chdir(tmp_path)  # the document writes a recording
    return run_blocks(TEXT, 2)


def test_the_strain_is_the_one_that_the_document_promises(names: dict[str, Any]) -> None:
    assert names["certain"].mean() > 0.8
    assert names["mean_strain"] == pytest.approx(-0.01 / 1.01, rel=0.03)  # z / 1.01: what was at z moves up


def test_the_sign_belongs_to_the_order_of_the_frames(names: dict[str, Any]) -> None:
    swapped = names["estimator"].step(names["post"], names["pre"])
    assert np.median(swapped.axial_strain[names["certain"]]) > 0.005


def test_a_recording_gives_the_same_strain(names: dict[str, Any]) -> None:
    np.testing.assert_array_equal(names["again"].axial_strain, names["result"].axial_strain)
    assert list(names["times"]) == [0.0, 0.05]


def test_the_table_lists_the_fields_of_a_result() -> None:
    (table,) = tables(TEXT)["Strain of two frames: `open_estimator`"]
    named = {name for row in table for name in code(row[0])}
    assert named == {field.name for field in fields(StrainResult)} - {
        "state",
        "fresh_state",
    }  # the estimator's own


def test_every_engine_is_named() -> None:
    sentence = TEXT[TEXT.index("The engines are") :].split("Frames are")[0]
    assert {*ENGINES, *ANY} == set(code(sentence))
