"""Results of a file as the messages a node sent: of a tape as they were, of HDF5 made from its rows."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

import h5py
import numpy as np
from numpy.typing import NDArray

from streamer.config import FusionConfig
from streamer.headers import ArrayEntry, BmodeHeader, FusedHeader, Grid, ResultHeader, StrainHeader
from streamer.wire import encode
from tools.damage import naming_damage
from tools.errors import RecordingError
from tools.results.layout import FORMAT, FUSED, NO_PRE, NO_TIME
from tools.results.zea import IMAGE
from tools.tape.layout import SUFFIX
from tools.tape.reader import Tape

Timed: TypeAlias = tuple[int, ResultHeader, list[bytes]]
"""ns on the file's own clock, header, and topic, header, arrays as on the wire."""
MAPS: Final = ("axial_strain", "strain_std")
DEFAULT_TIME_CONSTANT: Final = FusionConfig().time_constant
"""s of fusion where a file does not state its settings."""
TYPICAL_INTERVAL: Final = 50_000_000  # ns between two pairs whose times are unknown


def result_messages(path: Path) -> Iterator[Timed]:
    """Strain, fused and B-mode messages of a tape or an HDF5 result file, in their order.

    Raises RecordingError for a file without results.
    """
    return _taped(path) if path.suffix == SUFFIX else _of_rows(path)


def _taped(path: Path) -> Iterator[Timed]:
    empty = True
    with Tape(path) as tape:
        for message in tape.messages(["strain", "fused", "bmode"]):
            if isinstance(message.header, StrainHeader | FusedHeader | BmodeHeader):
                empty = False
                yield message.received, message.header, message.parts()
    if empty:
        raise RecordingError(f"{path} holds no strain results")


def _of_rows(path: Path) -> Iterator[Timed]:
    with naming_damage(path, "file of strain results"), h5py.File(path, "r") as file:
        if file.attrs.get("format") != FORMAT:
            raise RecordingError(f"{path} holds no strain results")
        yield from _Rows(file).messages()


class _Rows:
    """The rows of an open result file as messages."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._about: Mapping[str, Any] = file.attrs
        self._n_pairs = len(file["post_index"])
        self._grid = self._grid_of("axial_position", "lateral_position")
        self._fused_grid = self._grid_of("fused_axial_position", "fused_lateral_position")
        region = str(self._about["region"])
        settings = json.loads(str(self._about.get("configuration") or "{}"))
        self._time_constant = float(settings.get("fusion", {}).get("time_constant", DEFAULT_TIME_CONSTANT))
        self._region = None if region == "whole frame" else tuple(map(float, region.split()))

    def messages(self) -> Iterator[Timed]:
        time = 0
        for row in range(self._n_pairs):
            acquired = self._number("t_acq", row)
            time = time + TYPICAL_INTERVAL if acquired in {None, NO_TIME} else int(acquired)
            common = {
                "source_id": str(self._about["source_id"]),
                "session_id": str(self._file["session_id"].asstr()[row]),
                "assumed": (),
            }
            made = {"engine": str(self._about["engine"]), "model_hash": self._about["model_hash"] or None}
            image = self._bmode(row, common)
            if image is not None:
                yield time, *image
            yield time, *self._strain(row, common | made)
            fused = self._fused(row, common | made)
            if fused is not None:
                yield time, *fused

    def _strain(self, row: int, common: dict[str, Any]) -> tuple[StrainHeader, list[bytes]]:
        rejection = str(self._file["rejection"].asstr()[row]) or None
        arrays = [] if rejection else [np.asarray(self._file[name][row], np.float32) for name in MAPS]
        pre = int(self._file["pre_index"][row])
        acquired = self._number("t_acq", row)
        header = StrainHeader(
            **common,
            arrays=tuple(
                ArrayEntry(name=n, dtype="<f4", shape=a.shape) for n, a in zip(MAPS, arrays, strict=False)
            ),
            pre_index=None if pre == NO_PRE else pre,
            post_index=int(self._file["post_index"][row]),
            grid=None if rejection else self._grid,
            interval=self._number("interval", row),
            mean_strain=self._number("mean_strain", row),
            quality=self._number("quality", row) or 0.0,
            predicted_snre=self._number("predicted_snre", row),
            median_ncc=self._number("median_ncc", row),
            lateral_motion=self._number("lateral_motion", row),
            rejection=rejection,
            region=self._region,  # type: ignore[arg-type]  # four numbers, or refused by the schema
            state_epoch=0,
            state_age=0,
            precision=str(self._about["precision"]),
            device=str(self._about.get("device", "")),
            axial_window=self._metres("axial_window"),
            lateral_window=self._metres("lateral_window"),
            origin="replay",
            stage_seconds={},
            t_acq=None if acquired in {None, NO_TIME} else int(acquired),
        )
        return header, [bytes(part) for part in encode("strain", header, arrays)]

    def _fused(self, row: int, common: dict[str, Any]) -> tuple[FusedHeader, list[bytes]] | None:
        pairs = self._number("effective_pairs", row)
        if pairs is None or self._fused_grid is None:
            return None
        arrays = [np.asarray(self._file[name][row], np.float32) for name in FUSED]
        header = FusedHeader(
            **common,
            arrays=tuple(
                ArrayEntry(name=n, dtype="<f4", shape=a.shape) for n, a in zip(FUSED, arrays, strict=True)
            ),
            post_index=int(self._file["post_index"][row]),
            grid=self._fused_grid,
            time_constant=self._time_constant,
            effective_pairs=pairs,
            correlation_axial=self._metres("correlation_axial"),
            correlation_lateral=self._metres("correlation_lateral"),
            region=self._region,  # type: ignore[arg-type]
            origin="replay",
        )
        return header, [bytes(part) for part in encode("fused", header, arrays)]

    def _bmode(self, row: int, common: dict[str, Any]) -> tuple[BmodeHeader, list[bytes]] | None:
        if IMAGE not in self._file or not self._file[f"{IMAGE}/held"][row]:
            return None
        values = self._file[f"{IMAGE}/values"]
        image = np.asarray(values[row], np.uint8)
        header = BmodeHeader(
            **common,
            arrays=(ArrayEntry(name="bmode", dtype="|u1", shape=image.shape),),
            frame_index=int(self._file["post_index"][row]),
            grid=grid_of(self._file[f"{IMAGE}/coordinates"][:], self._about),
            dynamic_range_db=float(values.attrs["dynamic_range_db"]),
        )
        return header, [bytes(part) for part in encode("bmode", header, [image])]

    def _number(self, name: str, row: int) -> float | None:
        """A scalar of one row; None where the file has none."""
        if name not in self._file:
            return None
        value = self._file[name][row]
        return None if np.isnan(value) else value.item()

    def _metres(self, name: str) -> float | None:
        return float(self._about[name]) if name in self._about else None

    def _grid_of(self, axial: str, lateral: str) -> Grid | None:
        if axial not in self._file or not len(self._file[axial]):
            return None
        rows, cols = self._file[axial][:], self._file[lateral][:]
        return Grid(
            axial_start=float(rows[0]),
            axial_step=float(rows[1] - rows[0]) if len(rows) > 1 else 1e-3,
            lateral_start=float(cols[0]),
            lateral_step=float(cols[1] - cols[0]) if len(cols) > 1 else 1e-3,
            probe_type=self._about["probe_type"],
            probe_radius=float(self._about["probe_radius"]),
            mark=self._about.get("probe_mark", ""),
        )


def grid_of(coordinates: NDArray[Any], about: Mapping[str, Any]) -> Grid:
    """The grid whose places `tools.results.zea.coordinates` wrote."""
    radius = float(about["probe_radius"])
    x, z = coordinates[..., 0].astype(float), coordinates[..., 2].astype(float)
    if about["probe_type"] != "linear":
        x, z = np.arctan2(x, z + radius), np.hypot(x, z + radius) - radius
    return Grid(
        axial_start=float(z[0, 0]),
        axial_step=float(z[-1, 0] - z[0, 0]) / (z.shape[0] - 1),
        lateral_start=float(x[0, 0]),
        lateral_step=float(x[0, -1] - x[0, 0]) / (x.shape[1] - 1),
        probe_type=about["probe_type"],
        probe_radius=radius,
        mark=about.get("probe_mark", ""),
    )
