"""The record beside a result file that it is complete: NAME.h5.done.json."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from engine.factory import weights_file
from streamer.config import Config, result_settings
from tools.batch.report import Report
from tools.errors import RecordingError
from tools.part import writing
from tools.results.provenance import sha256


def key_of(path: Path, config: Config, preset: str | None, overrides: Mapping[str, Any]) -> dict[str, str]:
    """Everything that results depend on: SHA-256 of recording, settings and weights, and the release.

    Raises RecordingError, OSError, EngineUnavailable.
    """
    if not path.is_file():
        raise RecordingError(f"{path} is not there")
    settings = json.dumps([result_settings(config), preset, dict(sorted(overrides.items()))])
    weights = weights_file(Path(config.engine.weights) if config.engine.weights else None)
    return {
        "recording": sha256(path),
        "configuration": hashlib.sha256(settings.encode()).hexdigest(),
        "weights": sha256(weights),
        "release": version("musse-stream"),
    }


def read(output: Path, key: Mapping[str, str]) -> Report | None:
    """The report of an earlier run with this key whose result file is still there; else None."""
    if not output.is_file():
        return None
    try:
        content = json.loads(_path(output).read_text(encoding="utf-8"))
        if content["key"] != key:
            return None
        return replace(Report(**content["report"]), skipped=True)
    except (OSError, ValueError, KeyError, TypeError):
        return None  # absent or damaged: it is computed again


def write(output: Path, key: Mapping[str, str], report: Report) -> None:
    """Record that `output` is complete; the record appears whole or not at all. DiskFull, RecordingError."""
    text = json.dumps({"key": dict(key), "report": asdict(report)}, indent=1)
    with writing(_path(output)) as part:
        part.write_text(text + "\n", encoding="utf-8")


def forget(output: Path) -> None:
    """Remove the record before the result file is replaced."""
    _path(output).unlink(missing_ok=True)


def _path(output: Path) -> Path:
    return output.with_name(output.name + ".done.json")
