"""A recording's SHA-256 covers every file that its samples or constants come from."""

from pathlib import Path

import pytest

from tools.results.provenance import sha256
from tools.results.sources import files_of

HEADERS = [
    ("a.mhd", "ObjectType = Image\nElementDataFile = a.raw\n", ["a.raw"]),
    ("a.nhdr", "NRRD0004\ntype: short\ndata file: a.raw\n", ["a.raw"]),
    ("a.nhdr", "NRRD0004\nDatafile: a.raw\r\n\r\n", ["a.raw"]),
    ("a.nhdr", "NRRD0004\ndata file: LIST\na.raw\nb.raw\n", ["a.raw", "b.raw"]),
    ("a.nhdr", "NRRD0004\ndata file: LIST 2\na.raw\nb.raw\n", ["a.raw", "b.raw"]),
    ("a.nhdr", "NRRD0004\ndata file: f%02d.raw 1 3 2\n", ["f01.raw", "f03.raw"]),
]


@pytest.mark.parametrize(("name", "header", "data"), HEADERS)
def test_a_header_and_its_data_files(tmp_path: Path, name: str, header: str, data: list[str]) -> None:
    (tmp_path / name).write_text(header)
    for number, part in enumerate(data):
        (tmp_path / part).write_bytes(bytes([number]) * 64)
    assert files_of(tmp_path / name) == [tmp_path / name, *(tmp_path / part for part in data)]
    before = sha256(tmp_path / name)
    for part in data:  # a change of any of them is another recording
        kept = (tmp_path / part).read_bytes()
        (tmp_path / part).write_bytes(b"x" + kept[1:])
        assert sha256(tmp_path / name) != before
        (tmp_path / part).write_bytes(kept)
    assert sha256(tmp_path / name) == before


@pytest.mark.parametrize("name", ["scan_rf.raw", "scan_rf.raw.lzo"])
def test_clarius_data_and_their_description(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(bytes(64))
    (tmp_path / "scan_rf.yml").write_text("sampling rate: 20 MHz\n")
    before = sha256(tmp_path / name)
    (tmp_path / "scan_rf.yml").write_text("sampling rate: 40 MHz\n")
    assert sha256(tmp_path / name) != before


def test_one_file_is_one_file(tmp_path: Path) -> None:
    for name in ("a.mha", "a.nrrd", "a.h5"):
        (tmp_path / name).write_bytes(b"ElementDataFile = LOCAL\n")
        assert files_of(tmp_path / name) == [tmp_path / name]
    (tmp_path / "a.mhd").write_text("ElementDataFile = missing.raw\n")
    assert files_of(tmp_path / "a.mhd") == [tmp_path / "a.mhd"]
