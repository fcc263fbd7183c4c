"""Strain results in a file: one row per pair, rejected pairs all NaN. HDF5 or .npz, by the name's ending.

Layout, format_version 1 (attributes of the file; in .npz one array per name):
    axial_strain, strain_std              (pairs, rows, cols) float32, dimensionless, compression negative
    axial_displacement,                   (pairs, rows, cols) float32, metres, post minus pre; only where the
    lateral_displacement                  file was made by `process`
    pre_index, post_index                 (pairs,) int64 frame numbers; pre -1: the pair had no pre frame
    rejection                             (pairs,) text, '' where the pair holds values
    mean_strain, quality, predicted_snre, interval                (pairs,) float64, NaN where unknown
    axial_position, lateral_position      (rows,) and (cols,) float64, metres (lateral: rad for curved probes)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import h5py
import numpy as np
from numpy.typing import NDArray

from engine.factory import resolve
from streamer.config import Config
from streamer.headers import Grid, StrainHeader
from tools.errors import RecordingError

FORMAT: Final = "musse-strain"
FORMAT_VERSION: Final = 1
NO_PRE: Final = -1
_SCALARS: Final = ("mean_strain", "quality", "predicted_snre", "interval")
_UNITS: Final = {
    "axial_strain": "1, du/dz, negative in compression",
    "strain_std": "1, standard deviation of axial_strain",
    "axial_displacement": "m, post minus pre, positive away from the probe",
    "lateral_displacement": "m (rad for curved probes), post minus pre, positive towards the last line",
    "mean_strain": "1, median of the confident pixels, negative in compression",
    "interval": "s from pre to post",
    "axial_position": "m below the probe",
    "lateral_position": "m (rad for curved probes) from the middle of the probe",
}


class ResultWriter:
    """Strain results being written; appears under its name only when complete. One thread.

    `maps` names the arrays of every pair that holds values. Raises RecordingError where the file exists, its
    ending is unknown, or a later pair lies on another grid.
    """

    def __init__(self, path: Path, maps: tuple[str, ...], *, overwrite: bool = False) -> None:
        if path.suffix not in (".h5", ".hdf5", ".npz"):
            raise RecordingError(f"{path}: results are written as .h5 or .npz")
        if path.exists() and not overwrite:
            raise RecordingError(f"{path} exists: choose another name or use --overwrite")
        self.path = path
        self.n_pairs = 0
        self._names = maps
        self._grid: Grid | None = None
        self._rows: dict[str, list[Any]] = {
            name: [] for name in ("pre_index", "post_index", "rejection", *_SCALARS)
        }
        self._attributes: dict[str, Any] = {}
        self._shape = (0, 0)
        self._valid_rows: list[int] = []
        # maps wait on disk, not in memory: an hour of strain has tens of gigabytes
        self._part = path.with_name(path.name + ".part")
        try:
            self._file = h5py.File(self._part, "w")
        except OSError as error:
            raise RecordingError(f"cannot write {path}: {error}") from error

    def append(self, header: StrainHeader, maps: Mapping[str, NDArray[Any]]) -> None:
        """Add one pair; `maps` is empty for a rejected one."""
        if header.grid is not None:
            self._settle_grid(header, next(iter(maps.values())).shape)
            for name in self._names:
                dataset = self._file[name]
                dataset.resize(self.n_pairs + 1, axis=0)  # rows in between take the fill value, NaN
                dataset[self.n_pairs] = maps[name]
        rows = self._rows
        rows["pre_index"].append(NO_PRE if header.pre_index is None else header.pre_index)
        rows["post_index"].append(header.post_index)
        rows["rejection"].append(header.rejection or "")
        for name in _SCALARS:
            value = getattr(header, name)
            rows[name].append(np.nan if value is None else value)
        if not self._attributes:
            self._attributes = _described(header)
        self.n_pairs += 1

    def _settle_grid(self, header: StrainHeader, shape: tuple[int, ...]) -> None:
        if self._grid is None:
            self._grid, self._attributes = header.grid, _described(header)
            for name in self._names:
                self._file.create_dataset(
                    name,
                    (0, *shape),
                    np.float32,
                    maxshape=(None, *shape),
                    chunks=(1, *shape),
                    compression="lzf",
                    fillvalue=np.nan,
                )
            self._shape = (shape[0], shape[1])
        elif header.grid != self._grid or shape != self._shape:
            raise RecordingError(
                f"{self.path}: pair {header.pre_index}-{header.post_index} lies on another grid than those "
                "before: the acquisition changed; write it to a file of its own"
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._finish()
        finally:
            self._file.close()
            if error is None and self.path.suffix != ".npz":
                self._part.replace(self.path)
            else:
                self._part.unlink()

    def _finish(self) -> None:
        for name in self._names:
            if name in self._file:
                self._file[name].resize(self.n_pairs, axis=0)
            else:
                self._file.create_dataset(name, (self.n_pairs, 0, 0), np.float32)
        columns: dict[str, NDArray[Any]] = {
            name: np.asarray(values, np.int64 if name.endswith("_index") else None)
            for name, values in self._rows.items()
            if name != "rejection"
        }
        if self._grid is not None:
            grid, (n_rows, n_cols) = self._grid, self._shape
            columns["axial_position"] = grid.axial_start + grid.axial_step * np.arange(n_rows)
            columns["lateral_position"] = grid.lateral_start + grid.lateral_step * np.arange(n_cols)
        if self.path.suffix == ".npz":
            self._finish_npz(columns)
            return
        for name, values in columns.items():
            self._file[name] = values
        self._file.create_dataset("rejection", data=self._rows["rejection"], dtype=h5py.string_dtype())
        for name, unit in _UNITS.items():
            if name in self._file:
                self._file[name].attrs["unit"] = unit
        self._file.attrs.update(self._attributes)

    def _finish_npz(self, columns: dict[str, NDArray[Any]]) -> None:
        maps = {name: self._file[name][:] for name in self._names}
        about = {f"attribute_{name}": np.asarray(value) for name, value in self._attributes.items()}
        units = {
            f"unit_{name}": np.asarray(unit) for name, unit in _UNITS.items() if name in {*maps, *columns}
        }
        rejection = np.asarray(self._rows["rejection"], np.str_)
        try:
            np.savez_compressed(
                self.path, allow_pickle=False, **maps, **columns, rejection=rejection, **about, **units
            )
        except BaseException:
            self.path.unlink(missing_ok=True)
            raise


@dataclass(frozen=True, slots=True)
class RecordedPair:
    """One row of a result file, as far as it is needed to compute it again."""

    pre_index: int | None
    post_index: int
    rejection: str | None


def read_pairs(path: Path) -> tuple[list[RecordedPair], dict[str, Any]]:
    """The pairs of a result file in their order, and the file's attributes.

    Raises RecordingError for a file that is no result of this project.
    """
    try:
        with h5py.File(path, "r") as file:
            attributes = dict(file.attrs)
            if attributes.get("format") != FORMAT:
                raise RecordingError(
                    f"{path} holds no strain results; give a file made by `record` or `process`"
                )
            columns = file["pre_index"][:], file["post_index"][:], file["rejection"].asstr()[:]
    except (OSError, KeyError) as error:
        raise RecordingError(f"{path} cannot be read as an .h5 of strain results: {error}") from error
    pairs = [
        RecordedPair(None if pre == NO_PRE else int(pre), int(post), reason or None)
        for pre, post, reason in zip(*columns, strict=True)
    ]
    return pairs, attributes


def same_settings(attributes: Mapping[str, Any], config: Config, path: Path) -> None:
    """Raise RecordingError where results were made with another engine or windows than `config` says."""
    wanted = {
        "engine": resolve(config.engine.name)[0],
        "axial_window": config.engine.axial_window * 1e-3,
        "lateral_window": config.engine.lateral_window * 1e-3,
    }
    different = [
        f"{name} {attributes.get(name)} there, {value} here"
        for name, value in wanted.items()
        if attributes.get(name) != value
    ]
    if different:
        raise RecordingError(f"{path} was made with other settings: {'; '.join(different)}")


def _described(header: StrainHeader) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "musse_stream_version": version("musse-stream"),
        "source_id": header.source_id,
        "strain_unit": header.strain_unit,
        "strain_sign": header.strain_sign,
        "engine": header.engine,
        "precision": header.precision,
        "model_hash": header.model_hash or "",
        "axial_window": header.axial_window,
        "lateral_window": header.lateral_window,
        "window_unit": "m",
        "assumed": "\n".join(header.assumed),
        "versions": _versions(),
    }


def _versions() -> str:
    names = ("numpy", "scipy", "torch")
    return ", ".join(f"{name} {version(name)}" for name in names)
