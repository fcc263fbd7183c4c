"""What `musse-stream engine` does: list, build and verify compiled engines."""

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from rich.console import Console
from rich.status import Status
from rich.table import Table

from engine.errors import EngineError, EngineUnavailable
from engine.factory import weights_file
from engine.musse.artefact import store
from engine.spec import EngineSpec, Policy
from engine.user_cache import engines_folder
from streamer.config import Config
from tools.errors import ToolError
from tools.part import writing

NEEDED = ("sampling_frequency", "center_frequency", "line_pitch")
TAKEN = ("sound_speed", "probe_type", "probe_radius")


class Opens(Protocol):
    """The options of a command that name facts of an acquisition."""

    @property
    def overrides(self) -> Mapping[str, Any]:
        """The options by name."""
        ...

    def open(self, file: Path) -> Any:
        """The recording."""
        ...


def list_engines(json_file: Path | None) -> None:
    """Show every compiled engine of this user, damaged ones too."""
    rows = [_row(folder) for folder in store.folders(engines_folder())]
    if json_file is not None:
        _write(json_file, rows)
    console = Console()
    if not rows:
        console.print("no compiled engines; build one with: musse-stream engine build RECORDING")
        return
    table = Table("engine", "status", "frame", "policy", "card", "median ms", "p99 ms")
    for row in rows:
        table.add_row(*(str(row.get(name, "")) for name in _COLUMNS))
    console.print(table)


_COLUMNS = ("engine", "status", "frame", "policy", "card", "median_ms", "p99_ms")


def build_engine(
    target: str | None,
    opening: Opens,
    *,
    shape: str | None,
    carrier: float | None,
    precision: Policy | None,
    weights: str | None,
    config_file: Path | None,
) -> None:
    """Build an engine for a recording, or for an acquisition given in numbers.

    Weights, precision and region that are not given are the configuration's. Raises EngineError, ConfigError.
    """
    from engine.musse.artefact.build import Subject, build
    from engine.musse.runtimes.tensorrt import require_package
    from streamer.builder import weights_of
    from streamer.config import load_config

    require_package()
    given = {"precision": precision, "weights": weights}
    config = load_config(config_file, {"engine": {k: v for k, v in given.items() if v is not None}})
    spec, measured = _recorded(Path(target), opening, config) if target else _given(opening, shape)
    cycles = carrier / spec.sampling_frequency if carrier is not None else measured
    subject = Subject(
        spec=spec,
        carrier=cycles,
        policy=config.engine.precision,
        weights=weights_file(weights_of(config.engine)),
    )
    console = Console()
    with console.status("engine") as status:
        folder = build(subject, engines_folder(), partial(_show, status))
    state = store.read(folder).status
    console.print(f"engine {folder.name}: {state}")
    if state != "verified":
        console.print(f"it is not used before this ends well on an NVIDIA card: {_verify_command(folder)}")


def verify_engines(target: str | None, *, everything: bool, json_file: Path | None) -> None:
    """Verify one engine or all on this card. Raises EngineUnavailable, EngineError where one fails."""
    from engine.musse.artefact.build import verify

    if (target is None) != everything:
        raise ToolError("name one engine (see `musse-stream engine list`), or give --all")
    folders = list(store.folders(engines_folder())) if target is None else [engines_folder() / target]
    if not folders:
        raise EngineUnavailable("there is no compiled engine: musse-stream engine build RECORDING")
    console, rows, failed = Console(), [], []
    for folder in folders:
        try:
            with console.status(f"engine {folder.name}") as status:
                rows.append(_row(verify(folder, partial(_show, status))))
        except EngineError as error:
            if target is not None or isinstance(error, EngineUnavailable):
                raise
            failed.append(folder.name)
            rows.append({**_row(folder), "reason": str(error)})
        console.print(f"engine {rows[-1]['engine']}: {rows[-1]['status']}")
    if json_file is not None:
        _write(json_file, rows)
    if failed:
        raise EngineError(f"parity failed, these engines are not used: {', '.join(failed)}")


def _show(status: Status, step: str) -> None:
    status.update(f"engine: {step}")


def _row(folder: Path) -> dict[str, Any]:
    """What is known of an engine's folder."""
    try:
        artefact = store.read(folder)
    except EngineUnavailable as error:
        return {"engine": folder.name, "status": "damaged", "reason": str(error)}
    times = store.content(folder, store.BENCHMARK) or {}
    return {
        "engine": folder.name,
        "status": artefact.status,
        "frame": "x".join(str(size) for size in artefact.subject["spec"]["shape"]),
        "policy": artefact.subject["policy"],
        "card": artefact.facts["card"] or "not run yet",
        "parity": store.content(folder, store.PARITY),
        "facts": dict(artefact.facts),
        **times,
    }


def _recorded(file: Path, opening: Opens, config: Config) -> tuple[EngineSpec, float]:
    """The configured region of a recording, and its measured carrier in cycles per sample."""
    from engine.tracking.iq import IqTransform
    from streamer.geometry import engine_spec, region_of

    with opening.open(file) as recording:
        header = recording.header(0, source_id="build", session_id="build")
        region = region_of(header, config.region, config.engine.axial_window * 1e-3)
        spec = engine_spec(header, region, config)
        transform = IqTransform(spec)
        return spec, transform.carrier(transform.band(region.crop(recording.frame(0))))


def _given(opening: Opens, shape: str | None) -> tuple[EngineSpec, float]:
    """An acquisition of options, and its stated carrier."""
    missing = [f"--{name.replace('_', '-')}" for name in NEEDED if opening.overrides.get(name) is None]
    sizes = [] if shape is None else shape.lower().split("x")
    if len(sizes) != 2 or not all(size.isdecimal() for size in sizes):
        missing.insert(0, "--shape SAMPLESxLINES")
    if missing:
        raise ToolError(f"name a recording to build for, or give {', '.join(missing)}")
    given = {
        name: opening.overrides[name] for name in (*NEEDED, *TAKEN) if opening.overrides.get(name) is not None
    }
    spec = EngineSpec(shape=(int(sizes[0]), int(sizes[1])), **given)
    return spec, spec.center_frequency / spec.sampling_frequency


def _verify_command(folder: Path) -> str:
    return f"musse-stream engine verify {folder.name}"


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    with writing(path):
        path.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
