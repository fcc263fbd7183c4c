"""The study of the published network: its controls come out as controls must."""

import json
from pathlib import Path

import pytest

from tests.engine.musse.published_weights import small_published
from tools.evaluate.studies.published import AFTER_CUT, main

pytestmark = pytest.mark.long


def test_controls_of_the_study(tmp_path: Path) -> None:
    main(small_published(tmp_path, spread=0.02), tmp_path / "study")
    found = json.loads((tmp_path / "study" / "published.json").read_text(encoding="utf-8"))
    case, consistency = found["case"], found["consistency"]
    assert case["truth"]["nrmse"] == 0.0
    assert case["alignment"]["nrmse"] == pytest.approx(1.0, abs=0.1)  # as good as a constant, and no better
    assert abs(case["alignment"]["slope"]) < 0.01
    assert case["live"]["nrmse"] < 0.6 < case["published"]["nrmse"]  # untrained
    assert case["alignment"]["displacement_rmse"] < 0.2 * case["no motion"]["displacement_rmse"]
    assert consistency["constant"]["change"] == 0.0
    assert consistency["frozen"]["change"] < 0.2 * consistency["state off"]["change"]
    before, after = consistency["constant"]["error"][0], consistency["constant"]["error"][1 - AFTER_CUT]
    assert before != pytest.approx(after, rel=0.05)  # another scene
    assert (tmp_path / "study" / "published-consistency.png").stat().st_size > 10_000
