"""A file in the making leaves nothing behind, whenever the work is broken off."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import h5py
import pytest

from tools.formats import Acquisition, write_recording
from tools.part import PartFile
from tools.results.writer import ResultWriter

CONSTANTS = Acquisition(sampling_frequency=40e6, center_frequency=5e6, probe_type="linear", line_pitch=0.3e-3)
WRITERS: dict[str, Callable[[Path], AbstractContextManager[Any]]] = {
    "recording": lambda path: write_recording(path, CONSTANTS),
    "results": lambda path: ResultWriter(path, ("axial_strain",)),
}


@pytest.mark.parametrize("kind", WRITERS)
def test_ctrl_c_while_the_file_is_created_leaves_none(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = h5py.File

    def interrupted(*arguments: Any) -> h5py.File:
        create(*arguments).close()
        assert list(tmp_path.iterdir())
        raise KeyboardInterrupt

    monkeypatch.setattr(h5py, "File", interrupted)
    with pytest.raises(KeyboardInterrupt), WRITERS[kind](tmp_path / "a.h5"):
        pytest.fail("entered")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", WRITERS)
def test_ctrl_c_before_anything_was_written_leaves_none(kind: str, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), WRITERS[kind](tmp_path / "a.h5"):  # noqa: PT012 - raised inside
        assert list(tmp_path.iterdir())
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


def test_a_kept_file_has_its_name_and_a_dropped_one_spares_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "a.h5"
    part = PartFile(target)
    part.open().attrs["number"] = 1
    assert not target.exists()
    part.keep()
    part.drop()
    again = PartFile(target)
    again.open().attrs["number"] = 2
    again.drop()
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5"]
    with h5py.File(target) as file:
        assert file.attrs["number"] == 1
