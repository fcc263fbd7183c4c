"""docs/results.md lists every array and attribute of a result file, and no other."""

from pathlib import Path
from typing import Any

import h5py
import pytest
from typer.testing import CliRunner

from tests.docs.docs_reading import DOCS, code, tables
from tests.tools.programs import write_press
from tests.tools.tape.tapes import bmode_parts, fused_parts, strain_parts, write_parts
from tools.cli import app
from tools.convert import convert_tape
from tools.results.zea import DATA

TABLES = tables((DOCS / "results.md").read_text(encoding="utf-8"))


def listed(heading: str) -> set[str]:
    return {name for table in TABLES[heading] for row in table for name in code(row[0])}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """What `process` and what `convert` writes."""
    folder = tmp_path_factory.mktemp("results")
    press = write_press(folder / "press.h5")
    arguments = ["process", str(press), "--engine", "trivial", "--output", str(folder / "strain.h5")]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    tape = write_parts(folder / "live.mcap", [strain_parts(1), _fused(), bmode_parts(1)])
    convert_tape(tape, folder / "live.h5")
    return [folder / "strain.h5", folder / "live.h5"]


def _fused() -> list[Any]:
    return fused_parts(1, correlation_axial=2e-3, correlation_lateral=1e-3)


def test_every_array_and_attribute_is_listed(files: list[Path]) -> None:
    arrays: set[str] = set()
    attributes: set[str] = set()
    zea: set[str] = set()
    for path in files:
        with h5py.File(path) as file:
            arrays |= set(file)
            attributes |= set(file.attrs)
            file[DATA].visititems(_collect(zea))
    assert arrays == listed("Result files")
    assert attributes == listed("Where the results come from")
    assert zea == listed("In zea's layout")


def test_every_column_of_a_table_of_measurements_is_listed(files: list[Path]) -> None:
    region = '{"x": 0, "z": 8, "width": 4, "height": 4}'
    table = files[0].with_name("table.csv")
    arguments = ["measure", str(files[0]), "--regions", f'{{"a": {region}, "b": {region}}}']
    assert CliRunner().invoke(app, [*arguments, "--csv", str(table)]).exit_code == 0
    header = table.read_text(encoding="utf-8").splitlines()[0]
    assert set(header.split(",")) == listed("Tables of measurements") - {"b_mean / a_mean"}


def _collect(names: set[str]) -> Any:
    def collect(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            names.add(name)

    return collect


def test_every_array_with_a_unit_states_it_in_the_file(files: list[Path]) -> None:
    stated = {name: row[2] for row in TABLES["Result files"][0] for name in code(row[0]) if row[2]}
    for path in files:
        with h5py.File(path) as file:
            without = {n for n in stated.keys() & set(file) if n != "tracks" and "unit" not in file[n].attrs}
            assert without <= {"quality", "predicted_snre", "median_ncc"}
