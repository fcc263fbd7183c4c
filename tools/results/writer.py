"""Strain results in a file: one row per pair, rejected pairs all NaN. HDF5 or .npz, by the name's ending.

Layout, format_version 1 (attributes of file and arrays; in .npz they are arrays, attribute_* and unit_*; the
attributes axial_window and lateral_window are absent where the engine chooses its windows itself):
    axial_strain, strain_std              (pairs, rows, cols) float32, dimensionless, compression negative
    axial_displacement,                   (pairs, rows, cols) float32, metres, post minus pre; only where the
    lateral_displacement                  file was made by `process`
    cumulative_axial_displacement         (pairs, rows, cols) float32, metres from the frame where the scene
                                          began to post, on that frame's coordinates; only by `process`
    pre_index, post_index                 (pairs,) int64 frame numbers; pre -1: the pair had no pre frame
    session_id                            (pairs,) text; frame numbers mean something only within one session
    rejection                             (pairs,) text, '' where the pair holds values
    mean_strain, quality, predicted_snre, interval                (pairs,) float64, NaN where unknown
    axial_position, lateral_position      (rows,) and (cols,) float64, metres (lateral: rad for curved probes)

The fused image after each pair, only in files of `process`; NaN where a pair adds nothing to it:
    relative_strain, relative_std         (pairs, fused rows, fused cols) float32, 1 = the region's average
    effective_pairs                       (pairs,) float64
    fused_axial_position, fused_lateral_position                  as above
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

from engine.factory import model_hash, resolve
from streamer.config import Config
from streamer.fusing import FusedMessage
from streamer.headers import Grid, StrainHeader
from tools.errors import RecordingError
from tools.part import PartFile, check_output, write_failure

FORMAT: Final = "musse-strain"
FORMAT_VERSION: Final = 1
NO_PRE: Final = -1
_OWN_VERSION: Final = version("musse-stream")
_VERSIONS: Final = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "torch"))
_FUSED: Final = ("relative_strain", "relative_std")
_TEXTS: Final = ("session_id", "rejection")
_SCALARS: Final = ("mean_strain", "quality", "predicted_snre", "interval")
_DEPTH: Final = "m below the probe"
_ACROSS: Final = "m (rad for curved probes) from the middle of the probe"
_UNITS: Final = {
    "axial_strain": "1, du/dz, negative in compression",
    "strain_std": "1, standard deviation of axial_strain",
    "axial_displacement": "m, post minus pre, positive away from the probe",
    "lateral_displacement": "m (rad for curved probes), post minus pre, positive towards the last line",
    "cumulative_axial_displacement": (
        "m, from the first pre frame after a pair without one, or whose frames did not match, to post; "
        "on that first frame's coordinates"
    ),
    "mean_strain": "1, median of the confident pixels, negative in compression",
    "interval": "s from pre to post",
    "axial_position": _DEPTH,
    "lateral_position": _ACROSS,
    "relative_strain": "1, strain over its signed median: 1 = average, below 1 harder, in press and release",
    "relative_std": "1, standard deviation of relative_strain",
    "effective_pairs": "1, how many equally weighted pairs the fused image is worth",
    "fused_axial_position": _DEPTH,
    "fused_lateral_position": _ACROSS,
}


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

    `maps` names the arrays of every pair that holds values, `fused` says whether the fused images are kept
    too. Raises RecordingError where the file exists or cannot be written, its ending is unknown, or a later
    pair does not fit those before.
    """

    def __init__(
        self, path: Path, maps: tuple[str, ...], *, fused: bool = False, overwrite: bool = False
    ) -> None:
        if path.suffix not in (".h5", ".hdf5", ".npz"):
            raise RecordingError(f"{path}: results are written as .h5 or .npz")
        check_output(path, overwrite=overwrite)
        self.path = path
        self.n_pairs = 0
        scalars = (*_SCALARS, "effective_pairs") if fused else _SCALARS
        self._columns: dict[str, list[Any]] = {
            name: [] for name in ("pre_index", "post_index", *scalars, *_TEXTS)
        }
        self._attributes: dict[str, Any] = {}
        # maps wait on disk, not in memory: an hour of strain has tens of gigabytes
        self._part = PartFile(path)
        self._strain = _Stack(maps)
        self._fused = _Stack(_FUSED) if fused else None

    def fits(self, header: StrainHeader, maps: Mapping[str, NDArray[Any]]) -> bool:
        """Whether this pair was made as those before: same grid, engine, windows and region."""
        if header.grid is None or self._strain.grid is None:
            return True
        return self._strain.fits(header.grid, maps) and _described(header) == self._attributes

    def append(
        self, header: StrainHeader, maps: Mapping[str, NDArray[Any]], fused: FusedMessage | None = None
    ) -> None:
        """Add one pair; `maps` is empty for a rejected one, `fused` None where the pair adds nothing."""
        if not self.fits(header, maps):
            raise RecordingError(
                f"{self.path}: pair {header.pre_index}-{header.post_index} lies on another grid than those "
                "before, or was made otherwise: the acquisition changed; write it to a file of its own"
            )
        try:
            if header.grid is not None:
                if self._strain.grid is None:
                    self._attributes = _described(header)
                self._strain.write(self._file, self.n_pairs, header.grid, maps)
            if self._fused is not None and fused is not None:
                arrays = dict(zip(_FUSED, fused.arrays, strict=True))
                self._fused.write(self._file, self.n_pairs, fused.header.grid, arrays)
        except (OSError, RuntimeError) as error:
            self._part.check()
            raise RecordingError(f"cannot write {self.path}: {error}") from error
        self._part.check()
        columns = self._columns
        columns["pre_index"].append(NO_PRE if header.pre_index is None else header.pre_index)
        columns["post_index"].append(header.post_index)
        columns["session_id"].append(header.session_id)
        columns["rejection"].append(header.rejection or "")
        for name in _SCALARS:
            value = getattr(header, name)
            columns[name].append(np.nan if value is None else value)
        if self._fused is not None:
            columns["effective_pairs"].append(np.nan if fused is None else fused.header.effective_pairs)
        self._attributes = self._attributes or _described(header)
        self.n_pairs += 1

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
            name: np.asarray(values, np.int64 if name.endswith("_index") else np.float64)
            for name, values in self._columns.items()
            if name not in _TEXTS
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
        for name in _TEXTS:
            self._file.create_dataset(name, data=self._columns[name], dtype=h5py.string_dtype())
        for name, unit in _UNITS.items():
            if name in self._file:
                self._file[name].attrs["unit"] = unit
        self._file.attrs.update(self._attributes)

    def _pack(self, names: list[str], columns: dict[str, NDArray[Any]]) -> None:
        """Put everything into an .npz in place of the HDF5 file that the maps were waiting in."""
        arrays = columns | {name: self._file[name][:] for name in names}
        units = {f"unit_{name}": np.asarray(unit) for name, unit in _UNITS.items() if name in arrays}
        texts = {name: np.asarray(self._columns[name], np.str_) for name in _TEXTS}
        about = {f"attribute_{name}": np.asarray(value) for name, value in self._attributes.items()}
        with self._part.replace_content() as packed:
            np.savez_compressed(packed, allow_pickle=False, **arrays, **texts, **about, **units)


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


Limits = tuple[float, float, float, float] | None


def same_settings(attributes: Mapping[str, Any], config: Config, limits: Limits, path: Path) -> None:
    """Raise RecordingError where results were made with other weights, or another engine, window or region.

    `limits` are those of the region of interest on these frames, as `streamer.geometry.Region` has them.
    """
    engine = config.engine
    taken = model_hash(engine.name, Path(engine.weights) if engine.weights else None)
    wanted: dict[str, Any] = {
        "engine": resolve(engine.name, Path(engine.weights) if engine.weights else None)[0],
        "model_hash": taken or "",
        "region": _region(limits),
    }
    if taken is None:  # a network chooses its windows itself
        wanted["axial_window"] = engine.axial_window * 1e-3
        wanted["lateral_window"] = engine.lateral_window * 1e-3
    different = [
        f"{name} {attributes.get(name)} there, {value} here"
        for name, value in wanted.items()
        if attributes.get(name) != value
    ]
    if different:
        raise RecordingError(
            f"{path} was made with other settings: {'; '.join(different)}; "
            "give the same --engine, --weights and --config as the node had"
        )


def _region(limits: Limits) -> str:
    return "whole frame" if limits is None else " ".join(map(repr, limits))


def _described(header: StrainHeader) -> dict[str, Any]:
    about: dict[str, Any] = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "musse_stream_version": _OWN_VERSION,
        "source_id": header.source_id,
        "strain_unit": header.strain_unit,
        "strain_sign": header.strain_sign,
        "engine": header.engine,
        "precision": header.precision,
        "model_hash": header.model_hash or "",
        "region": _region(header.region),
        "region_unit": "axial from, to in m, lateral from, to in m (rad for curved probes)",
        "assumed": "\n".join(header.assumed),
        "versions": _VERSIONS,
    }
    if header.axial_window is not None and header.lateral_window is not None:
        windows = {"axial_window": header.axial_window, "lateral_window": header.lateral_window}
        about |= {**windows, "window_unit": "m"}
    if header.grid is not None:
        about |= {"probe_type": header.grid.probe_type, "probe_radius": header.grid.probe_radius}
    return about
