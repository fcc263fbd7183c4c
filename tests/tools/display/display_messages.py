"""Synthetic results for the display's tests: a soft background with a hard round inclusion."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamer.headers import ArrayEntry, BmodeHeader, FusedHeader, Grid, StatusHeader, StrainHeader
from streamer.subscriber import Received
from streamer.wire import Message

ROWS, COLS = 250, 128
STRAIN_GRID = Grid(
    axial_start=1e-3,
    axial_step=38e-3 / ROWS,
    lateral_start=-19e-3,
    lateral_step=38e-3 / 127,
    probe_type="linear",
)


def phantom(mean: float = -0.005, noise: float = 0.0, seed: int = 0) -> NDArray[np.float32]:
    """Strain of a press or release with this median: background at it, an inclusion of a third of it."""
    depth = (np.arange(ROWS) * STRAIN_GRID.axial_step + STRAIN_GRID.axial_start)[:, None]
    across = (np.arange(COLS) * STRAIN_GRID.lateral_step + STRAIN_GRID.lateral_start)[None, :]
    inside = (depth - 18e-3) ** 2 + (across - 2e-3) ** 2 < 6e-3**2
    layer = 1 + 0.6 * np.exp(-(((depth - 5e-3) / 2e-3) ** 2))  # soft fat under the skin
    strain = mean * np.where(inside, 0.35, layer)
    if noise:
        strain = strain + noise * np.random.default_rng(seed).standard_normal(strain.shape)
    return strain.astype(np.float32)


def strain_message(
    strain: NDArray[np.float32] | None = None,
    *,
    mean: float | None = -0.005,
    std: NDArray[np.float32] | float = 0.0003,
    rejection: str | None = None,
    post_index: int = 1,
    grid: Grid = STRAIN_GRID,
    **fields: Any,
) -> Message:
    """One strain message; a rejected one carries no arrays, as the node sends it."""
    arrays: dict[str, NDArray[np.float32]] = {}
    if rejection is None:
        strain = phantom(mean or -0.005) if strain is None else strain
        std_map = np.broadcast_to(np.asarray(std, np.float32), strain.shape).copy()
        arrays = {"axial_strain": strain, "strain_std": std_map}
    given: dict[str, Any] = {
        "source_id": "arm",
        "session_id": "s1",
        "pre_index": max(post_index - 1, 0),
        "post_index": post_index,
        "grid": None if rejection else grid,
        "interval": 0.04,
        "mean_strain": None if rejection else mean,
        "quality": 0.1 if rejection else 0.8,
        "predicted_snre": None if rejection else 6.0,
        "median_ncc": 0.97,
        "lateral_motion": 0.1,
        "rejection": rejection,
        "region": None,
        "state_epoch": 0,
        "state_age": 0,
        "engine": "reference",
        "precision": "float32",
        "model_hash": None,
        "axial_window": 2e-3,
        "lateral_window": 1e-3,
        "stage_seconds": {"infer": 0.02},
        "assumed": ("sound_speed: 1540 m/s by default",),
    }
    entries = tuple(ArrayEntry(name=name, dtype="<f4", shape=array.shape) for name, array in arrays.items())
    return Message(StrainHeader(arrays=entries, **{**given, **fields}), arrays)


def fused_message(
    relative: NDArray[np.float32] | None = None,
    *,
    std: float = 0.1,
    post_index: int = 1,
    grid: Grid = STRAIN_GRID,
    **fields: Any,
) -> Message:
    """An image of many pairs: 1 = average."""
    relative = phantom(1.0) if relative is None else relative
    arrays = {"relative_strain": relative, "relative_std": np.full(relative.shape, std, np.float32)}
    given: dict[str, Any] = {
        "source_id": "arm",
        "session_id": "s1",
        "post_index": post_index,
        "grid": grid,
        "time_constant": 0.5,
        "effective_pairs": 12.0,
        "region": None,
        "engine": "reference",
        "model_hash": None,
        "assumed": (),
    }
    entries = tuple(ArrayEntry(name=name, dtype="<f4", shape=array.shape) for name, array in arrays.items())
    return Message(FusedHeader(arrays=entries, **{**given, **fields}), arrays)


def bmode_message(
    *, rows: int = 500, cols: int = 128, frame_index: int = 1, seed: int = 1, **fields: Any
) -> Message:
    """Speckle with a dark inclusion where `phantom` has its hard one."""
    grid = Grid(
        axial_start=0.0, axial_step=40e-3 / rows, lateral_start=-19.05e-3, lateral_step=38.1e-3 / cols,
        probe_type="linear",
    )  # fmt: skip
    rng = np.random.default_rng(seed)
    depth = (np.arange(rows) * grid.axial_step)[:, None]
    across = (np.arange(cols) * grid.lateral_step + grid.lateral_start)[None, :]
    inside = (depth - 18e-3) ** 2 + (across - 2e-3) ** 2 < 6e-3**2
    level = 20 * np.log10(rng.rayleigh(1.0, (rows, cols)) + 1e-3) - np.where(inside, 18.0, 8.0) - depth * 250
    image = np.clip((level / 60 + 1) * 255, 0, 255).astype(np.uint8)
    given: dict[str, Any] = {
        "source_id": "arm",
        "session_id": "s1",
        "frame_index": frame_index,
        "grid": grid,
        "dynamic_range_db": 60.0,
        "assumed": (),
        "arrays": (ArrayEntry(name="bmode", dtype="|u1", shape=image.shape),),
    }
    return Message(BmodeHeader(**{**given, **fields}), {"bmode": image})


def status_message(**fields: Any) -> Message:
    """A live node."""
    given: dict[str, Any] = {
        "source_id": "arm",
        "state": "LIVE",
        "reasons": (),
        "engine": "reference",
        "engine_note": "",
        "pairing": "sequential",
        "policy": "latest",
        "frame_rate": 25.0,
        "frame_age": 0.02,
        "received": 100,
        "refused": {},
        "overwritten": 2,
        "lost": 3,
        "published_valid": 90,
        "published_no_value": 5,
        "in_flight": 0,
        "latency_p50": 0.021,
        "latency_p99": 0.034,
        "status_interval": 0.2,
    }
    return Message(StatusHeader(**{**given, **fields}), {})


def received(*messages: Message) -> Received:
    """The messages of one poll."""
    return received_with(messages, [m.header for m in messages if isinstance(m.header, StrainHeader)])


def received_with(messages: Sequence[Message], headers: Sequence[StrainHeader]) -> Received:
    """The same with other strain headers, as after skipped messages."""
    return Received(list(messages), list(headers))
