"""A tape gives back what was written, and of a torn or damaged one every whole message and no wrong one."""

from pathlib import Path

import pytest
from mcap.reader import NonSeekingReader

from tests.tools.tape.tapes import assert_true, random_places, rf_parts, write_tape
from tools.errors import RecordingError
from tools.tape.reader import Tape
from tools.tape.writer import TapeWriter

COUNT = 20


def read(path: Path) -> tuple[list[int], str | None]:
    """The numbers of the messages, each checked bit for bit, and the note on the tape's condition."""
    with Tape(path) as tape:
        found = [assert_true(message) for message in tape.messages()]
        assert len(found) == tape.condition.read
        return found, tape.condition.note()


def test_a_closed_tape_gives_back_every_bit_and_is_plain_mcap(tmp_path: Path) -> None:
    write_tape(tmp_path / "a.mcap", COUNT)
    assert read(tmp_path / "a.mcap") == (list(range(COUNT)), None)
    with (tmp_path / "a.mcap").open("rb") as file:  # as any other program reads it
        topics = [channel.topic for _, channel, _ in NonSeekingReader(file).iter_messages()]
    assert topics == ["rf/bridge", "strain/bridge"] * (COUNT // 2)


def test_one_message_is_read_again_by_its_place(tmp_path: Path) -> None:
    write_tape(tmp_path / "a.mcap", COUNT)
    with Tape(tmp_path / "a.mcap") as tape:
        places = []
        for message in tape.messages(["rf"]):
            places.append(message.place)
            assert assert_true(tape.message(places[0])) == 0  # in the middle of an iteration
        assert [assert_true(tape.message(place)) for place in places] == list(range(0, COUNT, 2))
        assert tape.condition.read == COUNT


def test_a_tape_states_versions_and_time_under_a_checksum(tmp_path: Path) -> None:
    write_tape(tmp_path / "a.mcap", 1)
    with Tape(tmp_path / "a.mcap") as tape:
        list(tape.messages())
        about = tape.condition.about["musse-tape"]
    assert about["format_version"] == "1"
    assert about["created"].endswith("+00:00")
    assert "numpy" in about["versions"]
    torn = (tmp_path / "a.mcap").read_bytes().replace(b"+00:00", b"+01:00")
    (tmp_path / "b.mcap").write_bytes(torn)
    with Tape(tmp_path / "b.mcap") as tape:
        assert len(list(tape.messages())) == 1
        assert tape.condition.about == {}


def test_a_tape_cut_anywhere_gives_every_message_before_the_cut(tmp_path: Path) -> None:
    ends = write_tape(tmp_path / "a.mcap", COUNT)
    whole = (tmp_path / "a.mcap").read_bytes()
    for cut in sorted({*ends, *random_places(len(whole), 100)}):
        (tmp_path / "cut.mcap").write_bytes(whole[:cut])
        found, note = read(tmp_path / "cut.mcap")
        expected = sum(end <= cut for end in ends)
        assert found == list(range(expected)), cut
        if cut <= ends[-1]:
            torn = cut not in ends
            assert note is not None
            assert note.startswith((f"{expected} of {expected + torn} ", f"{expected} of {expected} ")), cut


def test_changed_bytes_lose_messages_and_never_change_one(tmp_path: Path) -> None:
    write_tape(tmp_path / "a.mcap", COUNT)
    whole = (tmp_path / "a.mcap").read_bytes()
    short = 0
    for place in random_places(len(whole), 200):
        damaged = bytearray(whole)
        damaged[place] ^= 0x55
        (tmp_path / "b.mcap").write_bytes(damaged)
        found, note = read(tmp_path / "b.mcap")
        assert found == sorted(set(found))
        if len(found) < COUNT:
            short += 1
            assert note is not None
    assert short > 100  # most bytes belong to messages: the checksum has seen the change


def test_everything_behind_a_damaged_length_is_read(tmp_path: Path) -> None:
    write_tape(tmp_path / "a.mcap", COUNT)
    whole = (tmp_path / "a.mcap").read_bytes()
    with Tape(tmp_path / "a.mcap") as tape:
        starts = [message.place[0] for message in tape.messages()]
    for number in (1, 7, COUNT - 1):
        for within in range(45):  # opcode, lengths, times and checksum of the chunk
            damaged = bytearray(whole)
            damaged[starts[number] + within] ^= 0x5A
            (tmp_path / "b.mcap").write_bytes(damaged)
            found, note = read(tmp_path / "b.mcap")
            if within in range(9, 25):  # its times, which nothing depends on
                assert (found, note) == (list(range(COUNT)), None)
                continue
            assert found == [index for index in range(COUNT) if index != number], within
            assert note is not None
            assert note.startswith(f"{COUNT - 1} of {COUNT} messages read, the others are damaged")
    holed = bytearray(whole)
    holed[starts[3] + 5 : starts[9] + 70] = bytes(starts[9] + 65 - starts[3])  # seven messages at once
    (tmp_path / "b.mcap").write_bytes(holed)
    found, note = read(tmp_path / "b.mcap")
    assert found == [0, 1, 2, *range(10, COUNT)]
    assert note == "13 of 20 messages read, the others are damaged"


@pytest.mark.parametrize("content", [b"not a tape at all", b"\x89HDF\r\n\x1a\n" + bytes(100)])
def test_another_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.mcap").write_bytes(content)
    with pytest.raises(RecordingError, match="is no tape"):
        Tape(tmp_path / "a.mcap")


def test_an_empty_file_of_a_recorder_killed_at_once_is_a_tape_without_messages(tmp_path: Path) -> None:
    (tmp_path / "a.mcap").write_bytes(b"")
    assert read(tmp_path / "a.mcap") == ([], "0 of 0 messages read, the recorder was interrupted")


def test_a_file_that_is_there_is_kept(tmp_path: Path) -> None:
    write_tape(tmp_path / "a.mcap", 3)
    with pytest.raises(RecordingError, match=r"exists.*--overwrite"):
        TapeWriter(tmp_path / "a.mcap")
    assert len(read(tmp_path / "a.mcap")[0]) == 3
    with TapeWriter(tmp_path / "a.mcap", overwrite=True) as tape:
        tape.append(rf_parts(0), "musse.rf", 10**18)
    assert read(tmp_path / "a.mcap") == ([0], None)
    (tmp_path / "folder.mcap").mkdir()
    for overwrite in (False, True):
        with pytest.raises(RecordingError, match=r"folder\.mcap"):
            TapeWriter(tmp_path / "folder.mcap", overwrite=overwrite)
