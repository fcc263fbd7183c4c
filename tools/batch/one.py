"""One recording to results: what every worker of a batch runs, wherever it runs."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from engine.errors import EngineError, EngineUnavailable
from streamer.config import Config
from streamer.errors import ConfigError
from tools.batch import finished
from tools.batch.image import last_image
from tools.batch.report import Report
from tools.errors import DiskFull, RecordingError
from tools.formats import open_recording
from tools.process import process_to_file
from tools.results.description import holds_results

_KINDS: tuple[tuple[type[Exception], str], ...] = (
    (ConfigError, "the configuration does not fit this recording"),
    (DiskFull, "the disk is full"),
    (RecordingError, "it cannot be used as a recording"),
    (EngineUnavailable, "the engine cannot run here"),
    (EngineError, "the engine refused it"),
    (OSError, "a file cannot be read or written"),
)
"""An error without any name in it; messages may contain names of files."""


@dataclass(frozen=True, slots=True)
class BatchConfig:
    """The settings of a whole batch."""

    config: Config
    preset: str | None = None
    """Probe geometry, as for `open_recording`."""
    overrides: Mapping[str, Any] = field(default_factory=dict)
    """Stated about every recording, SI units, as for `open_recording`."""


def process_one(path: Path, output: Path, config: BatchConfig) -> Report:
    """Strain of every pair of the recording at `path`, in the result file `output`, as `process` writes it.

    A recording that is finished already with these settings and weights is skipped: its earlier report is
    returned. Raises nothing: a failure is the report's `error`, and such a recording is tried again by the
    next batch.
    """
    try:
        return _processed(path, output, config)
    except Exception as error:  # noqa: BLE001 - one bad file stops nothing, whatever is wrong with it
        kind = next((text for cause, text in _KINDS if isinstance(error, cause)), None)
        if kind is None:
            return Report(
                error=f"{type(error).__name__}: {error}; this is a bug, please report it",
                error_kind=f"{type(error).__name__}; this is a bug, please report it",
            )
        return Report(error=str(error), error_kind=kind)


def _processed(path: Path, output: Path, config: BatchConfig) -> Report:
    key = finished.key_of(path, config.config, config.preset, config.overrides)
    earlier = finished.read(output, key)
    if earlier is not None:
        return earlier
    if output.exists() and not holds_results(output):
        raise RecordingError(f"{output} is there and holds no strain results: choose another --output")
    output.parent.mkdir(parents=True, exist_ok=True)
    _remove_parts(output)
    finished.forget(output)
    start = time.perf_counter()
    with open_recording(path, preset=config.preset, overrides=config.overrides) as recording:
        done = process_to_file(recording, config.config, output, frames=recording.n_frames, overwrite=True)
    report = summarise(output, time.perf_counter() - start, done.refused)
    finished.write(output, key, report)
    return report


def _remove_parts(output: Path) -> None:
    """Remove what a killed worker left of this result file."""
    # the folder is listed only then: with 10^5 results in it, listing it for each would take hours
    if output.exists() or output.with_name(f"{output.name}.part").exists():
        for part in output.parent.iterdir():
            if part.name.startswith(f"{output.name}.") and ".part" in part.suffixes[-2:]:
                part.unlink(missing_ok=True)


def summarise(results: Path, seconds: float, refused: int) -> Report:
    """The numbers and the image of a result file."""
    with h5py.File(results, "r") as file:
        accepted = np.asarray(file["rejection"].asstr()[:] == "")
        return Report(
            pairs=accepted.size,
            accepted=int(accepted.sum()),
            refused=refused,
            mean_abs_strain=_finite(np.abs(file["mean_strain"][:][accepted]), np.mean),
            median_ncc=_finite(file["median_ncc"][:][accepted], np.median),
            predicted_snre=_finite(file["predicted_snre"][:][accepted], np.median),
            engine=str(file.attrs.get("engine", "")),
            seconds=seconds,
            image=last_image(file),
        )


def _finite(values: Any, statistic: Any) -> float | None:
    finite = values[np.isfinite(values)]
    return float(statistic(finite)) if finite.size else None
