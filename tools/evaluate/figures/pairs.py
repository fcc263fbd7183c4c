"""The figures of one pair for one method, and the sums from which figures of a group are pooled."""

from dataclasses import astuple, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from engine.metrics.accuracy import Map, Mask, accuracy, cnre, cycle_skips, snre
from engine.metrics.calibration import calibration, sparsification
from engine.metrics.correlation import warped_ncc
from engine.metrics.detection import invented_blobs, matched_filter
from engine.metrics.resolution import edge_width, spectra
from engine.simulation import PairTruth
from engine.strain.bound import strain_bound
from tools.evaluate.methods import Maps
from tools.evaluate.suite.scene import Scene, distances, evaluation_grid, inner_region

INSIDE, OUTSIDE = 0.7, 1.5  # of the radius: inside is the core of an inclusion, outside the background
AROUND = 1.6  # of the radius: support of the matched filter, lesion and surroundings
EDGE = 1e-3  # m to either side of a border: half a strain window, where the window biases strain
STRAINED = 1e-4  # mean strain below which the preserved fraction is a ratio of noise to noise
BRIGHTEST = 3.0  # of the mean: relative strain is clipped here before the matched filter


@dataclass(frozen=True, eq=False)
class PairView:
    """A pair with the data that all methods share: frames, truth and region."""

    scene: Scene

    @cached_property
    def frames(self) -> tuple[Any, Any]:
        """(pre, post), int16 RF."""
        i, j = self.scene.pair
        return self.scene.acquisition.frame(i), self.scene.acquisition.frame(j)

    @cached_property
    def truth(self) -> PairTruth:
        """On the evaluation grid."""
        rows, columns = evaluation_grid(self.scene.spec)
        i, j = self.scene.pair
        return self.scene.acquisition.pair_truth(i, j, axial_index=rows, lateral_index=columns)

    @cached_property
    def region(self) -> Mask:
        """Mask of the pixels over which figures are computed."""
        return inner_region(self.scene.spec, self.truth)

    @cached_property
    def pitch_mm(self) -> tuple[float, float]:
        """Pixel size of the evaluation grid, (axial, lateral)."""
        spec, rows = self.scene.spec, self.truth.axial_index
        return float(rows[1] - rows[0]) * spec.sample_pitch * 1e3, spec.line_pitch * 1e3

    @cached_property
    def true_ncc(self) -> float:
        """Correlation of the frames after compensation of the true motion."""
        return self.ncc(self.truth.axial_displacement, self.truth.lateral_displacement)

    def ncc(self, axial: Map, lateral: Map) -> float:
        """Correlation over the region after compensation of this motion."""
        pre, post = self.frames
        truth = self.truth
        return warped_ncc(
            pre,
            post,
            axial=axial,
            lateral=lateral,
            rows=truth.axial_index,
            columns=truth.lateral_index,
            region=self.region & np.isfinite(truth.axial_displacement),
        )


def mean_preserved(strain: Map, truth: Map, region: Mask) -> float:
    """Mean of estimated strain over mean of true strain in `region`, all (rows, cols): 1 if it is preserved.

    The reference is truth, not the displacement of the same engine, because strain agrees with the
    displacement that it is derived from even if both are wrong. NaN if the mean true strain is about zero.
    """
    true_mean = float(truth[region].mean(dtype=np.float64))
    if not abs(true_mean) > STRAINED:
        return float("nan")
    return float(strain[region].mean(dtype=np.float64)) / true_mean


def pair_figures(view: PairView, maps: Maps) -> tuple[dict[str, float], dict[str, Any]]:
    """(figures, sums) of one method. Strain dimensionless, displacement in samples, lengths in mm."""
    scene, truth, region = view.scene, view.truth, view.region
    valid = region & np.isfinite(truth.axial_strain)
    cycles = scene.spec.center_frequency / scene.spec.sampling_frequency
    strain = accuracy(maps.axial_strain, truth.axial_strain, valid)
    displacement = accuracy(maps.axial_displacement, truth.axial_displacement, valid)
    lateral = accuracy(maps.lateral_displacement, truth.lateral_displacement, valid)
    figures = {
        "strain_rmse": strain.rmse,
        "strain_bias": strain.bias,
        "nrmse": strain.nrmse,
        "contrast_recovery": strain.contrast_recovery,
        "displacement_rmse": displacement.rmse,
        "displacement_bias": displacement.bias,
        "lateral_rmse": lateral.rmse,
        "cycle_skips": cycle_skips(maps.axial_displacement, truth.axial_displacement, region, cycles),
        "mean_preserved": mean_preserved(maps.axial_strain, truth.axial_strain, valid),
        "ncc": view.ncc(maps.axial_displacement, maps.lateral_displacement),
        "ncc_truth": view.true_ncc,
    }
    sums: dict[str, Any] = {"strain": astuple(strain), "displacement": astuple(displacement)}
    if maps.strain_std is not None:
        calibrated = calibration(maps.axial_strain, truth.axial_strain, maps.strain_std, valid)
        order = sparsification(maps.axial_strain, truth.axial_strain, maps.strain_std, valid)
        figures |= {
            "calibration": calibrated.z,
            "coverage": calibrated.coverage,
            "sparsification_gain": order.gain,
            "with_std": calibrated.pixels / max(int(valid.sum()), 1),
        }
        sums["calibration"] = astuple(calibrated)
        sums["sparsification"] = [order.by_std.round(4).tolist(), order.by_error.round(4).tolist()]
    if scene.uniform:
        figures["snre"] = snre(maps.axial_strain, valid)
    if scene.bound is not None:
        figures["bound"] = strain_bound(scene.bound)
        figures["over_bound"] = float(np.std(maps.axial_strain[valid])) / figures["bound"]
    figures |= _around_inclusions(view, maps, valid)
    if scene.blobs:
        figures["blobs"] = float(invented_blobs(maps.axial_strain, truth.axial_strain, valid, view.pitch_mm))
        figures["area_cm2"] = float(valid.sum()) * view.pitch_mm[0] * view.pitch_mm[1] / 100.0
    return figures, sums


def _around_inclusions(view: PairView, maps: Maps, valid: Mask) -> dict[str, float]:
    """Contrast and edges of the first inclusion."""
    scene, truth = view.scene, view.truth
    if not scene.inclusions:
        return {}
    inclusion = scene.inclusions[0]
    z, x = distances(scene.spec, inclusion, truth.axial_index, truth.lateral_index)
    radius = np.hypot(z, x) / inclusion.radius
    target, background = valid & (radius < INSIDE), valid & (radius > OUTSIDE)
    if not (target.any() and background.any()):
        return {}
    ratios = [
        float(m[background].mean()) / float(m[target].mean()) if m[target].any() else float("nan")
        for m in (maps.axial_strain, truth.axial_strain)
    ]
    figures = {
        "cnre": cnre(maps.axial_strain, target, background),
        "snre_target": snre(maps.axial_strain, target),
        "snre_background": snre(maps.axial_strain, background),
        "strain_ratio": ratios[0] / ratios[1],
    }
    if maps.strain_std is not None:
        near = np.abs(np.hypot(z, x) - inclusion.radius) < EDGE
        for name, part in (("calibration_edge", near), ("calibration_away", ~near)):
            figures[name] = calibration(
                maps.axial_strain, truth.axial_strain, maps.strain_std, valid & part
            ).z
    for axis, (along, across) in enumerate(((z, x), (x, z))):
        band = valid & (np.abs(across) < 0.5 * inclusion.radius)
        band &= np.abs(along) < 2.0 * inclusion.radius
        name = ("edge_axial", "edge_lateral")[axis]
        figures[name] = edge_width(maps.axial_strain, truth.axial_strain, band, view.pitch_mm[axis], axis)
    return figures


def spectra_sums(view: PairView, maps: Maps) -> dict[str, Any]:
    """Spectra of relative strain over the region's rectangle, for coherence pooled over phantoms."""
    rows, columns = (np.flatnonzero(view.region.any(axis=axis)) for axis in (1, 0))
    cut = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    mean = float(view.truth.axial_strain[cut].mean())
    s = spectra(maps.axial_strain[cut] / mean, view.truth.axial_strain[cut] / mean, view.pitch_mm)
    return {
        "truth": s.truth.tolist(),
        "estimate": s.estimate.tolist(),
        "cross_real": s.cross.real.tolist(),
        "cross_imag": s.cross.imag.tolist(),
        "modes": s.modes.tolist(),
        "area": s.area,
    }


def detection_scores(view: PairView, maps: Maps) -> list[list[float]]:
    """[stiffness, diameter in mm, 1 if present else 0, matched-filter score] of every site of the scene.

    The template is the strain inside the inclusion, in units of the average strain; the score is 1 for a
    lesion at full contrast.
    """
    scene, truth = view.scene, view.truth
    typical = float(np.median(maps.axial_strain[view.region]))
    scale = typical if typical else 1.0
    relative = np.clip(maps.axial_strain / scale, -BRIGHTEST, BRIGHTEST)
    scores = []
    for inclusion, present in scene.lesions:
        z, x = distances(scene.spec, inclusion, truth.axial_index, truth.lateral_index)
        radius = np.hypot(z, x) / inclusion.radius
        template = np.where(radius <= 1.0, 2.0 / (1.0 + inclusion.stiffness) - 1.0, 0.0)
        score = matched_filter(relative, template, radius <= AROUND)
        scores.append(
            [inclusion.stiffness, round(2e3 * inclusion.radius, 3), float(present), round(score, 5)]
        )
    return scores
