"""Results of a tape or a result file are played as a node sent them, and the display shows them."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from streamer.headers import BmodeHeader, FusedHeader, StrainHeader
from streamer.wire import decode
from tests.tools.programs import write_press
from tests.tools.recorder import GRID, maps
from tests.tools.tape.tapes import bmode_parts, fused_parts, strain_parts, write_parts
from tools.cli import app
from tools.convert import convert_tape
from tools.errors import RecordingError
from tools.results.messages import result_messages


@pytest.fixture
def tape(tmp_path: Path) -> Path:
    sent = [strain_parts(0, rejection="first", pre_index=None, mean_strain=None), bmode_parts(1)]
    return write_parts(tmp_path / "a.mcap", [*sent, strain_parts(1, t_acq=10**9), fused_parts(1)])


@pytest.mark.parametrize("kind", ["tape", "HDF5"])
def test_messages_of_a_file_are_those_that_a_node_sent(tape: Path, kind: str) -> None:
    path = tape
    if kind == "HDF5":
        path = tape.with_suffix(".h5")
        convert_tape(tape, path)
    found = [(header, decode(parts)) for _, header, parts in result_messages(path)]
    kinds = sorted(header.schema_name for header, _ in found)
    assert kinds == ["musse.bmode", "musse.fused", "musse.strain", "musse.strain"]
    for header, message in found:
        assert message.header == header
        if isinstance(header, StrainHeader) and header.rejection is None:
            assert (header.pre_index, header.post_index, header.mean_strain) == (0, 1, -0.01)
            np.testing.assert_array_equal(message.arrays["axial_strain"], maps(1, (6, 5)))
        elif isinstance(header, StrainHeader):
            assert (header.rejection, header.pre_index, message.arrays) == ("first", None, {})
        elif isinstance(header, FusedHeader):
            np.testing.assert_array_equal(message.arrays["relative_strain"], maps(101, (6, 5)))
        elif isinstance(header, BmodeHeader):
            assert message.arrays["bmode"][0, 0] == 1
            assert header.dynamic_range_db == 60.0
            assert header.grid.axial_step == pytest.approx(GRID.axial_step, rel=1e-4)
            assert header.grid.lateral_start == pytest.approx(GRID.lateral_start, rel=1e-4)


def test_the_display_shows_a_result_file(tmp_path: Path) -> None:
    press, strain, image = (tmp_path / name for name in ("press.h5", "strain.h5", "out.png"))
    write_press(press)
    process = ["process", str(press), "--engine", "trivial", "--output", str(strain)]
    assert CliRunner().invoke(app, process).exit_code == 0
    shown = ["display", str(strain), "--headless", "--seconds", "0.5", "--save", str(image)]
    result = CliRunner().invoke(app, shown)
    assert result.exit_code == 0, result.output
    drawn = cv2.imread(str(image))
    assert drawn is not None
    assert drawn.std() > 10


def test_a_file_without_results_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="holds no strain results"):
        list(result_messages(write_press(tmp_path / "press.h5")))
