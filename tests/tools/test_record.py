"""`musse-stream record`: what a link carried is in the file, and what it lost is counted."""

import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from streamer.errors import ConfigError
from streamer.headers import ArrayEntry
from streamer.sockets import MAX_FRAME_BYTES, OVERHEAD_BYTES
from streamer.stopping import Stop
from streamer.wire import encode
from tests.echo_frames import SHAPE, rf_header
from tests.tools.recorder import (
    GRID,
    PATIENCE,
    Record,
    Recording,
    Sender,
    frame,
    maps,
    status_header,
    strain_header,
)
from tools.errors import NothingReceived, RecordingError
from tools.formats import open_recording
from tools.record import RecordSummary, Until, record_rf, record_strain


@pytest.fixture
def sender() -> Iterator[Sender]:
    sender = Sender()
    yield sender
    sender.close()


def test_recorded_rf_is_the_rf_that_was_sent(sender: Sender, tmp_path: Path) -> None:
    recording = Recording(record_rf, sender, tmp_path / "a.h5", count=6)
    for index in (7, 8, 9, 12, 13, 14):
        sender.frame(index, status="LIFTED" if index == 9 else "OK")
    assert recording.end() == RecordSummary(written=6, missed=2)
    with open_recording(tmp_path / "a.h5") as found:
        assert list(found.frame_index) == [7, 8, 9, 12, 13, 14]
        assert list(np.diff(found.t_acq)) == [20_000_000, 20_000_000, 60_000_000, 20_000_000, 20_000_000]
        assert found.status[2] == "LIFTED"
        for position, index in enumerate(found.frame_index):
            np.testing.assert_array_equal(found.frame(position), frame(index))
            sent = rf_header(int(index), status="LIFTED" if index == 9 else "OK")
            back = found.header(position, source_id="bridge", session_id="one")
            assert back.model_copy(update={"origin": "live"}) == sent
        assert not np.array_equal(found.frame(0), found.frame(1))  # the control: frames do differ


@pytest.mark.parametrize("kind", ["lines first", "float", "iq"])
def test_every_kind_of_frame_is_recorded(sender: Sender, tmp_path: Path, kind: str) -> None:
    samples: Any = frame(1)
    changes: dict[str, Any] = {}
    sent = samples
    if kind == "lines first":
        changes, sent = {"axes": "lateral,axial"}, np.ascontiguousarray(samples.T)
    elif kind == "float":
        samples = sent = samples.astype(np.float32)
        changes = {"dtype": "<f4"}
    else:
        samples = sent = (samples + 1j * samples[::-1]).astype(np.complex64)
        changes = {"dtype": "<c8", "kind": "iq", "demodulation_frequency": 4.8e6}
    recording = Recording(record_rf, sender, tmp_path / "a.h5", count=2)
    for index in (0, 1):
        sender.frame(index, sent, **changes)
    assert recording.end().written == 2
    with open_recording(tmp_path / "a.h5") as found:
        np.testing.assert_array_equal(found.frame(1), samples)
        assert found.dtype == samples.dtype


@pytest.mark.parametrize(
    "changes",
    [
        {"session_id": "two", "frame_index": 0},
        {"sound_speed": 1480.0},
        {"shape": (SHAPE[0] // 2, SHAPE[1] * 2)},
    ],
    ids=["session", "constants", "shape"],
)
def test_another_stream_ends_the_recording_and_it_is_kept(
    sender: Sender, tmp_path: Path, changes: dict[str, Any]
) -> None:
    recording = Recording(record_rf, sender, tmp_path / "a.h5")
    for index in range(3):
        sender.frame(index)
    sender.frame(3, **changes)
    assert recording.end() == RecordSummary(written=3, ended="another session or geometry began")
    with open_recording(tmp_path / "a.h5") as found:
        assert found.n_frames == 3


def test_what_is_no_frame_of_this_recording_is_refused_by_name(sender: Sender, tmp_path: Path) -> None:
    recording = Recording(record_rf, sender, tmp_path / "a.h5", count=3)
    sender.parts([b"rf/bridge/", b"nonsense", b""])
    sender.parts([b"rf/bridge/"])
    sender.frame(0)
    header, samples = encode("rf", rf_header(1), (frame(1),))[1:]
    sender.parts([b"rf/bridge/", header, bytes(samples)[:-2]])
    checked = rf_header(1, payload_crc32=zlib.crc32(frame(1).tobytes()))
    sender.parts(encode("rf", checked, (frame(2),)))
    sender.parts(encode("rf", checked, (frame(1),)))
    sender.frame(1)
    sender.frame(5, source_id="other")
    sender.parts([b"rf/bridge/", *encode("status", status_header(0, 0))[1:], b""])
    sender.frame(2)
    reasons = {"malformed": 2, "wrong_size": 1, "bad_checksum": 1, "backwards": 1, "other_source": 1}
    assert recording.end() == RecordSummary(written=3, refused=reasons | {"unknown_schema": 1})
    with open_recording(tmp_path / "a.h5") as found:
        assert list(found.frame_index) == [0, 1, 2]


def test_frames_are_recorded_again_after_an_oversize_message(sender: Sender, tmp_path: Path) -> None:
    """libzmq cuts a subscriber off for good; the recorder takes a new socket, as the node does."""
    recording = Recording(record_rf, sender, tmp_path / "a.h5", count=3)
    sender.frame(0)
    sender.parts([b"rf/bridge/", bytes(MAX_FRAME_BYTES + OVERHEAD_BYTES + 1)])
    sender.wait_for_subscriptions(1)
    sender.frame(2)
    sender.frame(3)
    assert recording.end() == RecordSummary(written=3, missed=1)


@pytest.mark.parametrize("suffix", [".h5", ".npz"])
def test_recorded_strain_is_the_strain_that_was_sent(sender: Sender, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    recording = Recording(record_strain, sender, path, count=4)
    sender.strain(0, rejection="first", pre_index=None, interval=None, mean_strain=None)
    sender.strain(1)
    sender.strain(2, rejection="sliding")
    sender.strain(3, session_id="two")
    assert recording.end() == RecordSummary(written=4)
    if suffix == ".h5":
        with h5py.File(path) as file:
            found = {name: values[()] for name, values in file.items()}
        assert list(found["rejection"]) == [b"first", b"", b"sliding", b""]
        assert list(found["session_id"]) == [b"one", b"one", b"one", b"two"]
    else:
        with np.load(path) as packed:
            found = {name: packed[name] for name in packed.files}
        assert list(found["rejection"]) == ["first", "", "sliding", ""]
    assert list(found["pre_index"]) == [-1, 0, 1, 2]
    assert list(found["post_index"]) == [0, 1, 2, 3]
    nan = np.full((6, 5), np.nan, np.float32)
    expected = np.stack([nan, maps(1, (6, 5)), nan, maps(3, (6, 5))])
    np.testing.assert_array_equal(found["axial_strain"], expected)
    np.testing.assert_array_equal(found["mean_strain"], [np.nan, -0.01, -0.01, -0.01])
    np.testing.assert_array_equal(found["lateral_position"], -1e-3 + 3e-4 * np.arange(5))
    assert "relative_strain" not in found


@pytest.mark.parametrize(
    "changes",
    [
        {"grid": GRID.model_copy(update={"axial_step": 2e-4})},
        {
            "arrays": tuple(
                ArrayEntry(name=n, dtype="<f4", shape=(7, 5)) for n in ("axial_strain", "strain_std")
            )
        },
        {"engine": "reference"},
        {"axial_window": 3e-3},
        {"region": (0.0, 0.01, -0.01, 0.01)},
    ],
    ids=["grid", "shape", "engine", "window", "region"],
)
def test_another_acquisition_ends_the_recording_and_it_is_kept(
    sender: Sender, tmp_path: Path, changes: dict[str, Any]
) -> None:
    recording = Recording(record_strain, sender, tmp_path / "a.h5")
    sender.strain(0)
    sender.strain(1)
    sender.strain(2, **changes)
    assert recording.end() == RecordSummary(written=2, ended="the acquisition changed")
    with h5py.File(tmp_path / "a.h5") as file:
        assert list(file["post_index"]) == [0, 1]


def test_results_lost_on_the_way_are_counted(sender: Sender, tmp_path: Path) -> None:
    recording = Recording(record_strain, sender, tmp_path / "a.h5", count=6)
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
    assert recording.end() == RecordSummary(written=6, missed=4)


def test_hostile_results_are_refused_and_the_next_good_one_is_written(sender: Sender, tmp_path: Path) -> None:
    recording = Recording(record_strain, sender, tmp_path / "a.h5", count=2)
    sender.strain(0)
    good = strain_header(1)
    array = maps(1, (6, 5))
    lone = good.model_copy(update={"arrays": good.arrays[:1]})
    renamed = good.model_copy(
        update={"arrays": (good.arrays[0], good.arrays[1].model_copy(update={"name": "x"}))}
    )
    uneven = good.model_copy(
        update={"arrays": (good.arrays[0], good.arrays[1].model_copy(update={"shape": (5, 6)}))}
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
    assert recording.end() == RecordSummary(written=2, refused={"malformed": 7, "wrong_size": 1})
    with h5py.File(tmp_path / "a.h5") as file:
        np.testing.assert_array_equal(file["axial_strain"][1], array)


@pytest.mark.parametrize("record", [record_strain, record_rf])
def test_nothing_received_leaves_nothing_and_says_where(
    sender: Sender, tmp_path: Path, record: Record
) -> None:
    with pytest.raises(NothingReceived, match=sender.address):
        Recording(record, sender, tmp_path / "a.h5", timeout=0.1).end()
    stopped = Recording(record, sender, tmp_path / "a.h5")
    with pytest.raises(NothingReceived, match="running"):
        stopped.end(stop=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("record", [record_strain, record_rf])
def test_a_stop_keeps_what_was_written(sender: Sender, tmp_path: Path, record: Record) -> None:
    recording = Recording(record, sender, tmp_path / "a.h5")
    send = sender.frame if record is record_rf else sender.strain
    send(0)
    end = time.monotonic() + PATIENCE
    while not (tmp_path / "a.h5.part").exists() or (tmp_path / "a.h5.part").stat().st_size < 2000:
        assert time.monotonic() < end, "nothing was written"
        time.sleep(0.01)
    summary = recording.end(stop=True)
    assert summary.written == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5"]


@pytest.mark.parametrize("record", [record_strain, record_rf])
@pytest.mark.parametrize(
    ("name", "words"), [("there.h5", r"exists.*--overwrite"), ("a.mhd", r"written as \.h5")]
)
def test_an_output_that_will_not_do_is_refused_before_anything_is_received(
    tmp_path: Path, record: Record, name: str, words: str
) -> None:
    (tmp_path / "there.h5").write_text("precious")
    with pytest.raises(RecordingError, match=words):
        record("tcp://127.0.0.1:9", tmp_path / name, Stop(), Until())
    assert (tmp_path / "there.h5").read_text() == "precious"


@pytest.mark.parametrize("record", [record_strain, record_rf])
def test_overwrite_replaces_the_file_only_when_there_is_a_new_one(
    sender: Sender, tmp_path: Path, record: Record
) -> None:
    (tmp_path / "a.h5").write_text("precious")
    with pytest.raises(NothingReceived):
        Recording(record, sender, tmp_path / "a.h5", overwrite=True, timeout=0.1).end()
    assert (tmp_path / "a.h5").read_text() == "precious"
    recording = Recording(record, sender, tmp_path / "a.h5", overwrite=True, count=1)
    (sender.frame if record is record_rf else sender.strain)(0)
    assert recording.end().written == 1
    assert h5py.is_hdf5(tmp_path / "a.h5")


def test_an_impossible_address_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"'here:1'.*tcp://HOST:PORT"):
        record_strain("here:1", tmp_path / "a.h5", Stop(), Until())
    assert list(tmp_path.iterdir()) == []
