"""The short report in Markdown, from constructed rows."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tools.evaluate.criteria import check_criteria
from tools.evaluate.outcome import Evaluation, EvaluationRequest
from tools.evaluate.records import Record
from tools.evaluate.report.markdown import write_summary
from tools.evaluate.summary import Row

Write = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(rows: list[Row], records: Sequence[Record] = ()) -> str:
        request = EvaluationRequest(
            engines=("reference", "musse"),
            suite="full",
            groups=(),
            output=tmp_path,
            resume=False,
            threads=1,
            limit=0,
            report=False,
        )
        criteria = check_criteria(rows, lambda name: True)
        write_summary(
            Evaluation(request=request, records=list(records), rows=rows, criteria=criteria, environment={}),
            tmp_path / "README.md",
        )
        return (tmp_path / "README.md").read_text(encoding="utf-8")

    return written


def _row(group: str, method: str, **figures: float) -> Row:
    return Row(group=group, method=method, cases=1, figures=figures)


def test_blobs_mean_and_displacement_have_columns_in_groups_that_have_them(write: Write) -> None:
    text = write(
        [
            _row(
                "hallucination", "musse", blobs_per_100_cm2=3.4, mean_preserved=0.97, displacement_rmse=0.05
            ),
            _row("clutter", "musse", mean_preserved=0.99),
        ]
    )
    assert "| method | mean kept, worst | displ. RMSE, samples | blobs / 100 cm² |" in text
    assert "| musse | 0.970 | 0.050 | 3.4 |" in text
    assert "| method | mean kept, worst |\n" in text


def test_gratings_have_a_table_of_modulation_transfer(write: Write) -> None:
    recoveries = {"musse": [["axial", 2.0, None], ["lateral", 6.0, 0.91]], "truth": [["axial", 2.0, 1.0]]}
    text = write(
        [
            Row(group="gratings", method=name, cases=2, figures={"nrmse": 0.5}, curve={"recoveries": found})
            for name, found in recoveries.items()
        ]
    )
    assert "| direction | period, mm | musse | *truth* |" in text
    assert "| axial | 2 |  | 1.00 |" in text
    assert "| lateral | 6 | 0.91 |  |" in text
    assert "Modulation transfer" not in write([_row("clutter", "musse", rel=0.5)])


def test_it_lists_groups_whose_displacement_is_worse_than_the_reference(write: Write) -> None:
    rows = [
        _row("large", "reference", displacement_rmse=0.03),
        _row("large", "musse", displacement_rmse=0.12),
        _row("noise", "reference", displacement_rmse=0.6),
        _row("noise", "musse", displacement_rmse=0.2),
    ]
    text = write(rows)
    assert "larger for musse than for the reference in large (0.120 against 0.030)." in text
    assert text.index("No criterion covers displacement") < text.index("## Groups")
    assert "No criterion covers displacement" not in write(rows[2:])


def _pair(group: str, method: str, variance: float, covariance: float) -> Record:
    return Record(
        key="",
        group=group,
        case="",
        method=method,
        seed=0,
        parameters={},
        figures={},
        sums={"strain": [100, 0.0, 0.0, variance, 0.0, covariance]},
        seconds=0.0,
    )


def test_one_line_has_the_contrast_recovery_over_the_whole_suite(write: Write) -> None:
    records = [
        _pair("noise", "musse", 1.0, 0.5),
        _pair("large", "musse", 3.0, 2.9),
        _pair("bound", "musse", 0.0, 7.0),  # uniform truth, which has no contrast
        _pair("frontier", "musse@8x1", 1.0, 0.1),
        _pair("noise", "zero", 1.0, 0.0),
    ]
    assert "large strain weighs most: musse 0.85." in write([], records)
    assert "large strain weighs most" not in write([])
