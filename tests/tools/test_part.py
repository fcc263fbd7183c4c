"""A file in the making leaves nothing behind, whenever the work is broken off."""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import h5py
import pytest

from tools.errors import RecordingError
from tools.formats import Acquisition, write_recording
from tools.part import PartFile, check_output, writing
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


def test_a_part_that_is_there_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "a.h5.part").write_text("of a process that was killed")
    part = PartFile(tmp_path / "a.h5")
    part.open().attrs["number"] = 1
    part.keep()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.h5", "a.h5.part"]
    assert (tmp_path / "a.h5.part").read_text() == "of a process that was killed"


@pytest.mark.parametrize("kind", ["folder", "held open"])
def test_a_complete_file_that_cannot_be_named_is_kept_aside(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = PartFile(tmp_path / "a.h5", overwrite=True)
    part.open().attrs["number"] = 1
    if kind == "folder":  # made while the file was written
        (tmp_path / "a.h5").mkdir()
    else:
        monkeypatch.setattr(Path, "replace", _held_open)
    with pytest.raises(RecordingError, match=r"a\.h5\.part is complete but could not be named a\.h5"):
        part.keep()
    part.drop()
    with h5py.File(tmp_path / "a.h5.part") as file:
        assert file.attrs["number"] == 1


@pytest.mark.parametrize("links", [True, False], ids=["hard links", "none"])
def test_a_file_that_came_meanwhile_is_not_replaced(
    links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not links:
        monkeypatch.setattr(Path, "hardlink_to", _no_links)
    alone = PartFile(tmp_path / "alone.h5")
    alone.open().attrs["number"] = 1
    alone.keep()
    part = PartFile(tmp_path / "a.h5")
    part.open().attrs["number"] = 1
    (tmp_path / "a.h5").write_text("of another program")
    with pytest.raises(RecordingError, match=r"a\.h5\.part is complete.*another program has made"):
        part.keep()
    part.drop()
    refused = pytest.raises(RecordingError, match="another program has made")
    with refused, writing(tmp_path / "b.csv", overwrite=False) as table:
        table.write_text("whole")
        (tmp_path / "b.csv").write_text("of another program")
    assert table.read_text() == "whole"
    assert {(tmp_path / name).read_text() for name in ("a.h5", "b.csv")} == {"of another program"}
    names = {"alone.h5", "a.h5", "a.h5.part", "b.csv", table.name}
    assert {path.name for path in tmp_path.iterdir()} == names
    for name in ("alone.h5", "a.h5.part"):
        with h5py.File(tmp_path / name) as file:
            assert file.attrs["number"] == 1


def _no_links(self: Path, target: Path) -> None:
    raise PermissionError(1, "Operation not permitted", str(self))


def _held_open(self: Path, target: Path) -> Path:
    raise PermissionError(13, "The process cannot access the file", str(self), 32, str(target))


def test_an_output_that_must_not_be_written_is_refused(tmp_path: Path) -> None:
    source, link = tmp_path / "a.h5", tmp_path / "b.h5"
    source.write_text("precious")
    link.symlink_to(source)
    check_output(tmp_path / "new.h5", overwrite=False, inputs=[source])
    with pytest.raises(RecordingError, match="exists"):
        check_output(source, overwrite=False)
    check_output(source, overwrite=True, inputs=[tmp_path / "new.h5"])
    for path in (source, link):
        with pytest.raises(RecordingError, match="is the input itself"):
            check_output(path, overwrite=True, inputs=[source])
    with pytest.raises(RecordingError, match="is a folder"):
        check_output(tmp_path, overwrite=True)
    with pytest.raises(RecordingError, match=r"there is no folder .*missing; make it first"):
        check_output(tmp_path / "missing" / "new.h5", overwrite=True, inputs=[None])


def test_a_complete_figure_that_cannot_be_named_is_kept_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "replace", _held_open)
    refused = pytest.raises(RecordingError, match=r"is complete but could not be named a\.pdf")
    with refused, writing(tmp_path / "a.pdf") as part:
        part.write_text("whole")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["whole"]


@pytest.mark.parametrize("failure", [KeyboardInterrupt, OSError, ValueError])
def test_a_file_keeps_what_it_held_until_the_new_one_is_complete(
    failure: type[BaseException], tmp_path: Path
) -> None:
    path, link = tmp_path / "a.gif", tmp_path / "b.gif"
    path.write_text("before")
    link.symlink_to(path)
    with pytest.raises((failure, RecordingError)), writing(link) as part:  # noqa: PT012 - raised inside
        part.write_text("half")
        assert (part.suffix, path.read_text()) == (".gif", "before")
        raise failure
    assert (path.read_text(), sorted(tmp_path.iterdir())) == ("before", [path, link])
    with writing(link) as part:
        part.write_text("after")
    assert (path.read_text(), link.is_symlink(), len(list(tmp_path.iterdir()))) == ("after", True, 2)


def test_what_is_no_file_is_written_to_and_never_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    with writing(pipe) as part:
        assert part == pipe
    assert pipe.is_fifo()
