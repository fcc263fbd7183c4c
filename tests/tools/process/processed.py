"""`musse-stream process` within the test process, and what its file holds."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray
from typer.testing import CliRunner

from tools.cli import app

MAPS = ("axial_strain", "strain_std", "axial_displacement", "lateral_displacement")


def process(recording: Path, output: Path, *options: str) -> str:
    if "--config" not in options:  # a few small frames: all of each, and neighbours as pairs
        options = (*options, "--config", "fine")
    arguments = ["process", str(recording), "--output", str(output), *options]
    result = CliRunner().invoke(app, arguments)
    if result.exception is not None:
        raise result.exception
    return result.output


def contents(path: Path) -> dict[str, Any]:
    with h5py.File(path) as file:
        arrays = {name: item[()] for name, item in file.items() if isinstance(item, h5py.Dataset)}
        return arrays | {"attributes": dict(file.attrs)}


def empty(maps: NDArray[Any]) -> NDArray[np.bool_]:
    """Which rows hold no number at all."""
    return np.asarray(np.isnan(maps).all(axis=(1, 2)))
