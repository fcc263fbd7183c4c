"""Runs the suite: every case once, every method on the same frames."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from scipy.ndimage import map_coordinates

from engine.errors import EstimateFailed
from engine.metrics.accuracy import Map
from engine.spec import Device
from tools.evaluate.figures.pairs import PairView, detection_scores, pair_figures, spectra_sums
from tools.evaluate.figures.sequences import PAIRINGS, SequenceView, cut_figures, cycle_figures
from tools.evaluate.figures.triples import triple_figures
from tools.evaluate.methods import COMPARATOR, CONTROLS, Engines, Maps, Setting, on_grid
from tools.evaluate.records import Record, append, load, mend, record_key
from tools.evaluate.suite.scene import Case, Scene, evaluation_grid
from tools.part import writing

MAPS = "maps"


@dataclass(frozen=True, eq=False)
class Plan:
    """The cases, methods and limits of a run."""

    cases: Sequence[Case]
    settings: Sequence[Setting]
    folder: Path
    threads: int = 1
    limit: int = 0
    """New cases after which the run ends; 0: none."""
    weights: Path | None = None
    """Of the network; None: those of the package."""
    device: Device = "cpu"

    def methods(self, case: Case) -> list[tuple[str, Setting | None]]:
        """(label, setting) of every method of a case; controls have no setting."""
        if case.kind == "cycle":
            # pairing modes are compared for the engines in use, not for the slow comparator
            modes = {s: PAIRINGS[:1] if s.engine == COMPARATOR else PAIRINGS for s in self.settings}
            return [(f"{s.label}/{mode}", s) for s in self.settings for mode in modes[s]]
        if case.kind in ("cut", "triple"):  # their figures include a control
            return [(s.label, s) for s in self.settings]
        if case.windows:
            swept = [
                Setting(engine=s.engine, wavelengths=w, lines=n)
                for s in self.settings
                for w, n in case.windows
            ]
            return [(s.label, s) for s in swept]
        controls: list[tuple[str, Setting | None]] = [(name, None) for name in CONTROLS]
        return [(s.label, s) for s in self.settings] + controls


@dataclass(frozen=True, eq=False)
class _Work:
    """One case while its methods run."""

    case: Case
    engines: Engines
    images: dict[str, Map] = field(default_factory=dict)


Evaluation: TypeAlias = tuple[dict[str, float], dict[str, Any], float]
"""(figures, sums, seconds of one estimate)"""


def run(
    plan: Plan, *, resume: bool, on_case: Callable[[Case, int, int], object] = lambda case, done, total: None
) -> Iterator[Record]:
    """Every record of the plan in order, computed or, with `resume`, found in the folder.

    Raises EngineUnavailable and InvalidAcquisition of an engine, ToolError for a folder with other lines.
    """
    done = load(plan.folder) if resume else {}
    if resume:
        mend(plan.folder)
    engines = Engines(plan.threads, plan.weights, plan.device)
    new = 0
    for number, case in enumerate(plan.cases):
        wanted = plan.methods(case)
        keys = [
            record_key(case.group, case.name, case.seed, label, engines.weights(setting))
            for label, setting in wanted
        ]
        missing = [entry for entry, key in zip(wanted, keys, strict=True) if key not in done]
        yield from (done[key] for key in keys if key in done)
        if not missing or (plan.limit and new >= plan.limit):
            continue
        new += 1
        on_case(case, number, len(plan.cases))
        for record in _case_records(case, missing, engines, plan.folder):
            append(plan.folder, record)
            yield record


def _case_records(
    case: Case, wanted: list[tuple[str, Setting | None]], engines: Engines, folder: Path
) -> Iterator[Record]:
    scene = case.build()
    view: PairView | SequenceView
    view = SequenceView(scene) if case.kind in ("cycle", "cut") else PairView(scene)
    work = _Work(case, engines)
    for label, setting in wanted:
        if case.kind == "triple" and setting is not None:
            figures, sums, seconds = _triple(work, scene, setting)
        elif isinstance(view, SequenceView):
            figures, sums, seconds = _sequence(work, view, label, setting)
        else:
            figures, sums, seconds = _pair(work, view, label, setting)
        yield Record(
            key=record_key(case.group, case.name, case.seed, label, engines.weights(setting)),
            group=case.group,
            case=case.name,
            method=label,
            seed=case.seed,
            parameters=case.parameters,
            figures=figures,
            sums=sums,
            seconds=seconds,
        )
    if case.image and work.images:
        _keep(folder, case, view, work.images)


def _pair(work: _Work, view: PairView, label: str, setting: Setting | None) -> Evaluation:
    seconds = 0.0
    if setting is None:
        maps = CONTROLS[label](view.scene, view.truth)
    else:
        try:
            maps, seconds = _estimate(view, setting, work.engines)
        except EstimateFailed:
            return {"failed": 1.0}, {}, 0.0
    if work.case.kind == "detection":
        return {}, {"scores": detection_scores(view, maps)}, seconds
    figures, sums = pair_figures(view, maps)
    if work.case.kind == "spectra":
        sums["spectra"] = spectra_sums(view, maps)
    if view.scene.blobs and setting is not None:
        figures["flip"] = _flip(view, setting, maps, work.engines)
    if view.scene.reversible and setting is not None:
        figures["release_press"] = _swapped(view, setting, maps, work.engines)
    work.images[label] = maps.axial_strain
    if maps.strain_std is not None:
        work.images[f"{label} std"] = maps.strain_std
    return figures, sums, seconds


def _estimate(
    view: PairView,
    setting: Setting,
    engines: Engines,
    frames: tuple[Any, Any] | None = None,
) -> tuple[Maps, float]:
    """Maps that `setting` estimates from the view's pair, or from `frames` instead, and the seconds."""
    pre, post = frames or view.frames
    estimator = engines(setting, view.scene.spec)
    begun = time.perf_counter()
    result = estimator.step(pre, post)
    seconds = time.perf_counter() - begun
    return on_grid(result, *evaluation_grid(view.scene.spec)), seconds


def _flip(view: PairView, setting: Setting, maps: Maps, engines: Engines) -> float:
    """RMS over the region of (strain of the mirrored pair, mirrored back, minus strain) over its std."""
    pre, post = (np.ascontiguousarray(frame[:, ::-1]) for frame in view.frames)
    mirrored, _ = _estimate(view, setting, engines, (pre, post))
    difference = mirrored.axial_strain[:, ::-1] - maps.axial_strain
    std = maps.strain_std
    if std is None:
        return float("nan")
    use = view.region & np.isfinite(std) & (std > 0)
    return float(np.sqrt(np.mean((difference[use] / std[use]) ** 2)))


def _swapped(view: PairView, setting: Setting, maps: Maps, engines: Engines) -> float:
    """RMS over the region of relative strain of this pair minus that of the swapped pair (1 = average).

    The image of the swapped pair lies on the post frame; it is sampled at the end of this pair's true motion.
    """
    pre, post = view.frames
    other, _ = _estimate(view, setting, engines, (post, pre))
    truth = view.truth
    step = float(truth.axial_index[1] - truth.axial_index[0])
    rows, columns = (np.arange(n, dtype=np.float64) for n in truth.axial_strain.shape)
    there = (
        rows[:, None] + np.nan_to_num(truth.axial_displacement) / step,
        columns[None, :] + np.nan_to_num(truth.lateral_displacement),
    )
    carried = map_coordinates(other.axial_strain, np.stack(there), order=1, mode="nearest")
    relative = [values / np.median(values[view.region]) for values in (maps.axial_strain, carried)]
    return float(np.sqrt(np.mean((relative[0] - relative[1])[view.region] ** 2)))


def _triple(work: _Work, scene: Scene, setting: Setting) -> Evaluation:
    begun = time.perf_counter()
    figures, sums = triple_figures(
        scene, lambda i, j: _estimate(PairView(replace(scene, pair=(i, j))), setting, work.engines)[0]
    )
    return figures, sums, (time.perf_counter() - begun) / 3


def _sequence(work: _Work, view: SequenceView, label: str, setting: Setting | None) -> Evaluation:
    assert setting is not None  # noqa: S101 - the figures of sequences include their control
    estimator = work.engines(setting, view.scene.spec)
    begun = time.perf_counter()
    if work.case.kind == "cut":
        figures, sums = cut_figures(view, estimator)
    else:
        figures, sums, last = cycle_figures(view, estimator, label.partition("/")[2])
        if last is not None:
            work.images[label] = last
    return figures, sums, (time.perf_counter() - begun) / len(view.frames)


def _keep(folder: Path, case: Case, view: PairView | SequenceView, images: dict[str, Map]) -> None:
    """The maps of a case for the report, float32 on the evaluation grid."""
    if isinstance(view, SequenceView):
        truth, region = view.image(len(view.frames) - 1)
    else:
        truth, region = view.truth.axial_strain, view.region
    scene: Scene = view.scene
    rows, columns = evaluation_grid(scene.spec)
    target = folder / MAPS
    target.mkdir(parents=True, exist_ok=True)
    name = "".join(c if c.isalnum() else "-" for c in f"{case.group} {case.name}")
    arrays = {f"map {label}": np.asarray(m, np.float32) for label, m in images.items()}
    depth, width = rows * scene.spec.sample_pitch, columns * scene.spec.line_pitch
    with writing(target / f"{name}.npz") as part:
        np.savez_compressed(
            part,
            group=case.group,
            case=case.name,
            truth=np.asarray(truth, np.float32),
            region=region,
            depth_mm=np.asarray(depth * 1e3, np.float32),
            width_mm=np.asarray((width - width.mean()) * 1e3, np.float32),
            **arrays,  # type: ignore[arg-type]  # numpy types its keyword arrays as the flag allow_pickle
        )
