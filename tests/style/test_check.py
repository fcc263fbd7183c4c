"""The style check finds what it refuses, leaves alone what it does not, and the tree passes it."""

import pytest

from tests.root import ROOT
from tests.style.check import length_mistakes, read_rules, stale_exceptions, word_mistakes

RULES = read_rules()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.py", '"""A picture."""'),
        ("a.md", "The node tells it."),
        ("a.toml", "# Says nothing."),
        ("a.py", "known = values > 0"),
        ("a.py", "def mean(held: bool) -> None: ..."),
        ("a.py", "frame._held.clear()"),
    ],
)
def test_a_refused_word_is_found(name: str, text: str) -> None:
    assert len(word_mistakes(name, text, RULES)) == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.py", '"""An image of known motion, on held-out scenes."""'),
        ("a.md", "A storyteller, and a fortune foretold."),
        ("a.py", "unknown = valid = 1"),
        ("configs/default.toml", 'picture = "fused"'),
    ],
)
def test_other_words_are_not(name: str, text: str) -> None:
    assert word_mistakes(name, text, RULES) == []


def test_an_exception_counts_in_its_own_file_only() -> None:
    assert word_mistakes("configs/other.toml", 'picture = "fused"', RULES)


def test_an_exception_that_excuses_nothing_is_found() -> None:
    rules = type(RULES)(RULES.words, RULES.identifiers, (), (("README.md", "no such text here"),), ())
    assert stale_exceptions(ROOT, rules) == ["README.md: no such text here"]


def test_long_lines_of_documents_are_found() -> None:
    long = "word " * 30
    assert [line for line, _ in length_mistakes(f"short\n{long}\n| {long} |\n```\n{long}\n```\n")] == [2]
