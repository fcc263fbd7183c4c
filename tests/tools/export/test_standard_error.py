"""A note of a library that means nothing is not printed; everything else is."""

import os

import pytest

from tools.export.standard_error import without_lines_of


def test_only_lines_with_the_words_are_left_out(capfd: pytest.CaptureFixture[str]) -> None:
    with without_lines_of(b"means nothing"):
        os.write(2, b"first\nthis means nothing at all\nlast")
    os.write(2, b", and after it")
    assert capfd.readouterr().err == "first\nlast, and after it"


def test_what_was_written_before_an_error_is_passed_on(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt), without_lines_of(b"nothing"):  # noqa: PT012 - raised inside
        os.write(2, b"why\n")
        raise KeyboardInterrupt
    assert capfd.readouterr().err == "why\n"


def test_without_room_everything_is_passed_on(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full() -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.TemporaryFile", full)
    with without_lines_of(b"nothing"):
        os.write(2, b"this means nothing\n")
    assert capfd.readouterr().err == "this means nothing\n"
