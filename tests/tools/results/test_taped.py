"""Results of a tape become result files: every pair, its fused image and its B-mode, with provenance."""

import hashlib
import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from tests.tools.recorder import GRID, maps, status_header
from tests.tools.tape.tapes import bmode_parts, fused_parts, rf_parts, strain_parts, write_parts
from tools.convert import convert_tape
from tools.errors import RecordingError
from tools.formats import open_recording
from tools.results.layout import NO_TIME
from tools.results.zea import IMAGE, STRAIN
from tools.tape.about import about_node
from tools.tape.writer import TapeWriter

NAN = np.full((6, 5), np.nan, np.float32)


def contents(path: Path) -> dict[str, Any]:
    with h5py.File(path) as file:
        arrays = {name: item[()] for name, item in file.items() if isinstance(item, h5py.Dataset)}
        zea = {
            name: file[name][()]
            for name in (f"{STRAIN}/values", f"{IMAGE}/values", f"{IMAGE}/held")
            if name in file
        }
        return arrays | zea | {"attributes": dict(file.attrs)}


def test_pairs_fused_images_and_bmode_stand_in_the_same_rows(tmp_path: Path) -> None:
    rejected = {"rejection": "first", "pre_index": None, "interval": None, "mean_strain": None}
    sent = [
        strain_parts(0, **rejected),
        bmode_parts(1),  # the order in which they came does not matter
        strain_parts(1, t_acq=77),
        fused_parts(1),
        strain_parts(2, rejection="sliding"),
        fused_parts(3),
        strain_parts(3, session_id="A. Name"),
        strain_parts(4),
        bmode_parts(4),
    ]
    tape = write_parts(tmp_path / "a.mcap", sent)
    assert convert_tape(tape, tmp_path / "a.h5") == [f"{tmp_path / 'a.h5'}: 5 pairs"]
    found = contents(tmp_path / "a.h5")
    assert list(found["post_index"]) == [0, 1, 2, 3, 4]
    assert list(found["pre_index"]) == [-1, 0, 1, 2, 3]
    assert list(found["rejection"]) == [b"first", b"", b"sliding", b"", b""]
    assert list(found["session_id"]) == [b"0", b"0", b"0", b"1", b"0"]
    assert list(found["t_acq"]) == [NO_TIME, 77, NO_TIME, NO_TIME, NO_TIME]
    strain = np.stack([NAN, maps(1, (6, 5)), NAN, maps(3, (6, 5)), maps(4, (6, 5))])
    np.testing.assert_array_equal(found["axial_strain"], strain)
    np.testing.assert_allclose(found[f"{STRAIN}/values"], 100 * strain)
    fused = np.stack([NAN, maps(101, (6, 5)), NAN, NAN, NAN])  # that of frame 3 is of another session
    np.testing.assert_array_equal(found["relative_strain"], fused)
    np.testing.assert_array_equal(found["effective_pairs"], [np.nan, 1.0, np.nan, np.nan, np.nan])
    assert list(found[f"{IMAGE}/held"]) == [False, True, False, False, True]
    assert found[f"{IMAGE}/values"][:, 0, 0].tolist() == [0, 1, 0, 0, 4]


@pytest.mark.parametrize(
    "changes",
    [
        {"grid": GRID.model_copy(update={"axial_step": 2e-4})},
        {"engine": "reference"},
        {"axial_window": 3e-3},
        {"region": (0.0, 0.01, -0.01, 0.01)},
        {"source_id": "other"},
    ],
    ids=["grid", "engine", "window", "region", "source"],
)
def test_another_grid_engine_or_source_begins_a_further_file(tmp_path: Path, changes: dict[str, Any]) -> None:
    sent = [strain_parts(0), strain_parts(1), strain_parts(2, **changes), strain_parts(3)]
    lines = convert_tape(write_parts(tmp_path / "a.mcap", sent), tmp_path / "a.h5")
    assert lines == [
        f"{tmp_path / name}: {n} pairs" for name, n in (("a.h5", 2), ("a-2.h5", 1), ("a-3.h5", 1))
    ]
    assert list(contents(tmp_path / "a-2.h5")["post_index"]) == [2]


def test_a_file_states_its_provenance(tmp_path: Path) -> None:
    note = (
        "auto: trivial; not tensorrt: no engine: musse-stream engine build --weights /home/jane/a.safetensors"
    )
    stated = {"engine_note": note, "configuration": '{"pairing": {"stride": 3}}'}
    node = status_header(1, 0).model_copy(update=stated)
    with TapeWriter(tmp_path / "a.mcap") as tape:
        tape.describe("musse-node", about_node(node))
        tape.append(strain_parts(1), "musse.strain", 10**18)
    convert_tape(tmp_path / "a.mcap", tmp_path / "a.h5")
    attributes = contents(tmp_path / "a.h5")["attributes"]
    digest = hashlib.sha256((tmp_path / "a.mcap").read_bytes()).hexdigest()
    assert attributes["source_sha256"] == digest
    assert json.loads(attributes["configuration"])["pairing"]["stride"] == 3
    assert attributes["created"].endswith("+00:00")
    assert attributes["engine"] == "trivial"
    assert attributes["engine_note"] == "auto: trivial; not tensorrt: no engine"


def test_rf_of_a_tape_becomes_recordings_and_both_are_offered(tmp_path: Path) -> None:
    sent = [rf_parts(0), strain_parts(1), rf_parts(1), rf_parts(2, sound_speed=1480.0)]
    tape = write_parts(tmp_path / "a.mcap", sent)
    assert "3 RF frames: write them with --what rf" in convert_tape(tape, tmp_path / "a.h5")[-1]
    lines = convert_tape(tape, tmp_path / "rf.h5", what="rf")
    assert lines == [f"{tmp_path / 'rf.h5'}: 2 frames", f"{tmp_path / 'rf-2.h5'}: 1 frames"]
    with open_recording(tmp_path / "rf.h5") as found:
        assert list(found.frame_index) == [0, 1]
    assert convert_tape(tape, tmp_path / "one.h5", what="rf", variable="2")[-1].endswith("one.h5: 1 frames")


def test_a_torn_tape_gives_its_whole_messages_and_their_number(tmp_path: Path) -> None:
    tape = write_parts(tmp_path / "a.mcap", [strain_parts(index) for index in range(6)])
    tape.write_bytes(tape.read_bytes()[:-900])
    first, second = convert_tape(tape, tmp_path / "a.h5")
    assert "5 of 6 messages read" in first
    assert second.endswith("a.h5: 5 pairs")


def test_what_cannot_be_converted_is_named(tmp_path: Path) -> None:
    tape = write_parts(tmp_path / "a.mcap", [rf_parts(0)])
    with pytest.raises(RecordingError, match="holds no strain results"):
        convert_tape(tape, tmp_path / "a.h5", what="results")
    with pytest.raises(RecordingError, match="is the input itself"):
        convert_tape(tape, tape, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["a.mcap"]
