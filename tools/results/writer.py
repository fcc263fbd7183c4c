"""Strain results in a file: one row per pair, rejected pairs all NaN. HDF5 or .npz, by the name's ending.

docs/results.md describes the file. In an .npz attributes and units are arrays, attribute_* and unit_*, and
zea's groups are left out.
"""

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import h5py
import numpy as np
from numpy.typing import NDArray

from streamer.fusing import FusedMessage
from streamer.headers import BmodeHeader, Grid, StrainHeader
from tools.errors import RecordingError
from tools.part import PartFile, check_output, write_failure
from tools.results.layout import (
    FUSED,
    INTEGERS,
    LENGTHS,
    NO_PRE,
    NO_TIME,
    SCALARS,
    TEXTS,
    UNITS,
    described,
)
from tools.results.zea import ZeaMaps

SUFFIXES: Final = (".h5", ".hdf5", ".npz")


class _Stack:
    """Maps of one grid in an open file, one row per pair; rows that nobody writes are NaN."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        self.grid: Grid | None = None
        self._shape = (0, 0)

    def write(self, file: h5py.File, row: int, grid: Grid, maps: Mapping[str, NDArray[Any]]) -> None:
        """Write one map of each name; the first ones settle the grid."""
        if self.grid is None:
            self.grid = grid
            n_rows, n_cols = next(iter(maps.values())).shape
            self._shape = (n_rows, n_cols)
            for name in self.names:
                file.create_dataset(
                    name, (0, *self._shape), np.float32, maxshape=(None, *self._shape),
                    chunks=(1, *self._shape), compression="lzf", fillvalue=np.nan,
                )  # fmt: skip
        for name in self.names:
            dataset = file[name]
            dataset.resize(row + 1, axis=0)  # rows in between take the fill value
            dataset[row] = maps[name]

    def fits(self, grid: Grid, maps: Mapping[str, NDArray[Any]]) -> bool:
        """Whether these maps lie where those before do."""
        shapes = {maps[name].shape for name in self.names}
        return self.grid is None or (grid == self.grid and shapes == {self._shape})

    def finish(self, file: h5py.File, n_pairs: int) -> None:
        """Give every array one row per pair."""
        for name in self.names:
            if self.grid is not None:
                file[name].resize(n_pairs, axis=0)
            else:
                file.create_dataset(name, (n_pairs, 0, 0), np.float32)

    def positions(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Where rows and columns lie; empty where no pair held values."""
        if self.grid is None:
            return np.empty(0), np.empty(0)
        grid, (n_rows, n_cols) = self.grid, self._shape
        return (
            grid.axial_start + grid.axial_step * np.arange(n_rows),
            grid.lateral_start + grid.lateral_step * np.arange(n_cols),
        )


class ResultWriter:
    """Strain results being written; appears under its name only when complete. One thread.

    `maps` names the arrays of every pair that holds values, `fused`: whether the fused images are kept
    too, `provenance` are the attributes of `tools.results.provenance`. Raises RecordingError where the file
    exists or cannot be written, its ending is unknown, or a later pair does not fit those before; DiskFull.
    """

    def __init__(
        self,
        path: Path,
        maps: tuple[str, ...],
        *,
        fused: bool = False,
        provenance: Mapping[str, Any] | None = None,
        overwrite: bool = False,
    ) -> None:
        if path.suffix not in SUFFIXES:
            raise RecordingError(f"{path}: results are written as .h5 or .npz")
        check_output(path, overwrite=overwrite)
        self.path = path
        self.n_pairs = 0
        self._scalars = (*SCALARS, "effective_pairs") if fused else SCALARS
        self._columns: dict[str, list[Any]] = {name: [] for name in (*INTEGERS, *self._scalars, *TEXTS)}
        self._attributes: dict[str, Any] = {}
        self._provenance = dict(provenance or {})
        self._sessions: dict[str, str] = {}
        # maps wait on disk, not in memory: an hour of strain has tens of gigabytes
        self._part = PartFile(path, overwrite=overwrite)
        self._strain = _Stack(maps)
        self._fused = _Stack(FUSED) if fused else None
        self._zea = ZeaMaps() if path.suffix != ".npz" else None

    def fits(self, header: StrainHeader, maps: Mapping[str, NDArray[Any]]) -> bool:
        """Whether this pair was made as those before: same grid, engine, windows and region."""
        if header.grid is None or self._strain.grid is None:
            return True
        return self._strain.fits(header.grid, maps) and described(header) == self._attributes

    def append(
        self,
        header: StrainHeader,
        maps: Mapping[str, NDArray[Any]],
        fused: FusedMessage | None = None,
        bmode: tuple[BmodeHeader, NDArray[Any]] | None = None,
    ) -> None:
        """Add one pair.

        `maps` is empty for a rejected one, `fused` None where the pair adds nothing; `bmode` is that of the
        post frame, (rows, cols) uint8.
        """
        if not self.fits(header, maps):
            raise RecordingError(
                f"{self.path}: pair {header.pre_index}-{header.post_index} lies on another grid than those "
                "before, or was made otherwise: the acquisition changed; write it to a file of its own"
            )
        try:
            self._write_maps(header, maps, fused, bmode)
        except (OSError, RuntimeError) as error:
            self._part.check()
            raise RecordingError(f"cannot write {self.path}: {error}") from error
        self._part.check()
        columns = self._columns
        columns["pre_index"].append(NO_PRE if header.pre_index is None else header.pre_index)
        columns["post_index"].append(header.post_index)
        columns["t_acq"].append(NO_TIME if header.t_acq is None else header.t_acq)
        # its number, not its text, which the sender may have taken from anywhere
        session = self._sessions.setdefault(header.session_id, str(len(self._sessions)))
        columns["session_id"].append(session)
        columns["rejection"].append(header.rejection or "")
        for name in SCALARS:
            value = getattr(header, name)
            columns[name].append(np.nan if value is None else value)
        if self._fused is not None:
            columns["effective_pairs"].append(np.nan if fused is None else fused.header.effective_pairs)
        self._attributes = self._attributes or described(header)
        self.n_pairs += 1

    def _write_maps(
        self,
        header: StrainHeader,
        maps: Mapping[str, NDArray[Any]],
        fused: FusedMessage | None,
        bmode: tuple[BmodeHeader, NDArray[Any]] | None,
    ) -> None:
        if header.grid is not None:
            if self._strain.grid is None:
                self._attributes = described(header)
            self._strain.write(self._file, self.n_pairs, header.grid, maps)
            if self._zea is not None:
                self._zea.strain(self._file, self.n_pairs, header.grid, maps["axial_strain"])
        if self._fused is not None and fused is not None:
            arrays = dict(zip(FUSED, fused.arrays, strict=True))
            self._fused.write(self._file, self.n_pairs, fused.header.grid, arrays)
            lengths = {name: getattr(fused.header, name) for name in LENGTHS}
            self._provenance |= {name: value for name, value in lengths.items() if value is not None}
        if self._zea is not None and bmode is not None:
            self._zea.image(self._file, self.n_pairs, *bmode)

    def add(self, **attributes: Any) -> None:
        """Further attributes, known only after the pairs were computed."""
        self._provenance |= attributes

    def __enter__(self) -> Self:
        self._file = self._part.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._finish()
                self._part.keep()
        except OSError as failure:
            self._part.check()
            raise write_failure(failure, self.path) from failure
        finally:
            self._part.drop()  # nothing is left of it where it was kept

    def _finish(self) -> None:
        stacks = {"": self._strain} | ({} if self._fused is None else {"fused_": self._fused})
        columns: dict[str, NDArray[Any]] = {
            name: np.asarray(values, np.int64 if name in INTEGERS else np.float64)
            for name, values in self._columns.items()
            if name not in TEXTS
        }
        for prefix, stack in stacks.items():
            stack.finish(self._file, self.n_pairs)
            axial, lateral = stack.positions()
            columns |= {f"{prefix}axial_position": axial, f"{prefix}lateral_position": lateral}
        if self.path.suffix == ".npz":
            self._pack([name for stack in stacks.values() for name in stack.names], columns)
            return
        for name, values in columns.items():
            self._file[name] = values
        for name in TEXTS:
            self._file.create_dataset(name, data=self._columns[name], dtype=h5py.string_dtype())
        for name, unit in UNITS.items():
            if name in self._file:
                self._file[name].attrs["unit"] = unit
        self._file.attrs.update(self._attributes | self._provenance)
        if self._zea is not None:
            self._zea.finish(self._file, self.n_pairs)

    def _pack(self, names: list[str], columns: dict[str, NDArray[Any]]) -> None:
        """Put everything into an .npz in place of the HDF5 file that the maps were waiting in."""
        arrays = columns | {name: self._file[name][:] for name in names}
        units = {f"unit_{name}": np.asarray(unit) for name, unit in UNITS.items() if name in arrays}
        texts = {name: np.asarray(self._columns[name], np.str_) for name in TEXTS}
        attributes = self._attributes | self._provenance
        about = {f"attribute_{name}": np.asarray(value) for name, value in attributes.items()}
        with self._part.replace_content() as packed:
            np.savez_compressed(packed, allow_pickle=False, **arrays, **texts, **about, **units)
