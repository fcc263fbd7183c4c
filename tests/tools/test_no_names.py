"""No name of a person reaches a result or a tape: planted where one may stand, searched everywhere."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

from tests.echo_frames import STRAIN, echoes, rf_header
from tests.tools.programs import STEPS
from tests.tools.recorder import Recording, Sender
from tests.tools.tape.tapes import strain_parts, write_parts
from tools.cli import app
from tools.formats import Acquisition, write_recording

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
    return any(NAME in text for text in found)


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


def test_convert_of_a_tape_writes_no_name(folder: Path, tmp_path: Path) -> None:
    sent = [strain_parts(index, session_id=NAME, assumed=(NOTE, NAME)) for index in range(2)]
    tape = write_parts(folder / f"{NAME}.mcap", sent)
    assert CliRunner().invoke(app, ["convert", str(tape), str(tmp_path / "live.h5")]).exit_code == 0
    assert not hold_the_name(tmp_path / "live.h5")
    assert hold_the_name(tape)  # a tape keeps what came on the wire, whole


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
