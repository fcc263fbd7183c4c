"""The window's key saves what the tape process holds, and a freeze of the window pins it."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.tools.tape.keeper import keeper, wait_for
from tools.display.hand import Hand
from tools.display.keeper import Keeper
from tools.display.options import DisplayOptions
from tools.display.readouts import status_line
from tools.display.state import DisplayState
from tools.tape.announcing import Announcing
from tools.tape.reader import Tape

IMAGE = np.zeros((10, 10, 3), np.uint8)


def state() -> DisplayState:
    return DisplayState(DisplayOptions(), address="tcp://127.0.0.1:9", now=0.0)


def press(keys: str, shown: DisplayState, asked: Keeper | None) -> None:
    hand: Any = Hand(shown, asked)
    hand.press(list(keys), shown.view(0.0), IMAGE, None)


def saved_path(notice: str) -> Path:
    """The file that a success message names."""
    found = re.fullmatch(r"saved the last [\d.]+ s as (\S+) \([\d.]+ MB, \d+ messages\) in (.+)", notice)
    assert found is not None, notice
    return Path(found[2], found[1])


def test_the_key_saves_what_is_held_and_freeze_pins_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tools.display.keeper.ASK_EVERY", 0.02)
    shown = state()
    with keeper(tmp_path) as running, Keeper(running.address, "window 1") as asked:
        running.send(*range(20))
        running.wait_until_held(20)
        shown.seconds_kept = wait_for(lambda: asked.held or None)
        assert any("in memory, g: save" in text for text in status_line(shown.view(0.0)))
        press("f", shown, asked)
        wait_for(lambda: running.client.ask({"do": "state"})["frozen"] or None)
        running.send(*range(20, 30))
        running.wait_until_held(30)
        assert not asked.recording
        with Announcing(running.address):
            wait_for(lambda: asked.recording or None)
        press("g", shown, asked)
        notice = wait_for(asked.notice)
        assert notice.startswith("saved the last 0.")
        with Tape(saved_path(notice)) as tape:
            assert len(list(tape.messages(["rf"]))) == 20  # up to the freeze
        press("f", shown, asked)
        wait_for(lambda: None if running.client.ask({"do": "state"})["frozen"] else True)


def test_without_a_tape_process_the_key_reports_it() -> None:
    shown = state()
    press("g", shown, None)
    assert shown.view(0.0).notice == "nothing to save: no tape process answers"
    assert not any("g: save" in text for text in status_line(shown.view(0.0)))
