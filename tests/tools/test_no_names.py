"""No name of a person reaches a result or a tape: planted where one may stand, searched everywhere."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

from tests.echo_frames import STRAIN, echoes, rf_header
from tests.tools.display.display_messages import fused_message, received, status_message, strain_message
from tests.tools.measure.test_measure import REGIONS, image
from tests.tools.programs import STEPS
from tests.tools.recorder import Recording, Sender
from tests.tools.tape.tapes import rf_parts, strain_parts, write_parts
from tools.cli import app
from tools.display.hand import Hand
from tools.display.options import DisplayOptions
from tools.display.png import png_text
from tools.display.render import render
from tools.display.state import DisplayState
from tools.display.text import draw_text
from tools.export.figure import write_figure
from tools.export.movie import write_movie
from tools.formats import Acquisition, open_recording, write_recording
from tools.measure.ratio import as_row, measure
from tools.measure.table import to_csv, to_json

NAME = "Quillfeather"
NOTE = f"sound_speed: as stated by {NAME}"


def hold_the_name(path: Path) -> bool:
    """Whether the name stands anywhere in the file, compressed arrays of text included."""
    found = [path.read_bytes().decode("latin-1")]
    if path.suffix == ".h5":
        with h5py.File(path) as file:
            file.visititems(lambda name, item: found.append(f"{name} {dict(item.attrs)}"))
            arrays = [item for item in file.values() if isinstance(item, h5py.Dataset)]
            found += [str(item[()]) for item in arrays if h5py.check_string_dtype(item.dtype)]
    elif path.suffix == ".npz":
        with np.load(path) as packed:
            found += [str(packed[name]) for name in packed.files if packed[name].dtype.kind == "U"]
    return any(NAME.lower() in text.lower() for text in found)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, a user and a home of that name."""
    for variable in ("USER", "LOGNAME", "USERNAME", "HOSTNAME"):
        monkeypatch.setenv(variable, NAME)
    home = tmp_path / NAME
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    return home


def planted_recording(path: Path) -> Path:
    """The project's own HDF5 with the name in its file name and in every free text."""
    acquisition = Acquisition.from_header(rf_header(0, assumed=(NOTE,), orientation=NAME[:16]))
    with write_recording(path, acquisition) as recording:
        for index, step in enumerate(STEPS):
            status = NAME if index == 7 else "OK"
            recording.append(
                echoes(STRAIN * step), t_acq=index * 20_000_000, frame_index=index, status=status
            )
    with h5py.File(path, "a") as file:
        file.attrs["patient_name"] = file["rf"].attrs["comment"] = NAME
        file["operator"] = NAME
    return path


@pytest.mark.parametrize("output", ["strain.h5", "strain.npz"])
def test_process_writes_no_name(folder: Path, tmp_path: Path, output: str) -> None:
    source = planted_recording(folder / f"{NAME}.h5")
    config = folder / f"{NAME}.toml"
    config.write_text(f"# of {NAME}\n[engine]\nname = 'trivial'\n")
    arguments = ["process", str(source), "--output", str(tmp_path / output), "--config", str(config)]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    assert not hold_the_name(tmp_path / output)
    assert hold_the_name(source)  # the control: the search finds it where it is


@pytest.mark.parametrize("output", ["scan.h5", "scan.mha", "scan.hdf5"])
def test_convert_of_a_recording_writes_no_name(folder: Path, tmp_path: Path, output: str) -> None:
    source = planted_recording(folder / f"{NAME}.h5")
    layout = ["--layout", "zea"] if output.endswith(".hdf5") else []
    arguments = ["convert", str(source), str(tmp_path / output), "--no-names", *layout]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert not hold_the_name(tmp_path / output)
    if not layout:
        with open_recording(tmp_path / output) as recording:
            assert recording.status[6:8] == ("OK", "unusable")
            assert [text.partition(":")[0] for text in recording.assumed][:1] == ["sound_speed"]


def test_convert_of_a_tape_writes_no_name(folder: Path, tmp_path: Path) -> None:
    named: dict[str, Any] = {"session_id": NAME, "source_id": NAME.lower()}
    sent = [strain_parts(index, assumed=(NOTE, NAME), **named) for index in range(2)]
    rf = [rf_parts(index, assumed=(NOTE,), orientation=NAME[:16], status=NAME, **named) for index in range(2)]
    tape = write_parts(folder / f"{NAME}.mcap", [*sent, *rf])
    for output, what in (("live.h5", []), ("rf.h5", ["--what", "rf"]), ("rf.mha", ["--what", "rf"])):
        arguments = ["convert", str(tape), str(tmp_path / output), "--no-names", *what]
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, result.output
        assert not hold_the_name(tmp_path / output), output
    assert hold_the_name(tape)  # a tape keeps what came on the wire, whole


def test_a_saved_window_holds_no_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []

    def note(image: Any, text: str, *arguments: Any, **options: Any) -> int:
        drawn.append(text)
        return draw_text(image, text, *arguments, **options)

    for module in ("render", "panels", "readouts"):
        monkeypatch.setattr(f"tools.display.{module}.draw_text", note)
    state = DisplayState(DisplayOptions(save_folder=folder), address="tcp://127.0.0.1:9", now=0.0)
    planted: dict[str, Any] = {"source_id": NAME.lower(), "session_id": NAME, "assumed": (NOTE,)}
    other = status_message(source_id=f"{NAME.lower()}-2")
    state.update(received(strain_message(**planted), fused_message(**planted), other), 0.0)
    state.emit(f"saved a.mcap in {folder}", 0.0)
    view = state.view(0.0)
    render(view)
    assert any(NAME.lower() in text.lower() for text in drawn)  # the control: on the screen it stands
    drawn.clear()
    hand: Any = Hand(state)
    hand.press(["s"], view, np.zeros((720, 1280, 3), np.uint8), None)
    (saved,) = folder.glob("musse-*.png")
    assert drawn
    assert not any(NAME.lower() in text.lower() for text in drawn)
    assert not hold_the_name(saved)
    assert "sound_speed" in png_text(saved)["Settings"]


@pytest.mark.parametrize("ending", [".svg", ".pdf", ".webm"])
def test_a_figure_and_a_movie_hold_no_name(folder: Path, tmp_path: Path, ending: str) -> None:
    frames = [replace(image(frame_index=n, time=n / 10), session_id=NAME) for n in range(3)]
    path = tmp_path / f"a{ending}"
    if ending == ".webm":
        write_movie(frames, path, DisplayOptions())
    else:
        write_figure(frames[0], path, DisplayOptions())
    assert not hold_the_name(path)


def test_rows_of_a_measurement_hold_no_name(folder: Path, tmp_path: Path) -> None:
    frame = replace(image(), session_id=NAME)
    row = as_row(measure(frame, REGIONS), REGIONS)
    (tmp_path / "a.csv").write_text(to_csv([row]))
    (tmp_path / "a.json").write_text(to_json([row], {}))
    assert not hold_the_name(tmp_path / "a.csv")
    assert not hold_the_name(tmp_path / "a.json")


def test_a_tape_holds_no_name_that_was_not_on_the_wire(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    sender = Sender()
    try:
        recording = Recording("rf", sender, folder / f"{NAME}.mcap", count=1)
        sender.frame(0)
        recording.end()
    finally:
        sender.close()
    assert not hold_the_name(folder / f"{NAME}.mcap")
