"""Canonical RF of simulated scenes for the published network: a reference crop and the frames after it.

Later frames are aligned with the reference by the affine part of their motion, as the engine does it.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.errors import EstimateFailed
from engine.network.upsample import BandLimitedWarp
from engine.spec import FloatArray
from engine.tracking.affine import AffineMotion
from engine.tracking.canonical_rf import canonical_rf, rf_pitch
from engine.tracking.iq import IqTransform
from engine.tracking.normalisation import PairInitialiser
from engine.training.data.scenes import draw_scene

ROWS, LINES = 192, 32  # of a crop, multiples of 16
TRUTH_ROWS = 8  # between two rows of truth, which is slow to compute and smooth: 0.3 mm at 5 MHz
TRUTH_PITCH = 0.6e-3  # m, about, between two columns of truth
MAX_ATTEMPTS = 5


@dataclass(frozen=True, slots=True, eq=False)
class RfScene:
    """Frames of one scene, and where the tissue of one of them is in all others."""

    frames: NDArray[np.float16]
    """(frames, rows, lines) canonical RF, aligned."""
    reference: int
    """The frame that the truth starts from."""
    motion: FloatArray
    """(frames, 2, truth rows, truth lines): what is left of the displacement, in rows and lines; NaN where
    there is none."""
    alignment: FloatArray
    """(frames, 2, 3): the motion that aligning took out, in rows and lines: at row 0 of line 0, per row, per
    line."""
    truth_lines: int
    """Lines between two columns of `motion`; TRUTH_ROWS rows lie between two rows."""


class Drawn(NamedTuple):
    """One sequence."""

    frames: FloatArray
    """(1 + T, ROWS, LINES)"""
    motion: FloatArray
    """(T, 2, ROWS, LINES)"""
    alignment: FloatArray
    """(T, 2, ROWS, LINES)"""


@dataclass(frozen=True, slots=True, eq=False)
class Sequences:
    """A batch of sequences: a reference and the T frames after it, with the truth."""

    pre: Tensor
    """(b, 1, rows, lines)"""
    posts: list[Tensor]
    """T of (b, 1, rows, lines)."""
    motion: list[Tensor]
    """T of (b, 2, rows, lines): what is left of the displacement from pre to post, in rows and lines; NaN
    where there is none."""
    alignment: list[Tensor]
    """T of (b, 2, rows, lines): the motion that aligning took out."""


def rf_scene(number: int, *, clean: bool = False) -> RfScene:
    """The frames of scene `number`: `engine.training.data.scenes.draw_scene`; about 2 s."""
    for attempt in range(MAX_ATTEMPTS):
        acquisition = draw_scene(number, attempt=attempt, clean=clean).acquisition
        spec = acquisition.imaging.spec
        transform = IqTransform(spec)
        try:
            bands = [transform.band(acquisition.frame(k)) for k in range(acquisition.n_frames)]
            grid = transform.grid(transform.carrier(bands[0]))
        except EstimateFailed:
            continue  # one scene in some thousands has no carrier
        front = PairInitialiser(grid, spec.shape[1], spec.line_spacing, spec.sample_pitch)
        frames = [front.normalise(transform.demodulate(band, grid)) for band in bands]
        images = [canonical_rf(frame, grid) for frame in frames]
        pitch, size = rf_pitch(grid), images[0].shape
        step = max(1, round(TRUTH_PITCH / spec.line_spacing))
        rows = np.arange(0, size[0] + TRUTH_ROWS, TRUTH_ROWS, dtype=np.float32)
        lines = np.arange(0, size[1] + step, step, dtype=np.float32)
        reference = number % len(images)
        motion = np.empty((len(images), 2, len(rows), len(lines)), np.float32)
        alignment = np.empty((len(images), 2, 3), np.float32)
        for k, frame in enumerate(frames):
            affine = AffineMotion.of(front.start(frames[reference], frame)[0], front)
            truth = acquisition.pair_truth(
                reference, k, axial_index=rows * np.float32(pitch), lateral_index=lines
            )
            moved = np.stack((truth.axial_displacement / np.float32(pitch), truth.lateral_displacement))
            motion[k] = affine.residual(moved, rows, lines)
            alignment[k] = np.column_stack((affine.offset, affine.slopes))
            images[k] = aligned(images[k], affine)
        return RfScene(np.stack(images).astype(np.float16), reference, motion, alignment, step)
    raise EstimateFailed(f"scene {number} was drawn {MAX_ATTEMPTS} times and never has a carrier")


def aligned(image: FloatArray, affine: AffineMotion) -> FloatArray:
    """A later frame (rows, lines), moved back by `affine`, the motion since the reference."""
    rows, lines = (np.arange(count, dtype=np.float32) for count in image.shape)
    moved = BandLimitedWarp()(
        torch.from_numpy(image)[None, None], torch.from_numpy(affine.at(rows, lines))[None]
    )
    return np.asarray(moved[0, 0].numpy())


def draw_sequence(
    scene: RfScene, length: int, rng: np.random.Generator, *, shifted: float = 0.0, varied: bool = True
) -> Drawn:
    """A crop of a reference and of the frames after it.

    `shifted` is the share of later crops that are moved by a row, as by an error of the alignment. `varied`,
    for training: half of all sequences are mirrored laterally, half along depth, and half have the other
    polarity. Scenes smaller than a crop are continued with zeros and without truth.
    """
    n_rows, n_lines = scene.frames.shape[1:]
    others = [k for k in range(len(scene.frames)) if k != scene.reference]
    later = sorted(rng.choice(others, size=length, replace=False), key=lambda k: abs(k - scene.reference))
    height, width = min(ROWS, n_rows), min(LINES, n_lines)
    row = int(rng.integers(n_rows - height + 1))
    line = int(rng.integers(n_lines - width + 1))
    columns = slice(line, line + width)
    at = (row + np.arange(height)) / TRUTH_ROWS, (line + np.arange(width)) / scene.truth_lines
    frames = np.zeros((1 + length, ROWS, LINES), np.float32)
    motion = np.full((length, 2, ROWS, LINES), np.nan, np.float32)
    frames[0, :height, :width] = scene.frames[scene.reference, row : row + height, columns]
    for position, k in enumerate(later):
        shift = int(rng.choice((-1, 1))) if rng.uniform() < shifted else 0
        start = int(np.clip(row + shift, 0, n_rows - height))
        frames[1 + position, :height, :width] = scene.frames[k, start : start + height, columns]
        motion[position, :, :height, :width] = _between(scene.motion[k], *at)
        motion[position, 0] -= start - row
    rows, lines = row + np.arange(ROWS), line + np.arange(LINES)
    place = np.stack(np.broadcast_arrays(1.0, rows[:, None], lines[None, :]))
    alignment = np.einsum("tik,krl->tirl", scene.alignment[later], place).astype(np.float32)
    if varied and rng.uniform() < 0.5:
        frames, motion, alignment = (values[..., ::-1] for values in (frames, motion, alignment))
        motion[:, 1], alignment[:, 1] = -motion[:, 1], -alignment[:, 1]
    if varied and rng.uniform() < 0.5:
        frames, motion, alignment = (values[..., ::-1, :] for values in (frames, motion, alignment))
        motion[:, 0], alignment[:, 0] = -motion[:, 0], -alignment[:, 0]
    if varied and rng.uniform() < 0.5:
        frames = -frames
    return Drawn(*(np.ascontiguousarray(values) for values in (frames, motion, alignment)))


def _between(maps: FloatArray, rows: NDArray[np.floating], lines: NDArray[np.floating]) -> FloatArray:
    """(2, truth rows, truth lines) bilinearly at real-valued places; NaN next to NaN."""
    i, j = rows.astype(np.intp), lines.astype(np.intp)
    a = (rows - i).astype(np.float32)[:, None]
    b = (lines - j).astype(np.float32)[None, :]
    upper = maps[:, i][:, :, j] * (1 - b) + maps[:, i][:, :, j + 1] * b
    lower = maps[:, i + 1][:, :, j] * (1 - b) + maps[:, i + 1][:, :, j + 1] * b
    return np.asarray(upper * (1 - a) + lower * a, np.float32)


def as_batch(drawn: list[Drawn]) -> Sequences:
    """Sequences of equal length as one batch."""
    frames, motion, alignment = (torch.from_numpy(np.stack(part)) for part in zip(*drawn, strict=True))
    later = range(motion.shape[1])
    return Sequences(
        frames[:, None, 0],
        [frames[:, None, 1 + k] for k in later],
        [motion[:, k] for k in later],
        [alignment[:, k] for k in later],
    )
