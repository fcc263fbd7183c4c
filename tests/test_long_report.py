"""The report of the long tests names every test that did not pass."""

from pathlib import Path

import pytest

from tests.long_report import report

pytest_plugins = ("pytester",)


def test_outcomes_are_those_of_pytest(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        @pytest.fixture
        def broken():
            raise OSError
        def test_a(): pass
        def test_b(): assert 0
        def test_c(): pytest.skip()
        def test_d(broken): pass
        """
    )
    for group in ("long", "alone"):
        pytester.runpytest_inprocess("-p", "no:cacheprovider", "--junit-xml", f"{group}.xml")
    found = report(Path(pytester.path))
    outcomes = {"passed": 1, "failure": 1, "skipped": 1, "error": 1}
    assert found["long"]["outcomes"] == found["alone"]["outcomes"] == outcomes
    assert [test["outcome"] for test in found["long"]["tests"]] == ["passed", "failure", "skipped", "error"]
    assert [test["outcome"] for test in found["alone"]["tests"]] == ["failure", "skipped", "error"]
    assert "together" not in found
    assert found["machine"]["torch"] != "missing"
