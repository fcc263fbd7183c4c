"""Log lines: one per event, few per reason, and nothing a sender wrote can forge one."""

import json
import logging
from collections.abc import Iterator

import pytest

from tools.log import log_to_stderr

log = logging.getLogger("test.log")


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


def test_what_a_sender_wrote_cannot_begin_a_line_or_move_the_cursor(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log_to_stderr()
    log.warning("frame refused: %s", "x\n12:00:00 ERROR all is lost \x1b[2J\x9b\r")
    (line,) = lines(capsys)
    assert line.endswith(r"x\x0a12:00:00 ERROR all is lost \x1b[2J\x9b\x0d")


def test_a_traceback_keeps_its_lines(capsys: pytest.CaptureFixture[str]) -> None:
    log_to_stderr()
    try:
        raise ValueError("inside")
    except ValueError:
        log.exception("failed")
    logged = lines(capsys)
    assert logged[0].endswith("failed")
    assert logged[-1] == "ValueError: inside"


def test_one_line_per_reason_and_interval_and_the_rest_is_counted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    log_to_stderr()
    for number in range(100):
        log.warning("refused: %d %%", number, extra={"limit_by": "saturated"})
    log.warning("another", extra={"limit_by": "duplicate"})
    log.warning("no limit")
    log.warning("no limit")
    logged = lines(capsys)
    assert [line.split("  ")[-1].split("WARNING ")[-1] for line in logged] == [
        "refused: 0 %", "another", "no limit", "no limit",
    ]  # fmt: skip
    now = 105.1
    log.warning("refused: %d", 100, extra={"limit_by": "saturated"})
    assert lines(capsys)[0].endswith("refused: 100 (and 99 more like it)")


def test_json_lines_carry_reason_and_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    log_to_stderr(as_json=True)
    try:
        raise ValueError("inside")
    except ValueError:
        log.exception("failed\n%s", "\x1b", extra={"limit_by": "engine_error"})
    (line,) = lines(capsys)
    fields = json.loads(line)
    assert (fields["message"], fields["reason"], fields["level"]) == ("failed\n\x1b", "engine_error", "ERROR")
    assert fields["traceback"].endswith("ValueError: inside")
