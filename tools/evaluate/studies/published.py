"""The published network beside `live` and `reference`: four figures of one case, and consistency over time.

python -m tools.evaluate.studies.published WEIGHTS FOLDER     published.json and published-consistency.png

The case and its regions were written down before any figure was computed; see docs/published-network.md.
"""

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import torch
from matplotlib.figure import Figure

from engine.estimator import Estimator
from engine.factory import open_estimator
from engine.metrics.accuracy import Map, Mask, accuracy, cnre, snre
from engine.metrics.resolution import edge_width
from engine.metrics.stability import Stability, stability
from engine.musse.checkpoint import load_published, save
from engine.sequence.fusion import Fusion
from engine.sequence.quality import Thresholds, assess_pair_quality
from engine.simulation import SimulatedAcquisition
from engine.simulation.field import Inclusion
from engine.simulation.scenario import SimulationSettings, simulated_acquisition
from engine.spec import StrainResult
from tools.evaluate.report.plots import save_png

METHODS: Final = ("reference", "live", "alignment", "published")
ENGINES: Final = {"reference": "reference", "live": "onnx", "alignment": "eager", "published": "eager"}
CASE: Final = SimulationSettings(
    frames=18,
    frame_rate=20.0,
    shape=(1200, 64),
    line_pitch=0.4e-3,
    inclusions=(Inclusion(depth=11.5e-3, lateral=0.0, radius=4.0e-3, stiffness=3.0),),
    compression=0.03,
    period=1.8,
    seed=51_000,
)
PAIR: Final = (5, 6)
TARGET: Final = 3.0e-3  # m around the inclusion's middle
BACKGROUND: Final = (6.0e-3, 11.0e-3)  # m to either side of it, at its depths
AROUND: Final = 7.0e-3  # m around its middle: the band of the edge width
MARGIN: Final = 2.0e-3  # m at every border that belongs to no region
AFTER_CUT: Final = 6  # frames of another scene
TIME_CONSTANT: Final = 0.5  # s, of fusion: the node's default
COLUMNS: Final = ("state on", "state off", "state off, fused", "frozen", "constant")

Figures: TypeAlias = dict[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One pair of the sequence: relative strain by name, its truth, and the true motion in pixels."""

    after_cut: bool
    images: Mapping[str, Map]
    truth: Map
    axial: Map
    lateral: Map


def opened(method: str, weights: Path, acquisition: SimulatedAcquisition) -> Estimator:
    """An estimator of this method for the acquisition."""
    spec = acquisition.imaging.spec
    return open_estimator(
        ENGINES[method],
        shape=spec.shape,
        sampling_frequency=spec.sampling_frequency,
        center_frequency=spec.center_frequency,
        line_pitch=spec.line_pitch,
        weights=weights if ENGINES[method] == "eager" else None,
    )


def silent(weights: Path, folder: Path) -> Path:
    """The same network with heads of zero: what is left is the alignment."""
    net, _ = load_published(weights)
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            if ".heads." in name:
                parameter.zero_()
    save(net, folder / "silent.safetensors", trained={})
    return folder / "silent.safetensors"


def places(result: StrainResult, acquisition: SimulatedAcquisition) -> tuple[Map, Map]:
    """(depth, lateral position from the middle) of every pixel, m."""
    spec = acquisition.imaging.spec
    depth = result.axial_index * spec.sample_pitch
    lateral = (result.lateral_index - (spec.shape[1] - 1) / 2) * spec.line_pitch
    return np.broadcast_to(depth[:, None], result.axial_strain.shape), np.broadcast_to(
        lateral[None, :], result.axial_strain.shape
    )


def regions(result: StrainResult, acquisition: SimulatedAcquisition) -> dict[str, Mask]:
    """Target, background, the band of the edge, and everything but the margin."""
    inclusion = CASE.inclusions[0]
    z, x = places(result, acquisition)
    distance = np.hypot(z - inclusion.depth, x - inclusion.lateral)
    depth, half = acquisition.imaging.depth, acquisition.imaging.half_width
    inside = (z > MARGIN) & (z < depth - MARGIN) & (np.abs(x) < half - MARGIN)
    beside = (np.abs(x) > BACKGROUND[0]) & (np.abs(x) < BACKGROUND[1])
    return {
        "target": distance < TARGET,
        "background": inside & beside & (np.abs(z - inclusion.depth) < TARGET),
        "edge": inside & (distance < AROUND),
        "all": inside,
    }


def four_figures(weights: Path, still: Path) -> dict[str, Figures]:
    """The paper's figures of every method and of the truth, with what they cost in resolution.

    `still`: weights of a network that adds nothing to the alignment.
    """
    acquisition = simulated_acquisition(CASE)
    frames = [acquisition.frame(index) for index in PAIR]
    found: dict[str, Figures] = {}
    for method in METHODS:
        result = opened(method, still if method == "alignment" else weights, acquisition).step(*frames)
        truth = acquisition.pair_truth(
            *PAIR, axial_index=result.axial_index, lateral_index=result.lateral_index
        )
        where = regions(result, acquisition)
        pitch = float(result.axial_index[1] - result.axial_index[0])
        pitch *= acquisition.imaging.spec.sample_pitch * 1e3
        strains = {method: result.axial_strain, "truth": truth.axial_strain}
        for name, strain in strains.items():
            right = accuracy(strain, truth.axial_strain, where["all"])
            found[name] = {
                "target_snr": snre(strain, where["target"]),
                "background_snr": snre(strain, where["background"]),
                "cnr": cnre(strain, where["target"], where["background"]),
                "snre": snre(strain, where["all"]),
                "nrmse": right.nrmse,
                "slope": right.contrast_recovery,
                "edge_mm": edge_width(strain, truth.axial_strain, where["edge"], pitch, 0),
            }
        right = accuracy(result.axial_displacement, truth.axial_displacement, where["all"])
        found[method]["displacement_rmse"] = right.rmse
        motion = truth.axial_displacement[where["all"]]
        found["no motion"] = {"displacement_rmse": float(np.sqrt(np.mean(motion**2)))}
    return found


def steps(weights: Path, cut: int) -> Iterator[Step]:
    """Consecutive pairs of the case and, from frame `cut` on, of another scene."""
    first = simulated_acquisition(CASE)
    soft = replace(CASE.inclusions[0], depth=19.0e-3, lateral=5.0e-3, stiffness=0.4)
    second = simulated_acquisition(replace(CASE, seed=CASE.seed + 1, inclusions=(soft,)))
    shown = [(first, k) for k in range(cut)] + [(second, k) for k in range(2, 2 + AFTER_CUT)]
    on, off = (opened("published", weights, first) for _ in range(2))
    fusion = Fusion(TIME_CONSTANT, errors=off.error_model)
    frozen: Map | None = None
    for position, ((before, i), (after, j)) in enumerate(pairwise(shown)):
        if before is not after:
            fusion.reset()  # as the node does at a cut; the state has to notice by itself
            continue
        frames = before.frame(i), after.frame(j)
        off.reset()
        with_state, alone = on.step(*frames), off.step(*frames)
        quality = assess_pair_quality(alone, Thresholds(min_strain=0.0))
        mean = quality.mean_strain or float("nan")
        fused = fusion.update(
            alone,
            mean_strain=mean,
            valid=quality.valid,
            pre_index=position,
            post_index=position + 1,
            elapsed=1.0 / CASE.frame_rate,
        )
        rows = np.interp(alone.axial_index, fused.axial_index, np.arange(len(fused.axial_index)))
        truth = before.pair_truth(i, j, axial_index=alone.axial_index, lateral_index=alone.lateral_index)
        if abs(float(np.nanmean(truth.axial_strain))) < 1e-3:
            continue  # a pair without motion has no relative strain
        frozen = alone.axial_strain / mean if frozen is None else frozen
        pitch = float(alone.axial_index[1] - alone.axial_index[0])
        steady = assess_pair_quality(with_state, Thresholds(min_strain=0.0)).mean_strain or float("nan")
        yield Step(
            before is second,
            {
                "state on": with_state.axial_strain / steady,
                "state off": alone.axial_strain / mean,
                "state off, fused": fused.relative_strain[np.rint(rows).astype(int)],
                "frozen": frozen,
                "constant": np.ones_like(frozen),
            },
            truth.axial_strain / np.nanmedian(truth.axial_strain),
            truth.axial_displacement / pitch,
            truth.lateral_displacement,
        )


def consistency(weights: Path) -> dict[str, dict[str, Any]]:
    """Of every column: change and correlation from pair to pair, and the error of every pair."""
    taken = list(steps(weights, CASE.frames))
    n_rows, n_lines = taken[0].truth.shape
    inside = np.zeros((n_rows, n_lines), bool)
    inside[n_rows // 10 : -(n_rows // 10), 5:-5] = True
    found: dict[str, dict[str, Any]] = {}
    for name in COLUMNS:
        total = Stability()
        for before, after in pairwise(taken):
            if before.after_cut == after.after_cut:
                total += stability(
                    before.images[name], after.images[name], before.axial, before.lateral, inside
                )
        errors = []
        for step in taken:
            use = inside & np.isfinite(step.images[name]) & np.isfinite(step.truth)
            errors.append(float(np.sqrt(np.mean((step.images[name] - step.truth)[use] ** 2))))
        ncc = total.ncc if np.isfinite(total.ncc) else None  # of a constant there is none
        found[name] = {"change": total.change, "ncc": ncc, "error": errors}
    return found


def draw(found: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    """Error of relative strain over the pairs; the last ones follow a cut to another scene."""
    figure = Figure(figsize=(9.0, 4.0), layout="constrained")
    axis = figure.subplots()
    for name, figures in found.items():
        style = ":" if name in ("frozen", "constant") else "-"
        axis.plot(figures["error"], style, marker=".", label=f"{name} (change {figures['change']:.2f})")
    axis.axvline(len(found["frozen"]["error"]) - AFTER_CUT + 0.5, color="gray", linewidth=0.8)
    axis.set(xlabel="pair (cut to another scene at the line)", ylabel="RMSE of relative strain")
    axis.set_ylim(bottom=0.0)
    figure.legend(loc="outside right upper", fontsize="small", frameon=False)
    save_png(figure, path)


def main(weights: Path, folder: Path) -> None:
    """Compute and write everything."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as still:
        case = four_figures(weights, silent(weights, Path(still)))
    found = {"case": case, "consistency": consistency(weights)}
    (folder / "published.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    draw(found["consistency"], folder / "published-consistency.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
