"""How a network's errors hang together: between pairs, which fusion cannot average out, and between cells.

A network's prior smooths the same details away in every pair of a tissue. With z the error of relative strain
over its predicted standard deviation, pairs of one scene are compared where the tissue of one has gone in the
other, and the share is their covariance over their variance, sums over pixels pooled over all scenes:

    share = sum(z z') / sum((z^2 + z'^2) / 2)        z = (e / m - true e / true m) / (std / |m|)

With it the errors of an image fused of many pairs are as large beside its standard deviation as those of a
single pair beside its own. Pairs that share a frame do not count: its noise is in both, with opposite signs.

The same z, within a pair, gives the lengths over which errors of neighbours are alike, pooled likewise:

    correlation(d) = sum(z(c) z(c + d)) / sum((z(c)^2 + z(c + d)^2) / 2)

It has a long tail across, so lengths are those of exp(-(d / length)^2) with the same variance of a mean over
a region of `REGION`, in cells: in this unit they depend little on probe and depth.
"""

import math
from collections.abc import Iterable
from itertools import combinations
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from engine.metrics.closure import carried
from engine.musse.manifest import UNMEASURED, MeasuredErrors
from engine.musse.net import LiveNet
from engine.musse.program_io import MIN_COVERAGE, MIN_NCC
from engine.sequence.quality import Thresholds, assess_pair_quality, median
from engine.spec import StrainResult
from engine.training.data.batches import Batch, Scenes
from engine.training.data.recorded import CONSECUTIVE
from engine.training.validation.unsupervised import whole

MIN_APART = 2  # consecutive pairs that start so many frames apart, or more, share no frame
MIN_MEAN = 0.5  # true mean strain over the least that a node accepts: below, a pair has no relative truth


REGION: Final = (32, 12)  # cells along and across, 5 x 7 mm at 5 MHz: what a strain ratio compares


def measured_errors(net: LiveNet, scenes: Scenes, count: int, device: torch.device) -> MeasuredErrors:
    """Of `net` on the pairs of `count` scenes that a node would accept. Raises PoolFailed.

    The share is `UNMEASURED` where no scene has two such pairs, the lengths are None where none has one: a
    training is not lost for that.
    """
    training = net.training
    net.eval()
    together = alone = 0.0
    alike = [np.zeros((n, 2)) for n in REGION]
    for index in range(count):
        samples = scenes.scene(index)
        batches = [whole(samples, pair) for pair in range(len(CONSECUTIVE))]
        motions = [np.nan_to_num(batch.motion[0].numpy()) for batch in batches]
        found = [_standardised(net, batch, device) for batch in batches]
        maps = [z for z in found if z is not None]
        alike = [total + _products(maps, len(total), axis) for axis, total in enumerate(alike)]
        for first, second in combinations(range(len(found)), 2):
            z, later = found[first], found[second]
            if z is None or later is None or second - first < MIN_APART:
                continue
            there = _followed(later, motions[first:second])
            use = np.isfinite(z) & np.isfinite(there)
            a, b = z[use], there[use]
            together += float(np.dot(a, b))
            alone += 0.5 * float(np.dot(a, a) + np.dot(b, b))
    net.train(training)
    lengths = tuple(_length(total) for total in alike)
    return MeasuredErrors(
        shared=round(max(together / alone, 0.0), 3) if alone > 0 else UNMEASURED,
        correlation=(lengths[0], lengths[1]) if all(map(math.isfinite, lengths)) else None,
    )


def _products(maps: Iterable[NDArray[np.float64]], count: int, axis: int) -> NDArray[np.float64]:
    """(count, 2): summed products of cells 0, 1, ... apart along `axis`, and of their squares' mean."""
    sums = np.zeros((count, 2))
    for z in maps:
        rows = np.moveaxis(z, axis, 0)
        for apart in range(min(count, len(rows))):
            a, b = rows[: len(rows) - apart], rows[apart:]
            use = np.isfinite(a) & np.isfinite(b)
            a, b = a[use], b[use]
            sums[apart] += np.dot(a, b), 0.5 * (np.dot(a, a) + np.dot(b, b))
    return sums


def _length(products: NDArray[np.float64]) -> float:
    """Length of the Gaussian correlation that gives a mean over as many cells the same variance; NaN without
    errors."""
    if not products[0, 1] > 0:
        return math.nan
    apart = np.arange(len(products))
    counted = np.where(apart > 0, 2.0, 1.0) * (1.0 - apart / len(products))
    measured = counted @ (products[:, 0] / np.maximum(products[:, 1], np.finfo(float).tiny))
    lengths = np.geomspace(0.2, 4.0 * len(products), 1000)
    modelled = np.exp(-np.square(apart / lengths[:, None])) @ counted
    return round(float(np.interp(measured, modelled, lengths)), 2)


def _standardised(net: LiveNet, batch: Batch, device: torch.device) -> NDArray[np.float64] | None:
    """z of a pair, batch 1: (rows, cols), NaN where it has none; None for a pair that is not accepted."""
    there = batch.to(device)
    with torch.inference_mode():
        fused = net(there.cells)
    strain, std, axial, ncc = (
        values[0].cpu().numpy() for values in (fused.strain, fused.strain_std, fused.axial, fused.coherence)
    )
    estimated = (batch.cells.coverage[0].numpy() >= MIN_COVERAGE) & (ncc >= MIN_NCC)
    rows, cols = (np.arange(n, dtype=np.float32) for n in strain.shape)
    result = StrainResult(
        axial_displacement=axial,
        lateral_displacement=batch.cells.lateral[0].numpy(),
        axial_strain=strain,
        strain_std=np.where(estimated, std, np.float32(np.inf)),
        ncc=ncc,
        axial_index=rows,
        lateral_index=cols,
    )
    thresholds = Thresholds()
    pair_quality = assess_pair_quality(result, thresholds)
    truth = batch.strain[0].numpy()
    use = pair_quality.valid & np.isfinite(truth)
    if pair_quality.rejection is not None or pair_quality.mean_strain is None or not use.any():
        return None
    mean, true_mean = pair_quality.mean_strain, median(truth[use])
    if abs(true_mean) < MIN_MEAN * thresholds.min_strain:
        return None
    z = (strain / mean - truth / true_mean) / (std / abs(mean))
    return np.where(use, z, np.nan).astype(np.float64)


def _followed(later: NDArray[np.float64], motions: list[NDArray[np.float32]]) -> NDArray[np.float64]:
    """`later`, read where tissue has gone in `motions` (cells along the beam, one map per pair).

    Sideways it moves by tenths of a cell in a scene, which does not count.
    """
    nowhere = np.zeros_like(later)
    place = nowhere
    for motion in motions:
        place = place + carried(motion, place, nowhere)
    return np.asarray(carried(later, place, nowhere), np.float64)
