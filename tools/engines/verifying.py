"""Run engines on this card beside the network: compiled ones, and those that need no compiler."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from rich.console import Console

from engine.errors import EngineError, EngineUnavailable
from engine.factory import SHIPPED, shipped_weights
from engine.musse.artefact import store
from engine.musse.manifest import read_manifest
from engine.spec import POLICIES, EngineSpec, Policy
from engine.tracking.torch_device import has_card
from engine.user_cache import engines_folder
from tools.engines.listing import row_of, show_rows, write_rows
from tools.errors import ToolError

REFERENCE_FRAME: Final = EngineSpec(
    shape=(2000, 128), sampling_frequency=40e6, center_frequency=5e6, line_pitch=0.3e-3
)
"""What `cuda` and `eager` are measured with: the frame of docs/performance.md."""
Report = Callable[[str], None]


class _Row(NamedTuple):
    """An engine to be verified."""

    name: str
    stated: dict[str, Any]
    """What its row holds whatever happens."""
    run: Callable[[Report], dict[str, Any]]


def verify_engines(
    target: str | None, *, everything: bool, json_file: Path | None, overwrite: bool = False
) -> None:
    """Verify one engine or all on this card; a failure does not keep the others from being verified.

    Raises EngineUnavailable where one could not run, EngineError where one is refused; the rows are shown and
    written before that.
    """
    if (target is None) != everything:
        raise ToolError("name one engine (see `musse-stream engine list`), or give --all")
    rows = [_verified(row) for row in (_all() if target is None else [_compiled(engines_folder() / target)])]
    if json_file is not None:
        write_rows(json_file, rows, overwrite=overwrite)
    show_rows(rows)
    not_run: dict[str, list[str]] = {}
    for row in rows:
        if row["status"] not in ("verified", "refused"):
            not_run.setdefault(row["reason"], []).append(row["engine"])
    if not_run:
        raise EngineUnavailable("; ".join(f"{', '.join(names)}: {why}" for why, names in not_run.items()))
    if refused := [row["engine"] for row in rows if row["status"] == "refused"]:
        raise EngineError(f"these engines are not used, see their reasons: {', '.join(refused)}")


def _all() -> Iterator[_Row]:
    """`eager` and `cuda` on a card in each precision, then every compiled engine."""
    for weights in map(shipped_weights, SHIPPED):
        policies: tuple[Policy, ...] = tuple(POLICIES)
        if read_manifest(weights).kind == "paper":
            policies = ("fp32",)
        for name in ("eager", "cuda"):
            for policy in policies:
                engine = f"{name} {policy}" if weights.stem == "live" else f"{name} {policy} {weights.stem}"
                stated = {"engine": engine, "frame": "2000x128", "precision": policy}
                yield _Row(engine, stated, partial(_measured, name, policy, weights))
    for folder in store.folders(engines_folder()):
        yield _compiled(folder)


def _compiled(folder: Path) -> _Row:
    def run(report: Report) -> dict[str, Any]:
        from engine.musse.artefact.verify import Refused, verify

        try:
            return row_of(verify(folder, report))
        except Refused as refused:
            return {"status": "refused", "reason": str(refused)}

    return _Row(folder.name, row_of(folder), run)


def _measured(name: str, policy: Policy, weights: Path, report: Report) -> dict[str, Any]:
    from engine.musse.artefact.key import card
    from engine.musse.artefact.subject import Subject
    from engine.musse.artefact.verify import measured

    spec = REFERENCE_FRAME
    carrier = spec.center_frequency / spec.sampling_frequency
    subject = Subject(spec=spec, carrier=carrier, policy=policy, weights=weights)
    found = measured(name, subject, report)
    status = "refused" if found["reason"] else "verified"
    return {"status": status, "card": card()["card"], "facts": card(), **found}


def _verified(row: _Row) -> dict[str, Any]:
    """The row of an engine after it was verified, or why it could not be."""
    if not has_card():
        return {
            **row.stated,
            "status": "no card",
            "reason": "verifying needs an NVIDIA card; none was found here",
        }
    console = Console()
    with console.status(f"engine {row.name}") as status:
        try:
            found = row.run(lambda step: status.update(f"engine {row.name}: {step}"))
        except EngineUnavailable as error:
            found = {"status": "not verified", "reason": str(error)}
        except Exception as error:  # noqa: BLE001 - of the driver or a library: the next engine is verified anyway
            found = {"status": "failed", "reason": f"{type(error).__name__}: {error}"}
    return {**row.stated, **found}
