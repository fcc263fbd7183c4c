"""RF frames of a tape are a recording like any other, whole or torn."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streamer.wire import encode
from tests.echo_frames import rf_header
from tests.tools.tape.tapes import SHAPE, rf_parts, samples, strain_parts, write_parts, write_tape
from tools.errors import RecordingError
from tools.formats import open_recording


def test_frames_times_numbers_and_states_are_those_sent(tmp_path: Path) -> None:
    sent = [rf_parts(index, status="LIFTED" if index == 9 else "OK") for index in (7, 8, 9, 12)]
    with open_recording(write_parts(tmp_path / "a.mcap", [strain_parts(1), *sent, strain_parts(2)])) as found:
        assert list(found.frame_index) == [7, 8, 9, 12]
        assert list(np.diff(found.t_acq)) == [20_000_000, 20_000_000, 60_000_000]
        assert found.status == ("OK", "OK", "LIFTED", "OK")
        assert found.acquisition.line_pitch == 3e-4
        assert found.assumed == ()
        for position, index in enumerate(found.frame_index):
            np.testing.assert_array_equal(found.frame(position), samples(int(index)))


@pytest.mark.parametrize("kind", ["lines first", "float", "iq"])
def test_every_kind_of_samples_comes_back(tmp_path: Path, kind: str) -> None:
    expected: Any = samples(1)
    changes: dict[str, Any] = {"shape": SHAPE}
    sent = expected
    if kind == "lines first":
        changes["axes"], sent = "lateral,axial", np.ascontiguousarray(expected.T)
    elif kind == "float":
        sent = expected = expected.astype(np.float32)
        changes["dtype"] = "<f4"
    else:
        sent = expected = (expected + 1j * expected[::-1]).astype(np.complex64)
        changes |= {"dtype": "<c8", "kind": "iq", "demodulation_frequency": 4.8e6}
    parts = encode("rf", rf_header(0, **changes), (sent,))
    with open_recording(write_parts(tmp_path / "a.mcap", [parts])) as found:
        np.testing.assert_array_equal(found.frame(0), expected)
        assert found.dtype == expected.dtype


def test_several_acquisitions_are_named_and_one_is_chosen(tmp_path: Path) -> None:
    first = [rf_parts(index) for index in range(3)]
    second = [rf_parts(index, sound_speed=1480.0) for index in range(3, 5)]
    third = [rf_parts(index, session_id="two") for index in range(1)]
    path = write_parts(tmp_path / "a.mcap", [*first, *second, *third])
    with pytest.raises(RecordingError, match=r"3 acquisitions \(1: 3 frames of 64 x 8 from bridge; 2: 2"):
        open_recording(path)
    for number, count in ((1, 3), (2, 2), (3, 1)):
        with open_recording(path, overrides={"variable": str(number)}) as found:
            assert found.n_frames == count
    for wrong in ("0", "4", "rf"):
        with pytest.raises(RecordingError, match="choose one by its number with --variable"):
            open_recording(path, overrides={"variable": wrong})


def test_a_frame_sent_twice_is_there_once(tmp_path: Path) -> None:
    sent = [rf_parts(index) for index in (0, 1, 1, 0, 2)]
    with open_recording(write_parts(tmp_path / "a.mcap", sent)) as found:
        assert list(found.frame_index) == [0, 1, 2]


def test_a_torn_tape_is_read_as_far_as_possible_and_marked_as_torn(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ends = write_tape(tmp_path / "a.mcap", 20)
    whole = (tmp_path / "a.mcap").read_bytes()
    (tmp_path / "a.mcap").write_bytes(whole[: ends[-1] - 10])
    with caplog.at_level(logging.WARNING), open_recording(tmp_path / "a.mcap") as found:
        assert list(found.frame_index) == list(range(0, 20, 2))
    assert "19 of 20 messages read, the recorder was interrupted" in caplog.text


def test_a_tape_without_rf_names_the_way_to_its_results(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"holds no RF frame.*musse-stream convert"):
        open_recording(write_parts(tmp_path / "a.mcap", [strain_parts(1)]))
