"""Iterated phase tracking on canonical IQ: warp post by the motion so far, read the rest from the phase.

The phase of the windowed product pre * conj(warped post) is zero where the motion is right, whatever the
carrier (phase zero: Pesavento et al., IEEE Trans. UFFC 46(5), 1999); the carrier, measured per depth with the
lag-one autocorrelator (Loupas et al., IEEE Trans. UFFC 42(4), 1995), only sets how fast that is reached.

Tensors in, tensors out: no state, no complex numbers, no shape that is a constant, so that one exported
program serves every acquisition.
"""

from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor, nn

from engine.tracking.iq import OVERSAMPLING
from engine.tracking.normalisation import FrameInputs, GridInputs, Start
from engine.tracking.warp import bordered, warp

MIN_CURVATURE = 0.02  # of log correlation per line squared; flatter peaks do not determine lateral motion
TINY = 1e-20

Complex: TypeAlias = tuple[Tensor, ...]
"""Real and imaginary part."""


class Track(NamedTuple):
    """Motion and the products left after it, on the rows `GridInputs.left`: (lines, rows) float32."""

    axial: Tensor
    """Motion that post was warped by, in samples."""
    lateral: Tensor
    """lines"""
    in_phase: Tensor
    """Real part of pre * conj(warped post)."""
    quadrature: Tensor
    """Its imaginary part: in_phase times the residual phase, where that is small."""
    energy: Tensor
    """(2, lines, rows): squared magnitudes of pre and of warped post."""
    valid: Tensor
    """Share of each pixel that both frames hold, 0-1."""


class PhaseZeroTracker(nn.Module):
    """From a first guess of the motion to the products that strain is measured on. No parameters."""

    def forward(self, *inputs: Tensor) -> Track:
        """Track a pair: the fields of pre and post (`FrameInputs`), `Start` and `GridInputs`, in order."""
        pre, post, start, grid = packed(inputs)
        seen, post_planes = at_rows(pre.planes, grid.seen * OVERSAMPLING).unbind(), bordered(post.planes)
        axial, lateral = start.axial, start.lateral
        for across, along in (
            (grid.first_across, grid.first_along),
            (grid.second_across, grid.second_along),
        ):
            u, v = (grid.across @ (motion @ grid.to_seen) for motion in (axial, lateral))
            warped = moved(post_planes, grid.seen, u, v, grid)
            re, im = (across @ part @ along for part in product(seen, warped))
            # both frames are normalised, so this weights by coherence; not + TINY, which
            # ONNX's optimiser folds to + 0
            size = magnitude(re, im).clamp(min=TINY)
            angle = torch.atan2(im, re)
            phase, weight = (grid.smooth_across @ part @ grid.smooth_along for part in (angle * size, size))
            lateral = lateral + lateral_step(seen, warped, size, (across, along), grid)
            axial = axial + phase / weight / start.node_radians
        u, v = (grid.across @ (motion @ grid.to_kept) for motion in (axial, lateral))
        a = at_rows(pre.planes, grid.left * OVERSAMPLING).unbind()
        b = moved(post_planes, grid.left, u, v, grid)
        inside = warp(bordered(post.known[None]), grid.left + u / grid.pitch, grid.lines[:, None] + v)[0]
        in_phase, quadrature = product(a, b)
        return Track(
            axial=u,
            lateral=v,
            in_phase=in_phase,
            quadrature=quadrature,
            energy=torch.stack((magnitude_squared(*a), magnitude_squared(*b))),
            valid=inside * at_rows(pre.known, grid.left),
        )


def packed(
    inputs: tuple[Any, ...],
) -> tuple[FrameInputs[Tensor], FrameInputs[Tensor], Start[Tensor], GridInputs[Tensor]]:
    """The inputs of `PhaseZeroTracker` under their names."""
    return FrameInputs(*inputs[:2]), FrameInputs(*inputs[2:4]), Start(*inputs[4:7]), GridInputs(*inputs[7:])


def at_rows(values: Tensor, rows: Tensor) -> Tensor:
    """Maps (..., rows) on these rows. A gather: ONNX Runtime takes ten times as long to index_select."""
    return values.gather(-1, rows.to(torch.int64).expand(*values.shape[:-1], -1))


def moved(planes: Tensor, rows: Tensor, u: Tensor, v: Tensor, grid: GridInputs[Tensor]) -> Complex:
    """Post displaced by u samples and v lines (lines, rows), on pre's carrier."""
    re, im = warp(planes, (rows + u / grid.pitch) * OVERSAMPLING, grid.lines[:, None] + v).unbind()
    angle = u * grid.carrier
    cos, sin = angle.cos(), angle.sin()
    return re * cos - im * sin, im * cos + re * sin


def lateral_step(
    a: Complex, warped: Complex, size: Tensor, window: tuple[Tensor, Tensor], grid: GridInputs[Tensor]
) -> Tensor:
    """Lines still to move: where the correlation with warped post's neighbouring lines peaks.

    Both sides are summed over the same pairs of lines, crosswise, so that they are equal, and the step
    exactly zero, where warped post equals pre. `size` is the correlation without a shift.
    """
    across = window[0][:, 1:]  # a pair of lines counts where its second line lies
    first, first_warped = ((re[:-1], im[:-1]) for re, im in (a, warped))
    second, second_warped = ((re[1:], im[1:]) for re, im in (a, warped))
    left, right = (
        magnitude(*(across @ part @ window[1] for part in product(*lines)))
        for lines in ((second, first_warped), (first, second_warped))
    )
    low, middle, high = (
        (grid.side_across @ curve @ grid.side_along).clamp(min=TINY).log() for curve in (left, size, right)
    )
    curvature = (2 * middle - low - high).clamp(min=MIN_CURVATURE)
    return (0.5 * (high - low) / curvature).clamp(-1.0, 1.0)


def product(a: Complex, b: Complex) -> Complex:
    """a * conj(b)."""
    return a[0] * b[0] + a[1] * b[1], a[1] * b[0] - a[0] * b[1]


def magnitude_squared(re: Tensor, im: Tensor) -> Tensor:
    """Of a complex number."""
    return re * re + im * im


def magnitude(re: Tensor, im: Tensor) -> Tensor:
    """Of a complex number."""
    return magnitude_squared(re, im).sqrt()
