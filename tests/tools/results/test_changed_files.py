"""A file of results that somebody changed is refused by name, whatever its readers raise."""

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.fuzz.seeds import results
from tools.errors import RecordingError
from tools.results.description import describe_results
from tools.results.messages import result_messages
from tools.results.pairs import read_pairs


def _shorten(file: h5py.File) -> None:
    del file["pre_index"]
    file["pre_index"] = np.zeros(1, "i8")


def _no_numbers(file: h5py.File) -> None:
    file.attrs["region"] = "all of it"


def _no_text(file: h5py.File) -> None:
    del file["rejection"]
    file["rejection"] = np.zeros(3)


@pytest.mark.parametrize(
    ("change", "read"),
    [
        (_shorten, read_pairs),
        (_no_numbers, lambda path: list(result_messages(path))),
        (_no_text, describe_results),
    ],
)
def test_it_is_refused(
    tmp_path: Path, change: Callable[[h5py.File], None], read: Callable[[Path], object]
) -> None:
    path = tmp_path / "a.h5"
    path.write_bytes(results(tmp_path))
    read(path)
    with h5py.File(path, "r+") as file:
        change(file)
    with pytest.raises(RecordingError, match=r"a\.h5"):
        read(path)
