"""`musse-stream record`: every message received is on the tape, and every lost one is counted."""

import logging
import signal
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streamer.errors import ConfigError
from streamer.headers import ArrayEntry, StrainHeader
from streamer.stopping import Stop
from streamer.wire import decode, encode
from tests.echo_frames import rf_header
from tests.tools.programs import program, write_press
from tests.tools.recorder import (
    GRID,
    Recording,
    Sender,
    frame,
    maps,
    status_header,
    strain_header,
)
from tests.tools.tape.keeper import wait_for
from tests.tools.test_disk_full import room_for
from tools.errors import NothingReceived, RecordingError
from tools.formats import open_recording
from tools.record import Sources, Until, record
from tools.tape.reader import Tape, TapeMessage


@pytest.fixture
def sender() -> Iterator[Sender]:
    sender = Sender()
    yield sender
    sender.close()


def taped(path: Path) -> list[TapeMessage]:
    with Tape(path) as tape:
        found = list(tape.messages())
        assert tape.condition.note() is None
    return found


def test_recorded_rf_is_the_rf_that_was_sent(sender: Sender, tmp_path: Path) -> None:
    recording = Recording("rf", sender, tmp_path / "a.mcap", count=6)
    for index in (7, 8, 9, 12, 13, 14):
        sender.frame(index, status="LIFTED" if index == 9 else "OK")
    summary = recording.end()
    assert (summary.rf_frames, summary.pairs, summary.missed, summary.refused) == (6, 0, 2, {})
    assert summary.ended == "as asked"
    with open_recording(tmp_path / "a.mcap") as found:
        assert list(found.frame_index) == [7, 8, 9, 12, 13, 14]
        assert found.status[2] == "LIFTED"
        for position, index in enumerate(found.frame_index):
            np.testing.assert_array_equal(found.frame(position), frame(int(index)))


def test_rf_and_results_go_on_one_tape_as_they_were_on_the_wire(sender: Sender, tmp_path: Path) -> None:
    recording = Recording("both", sender, tmp_path / "a.mcap", count=3)
    sender.status(0)
    sent = []
    for index in range(3):
        header = strain_header(index, rejection="first" if index == 0 else None)
        arrays = [maps(index, entry.shape) for entry in header.arrays]
        sent += [encode("rf", rf_header(index), (frame(index),)), encode("strain", header, arrays)]
        for parts in sent[-2:]:
            sender.parts(parts)
            wait_until_taped(tmp_path / "a.mcap", sent.index(parts) + 1)
    assert (recording.end().rf_frames, recording.end().pairs) == (3, 3)
    assert [m.parts() for m in taped(tmp_path / "a.mcap")] == [[bytes(p) for p in parts] for parts in sent]


def wait_until_taped(path: Path, count: int) -> None:
    wait_for(lambda: len(_whole(path)) == count or None)


def _whole(path: Path) -> list[TapeMessage]:
    """The messages that can be read while the recorder still writes."""
    if not path.exists():
        return []
    with Tape(path) as tape:
        return list(tape.messages())


def test_the_tape_names_the_node_of_its_results(sender: Sender, tmp_path: Path) -> None:
    recording = Recording("strain", sender, tmp_path / "a.mcap", count=2)
    settings = '{"pairing": {"stride": 2}}'
    status = status_header(0, 0).model_copy(update={"configuration": settings})
    sender.parts(encode("status", status))
    sender.strain(0)
    sender.strain(1)
    recording.end()
    with Tape(tmp_path / "a.mcap") as tape:
        (first, _) = tape.messages()
        assert tape.condition.about["musse-node"]["configuration"] == settings
        assert tape.condition.about["musse-node"]["engine"] == "trivial"
    assert isinstance(first.header, StrainHeader)
    assert first.header.model_hash is None


@pytest.mark.parametrize(
    "changes",
    [
        {"session_id": "two", "frame_index": 0},
        {"sound_speed": 1480.0},
        {"shape": (256, 32)},
        {"source_id": "other"},
    ],
    ids=["session", "constants", "shape", "source"],
)
def test_another_geometry_session_or_source_goes_on_in_the_same_tape(
    sender: Sender, tmp_path: Path, changes: dict[str, Any]
) -> None:
    recording = Recording("rf", sender, tmp_path / "a.mcap", count=5)
    for index in range(3):
        sender.frame(index)
    sender.frame(3, **changes)
    sender.frame(4, **changes | ({"frame_index": 1} if "frame_index" in changes else {}))
    summary = recording.end()
    assert (summary.rf_frames, summary.missed) == (5, 0)
    for number, count in ((1, 3), (2, 2)):
        with open_recording(tmp_path / "a.mcap", overrides={"variable": str(number)}) as found:
            assert found.n_frames == count


@pytest.mark.parametrize(
    "changes",
    [{"grid": GRID.model_copy(update={"axial_step": 2e-4})}, {"engine": "reference"}],
    ids=["grid", "engine"],
)
def test_results_of_another_grid_or_engine_go_on_in_the_same_tape(
    sender: Sender, tmp_path: Path, changes: dict[str, Any]
) -> None:
    recording = Recording("strain", sender, tmp_path / "a.mcap", count=4)
    sender.strain(0)
    sender.strain(1)
    sender.strain(2, **changes)
    sender.strain(3)
    assert recording.end().pairs == 4
    assert len(taped(tmp_path / "a.mcap")) == 4


def test_what_is_no_frame_is_refused_by_name(sender: Sender, tmp_path: Path) -> None:
    recording = Recording("rf", sender, tmp_path / "a.mcap", count=3)
    sender.parts([b"rf/bridge/", b"nonsense", b""])
    sender.parts([b"rf/bridge/"])
    sender.frame(0)
    header, samples = encode("rf", rf_header(1), (frame(1),))[1:]
    sender.parts([b"rf/bridge/", header, bytes(samples)[:-2]])
    checked = rf_header(1, payload_crc32=zlib.crc32(frame(1).tobytes()))
    sender.parts(encode("rf", checked, (frame(2),)))
    sender.parts(encode("rf", checked, (frame(1),)))
    sender.frame(1)
    sender.parts([b"rf/bridge/", *encode("status", status_header(0, 0))[1:], b""])
    sender.frame(2)
    summary = recording.end()
    reasons = {"malformed": 2, "wrong_size": 1, "bad_checksum": 1, "backwards": 1, "unknown_schema": 1}
    assert (summary.rf_frames, summary.refused) == (3, reasons)
    with open_recording(tmp_path / "a.mcap") as found:
        assert list(found.frame_index) == [0, 1, 2]


def test_results_lost_on_the_way_are_counted(sender: Sender, tmp_path: Path) -> None:
    recording = Recording("strain", sender, tmp_path / "a.mcap", count=6)
    sender.status(10, 5)  # from here on
    sender.strain(0)
    sender.strain(1, rejection="no_motion")
    sender.status(11, 6)  # both came
    sender.strain(2)
    sender.status(15, 7)  # three of four went missing, one with a reason
    sender.status(0, 0)  # the node was started anew
    sender.strain(0)
    sender.strain(1)
    sender.status(2, 0)
    sender.strain(2)
    summary = recording.end()
    assert (summary.pairs, summary.missed) == (6, 4)


def test_hostile_results_are_refused_and_the_next_good_one_is_written(sender: Sender, tmp_path: Path) -> None:
    recording = Recording("strain", sender, tmp_path / "a.mcap", count=2)
    sender.strain(0)
    good = strain_header(1)
    array = maps(1, (6, 5))
    lone = good.model_copy(update={"arrays": good.arrays[:1]})
    renamed = good.model_copy(
        update={"arrays": (good.arrays[0], good.arrays[1].model_copy(update={"name": "x"}))}
    )
    uneven = good.model_copy(
        update={"arrays": (good.arrays[0], ArrayEntry(name="strain_std", dtype="<f4", shape=(5, 6)))}
    )
    sender.parts(encode("strain", lone, (array,)))
    sender.parts(encode("strain", renamed, (array, array)))
    sender.parts(encode("strain", uneven, (array, array)))
    sender.parts(encode("strain", good.model_copy(update={"grid": None}), (array, array)))
    sender.parts(encode("strain", good.model_copy(update={"rejection": "gap"}), (array, array)))
    sender.parts(encode("strain", good.model_copy(update={"arrays": ()})))
    sender.parts([b"strain/", b"\x01"])
    sender.parts(encode("strain", good, (array,)))
    sender.strain(1)
    summary = recording.end()
    assert (summary.pairs, summary.refused) == (2, {"malformed": 7, "wrong_size": 1})
    np.testing.assert_array_equal(decode(taped(tmp_path / "a.mcap")[1].parts()).arrays["axial_strain"], array)


@pytest.mark.parametrize("what", ["strain", "rf"])
def test_nothing_received_leaves_no_file_and_names_the_address(
    sender: Sender, tmp_path: Path, what: str
) -> None:
    with pytest.raises(NothingReceived, match=sender.address):
        Recording(what, sender, tmp_path / "a.mcap", timeout=0.1).end()
    stopped = Recording(what, sender, tmp_path / "a.mcap")
    with pytest.raises(NothingReceived, match="running"):
        stopped.end(stop=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("what", ["strain", "rf"])
def test_a_stop_keeps_what_was_written(sender: Sender, tmp_path: Path, what: str) -> None:
    recording = Recording(what, sender, tmp_path / "a.mcap")
    (sender.frame if what == "rf" else sender.strain)(0)
    wait_for(lambda: _whole(tmp_path / "a.mcap") or None)
    summary = recording.end(stop=True)
    assert summary.rf_frames + summary.pairs == 1
    assert len(taped(tmp_path / "a.mcap")) == 1


@pytest.mark.parametrize("step", [-3600, 3600])
def test_a_clock_that_is_set_leaves_the_times_of_a_tape_in_order(
    step: int, sender: Sender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = Recording("rf", sender, tmp_path / "a.mcap", count=2)
    sender.frame(0)
    wait_until_taped(tmp_path / "a.mcap", 1)
    before = time.time_ns
    monkeypatch.setattr("time.time_ns", lambda: before() + step * 10**9)
    sender.frame(1)
    assert 0 < recording.end().seconds < 60
    first, last = (message.received for message in taped(tmp_path / "a.mcap"))
    assert 0 < last - first < 60e9
    assert abs(first - before()) < 60e9


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("there.mcap", r"exists.*--overwrite"),
        ("folder.mcap", "is a folder"),
        ("a.h5", r"--output a\.mcap, and afterwards: musse-stream convert a\.mcap --output a\.h5"),
        ("a.npz", r"musse-stream convert a\.mcap --output a\.npz"),
    ],
)
def test_an_output_that_will_not_do_is_refused_before_anything_is_received(
    tmp_path: Path, name: str, words: str
) -> None:
    (tmp_path / "there.mcap").write_text("precious")
    (tmp_path / "folder.mcap").mkdir()
    with pytest.raises(RecordingError, match=words):
        record(Sources(rf="tcp://127.0.0.1:9"), tmp_path / name, Stop(), Until())
    assert (tmp_path / "there.mcap").read_text() == "precious"


def test_overwrite_replaces_the_file_only_when_there_is_something_to_write(
    sender: Sender, tmp_path: Path
) -> None:
    (tmp_path / "a.mcap").write_text("precious")
    with pytest.raises(NothingReceived):
        Recording("rf", sender, tmp_path / "a.mcap", overwrite=True, timeout=0.1).end()
    assert (tmp_path / "a.mcap").read_text() == "precious"
    recording = Recording("rf", sender, tmp_path / "a.mcap", overwrite=True, count=1)
    sender.frame(0)
    assert recording.end().rf_frames == 1
    assert len(taped(tmp_path / "a.mcap")) == 1


def test_an_impossible_address_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"here:1.*tcp://HOST:PORT"):
        record(Sources(results="here:1"), tmp_path / "a.mcap", Stop(), Until())
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_ends_the_recording_with_what_there_is(
    sender: Sender, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tools.tape.writer.LOW_SPACE", 1.1)  # as if little of this disk were free
    with room_for(50_000), caplog.at_level(logging.WARNING):
        recording = Recording("rf", sender, tmp_path / "a.mcap")
        for index in range(10):
            sender.frame(index)
        summary = recording.end()
    assert summary.ended.startswith(f"the disk is full: {tmp_path / 'a.mcap'}")
    assert summary.rf_frames == 2  # of 16 kB each, and room for a third one's header
    assert "of the disk of" in caplog.text
    with open_recording(tmp_path / "a.mcap") as found:
        np.testing.assert_array_equal(found.frame(1), frame(1))


def test_a_killed_recorder_has_lost_nothing_that_came(tmp_path: Path) -> None:
    """The program itself: replay, record, kill -9; `info` reports N of M and every frame is the one sent."""
    press, tape = write_press(tmp_path / "press.h5"), tmp_path / "a.mcap"
    played = ("--loop", "bounce", "--wait-subscribers", "1", "--bind", "tcp://127.0.0.1:0", "--json")
    with program("replay", str(press), *played) as replay:
        at = replay.event("ready")["rf"]
        with program("record", "--what", "rf", "--connect", at, "--output", str(tape)) as recorder:
            recorder.wait_for("recording 1 s")  # progress, on standard error
            recorder.end(signal.SIGKILL)
        replay.end(signal.SIGTERM)
    with program("info", str(tape), "--json") as info:
        shown = info.wait_for('"frames":', info.out)
        assert info.end() == 0
        assert "messages read, the recorder was interrupted" in shown
    with open_recording(press) as sent, open_recording(tape) as found:
        assert found.n_frames >= 40  # 50 frames/s for a second
        assert f'"frames": {found.n_frames},' in shown
        for position in range(found.n_frames):
            index = int(found.frame_index[position]) % 14  # forward and backward over 8 frames
            np.testing.assert_array_equal(found.frame(position), sent.frame(min(index, 14 - index)))
