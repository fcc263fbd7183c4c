"""Canonical RF of simulated scenes for the published network: a reference crop and the frames after it."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.errors import EstimateFailed
from engine.spec import FloatArray
from engine.tracking.canonical_rf import canonical_rf, rf_pitch
from engine.tracking.iq import IqTransform
from engine.tracking.normalisation import PairInitialiser
from engine.training.data.scenes import draw_scene

ROWS, LINES = 256, 32  # of a crop, multiples of 16
REACH = 12.0  # canonical rows: mean motion of a crop at most; what the network is trained to find
TRUTH_ROWS = 8  # between two rows of truth, which is slow to compute and smooth: 0.3 mm at 5 MHz
TRUTH_PITCH = 0.6e-3  # m, about, between two columns of truth
MAX_ATTEMPTS = 5


@dataclass(frozen=True, slots=True, eq=False)
class RfScene:
    """Frames of one scene, and where the tissue of one of them is in all others."""

    frames: NDArray[np.float16]
    """(frames, rows, lines) canonical RF."""
    reference: int
    """The frame that the truth starts from."""
    motion: FloatArray
    """(frames, 2, truth rows, truth lines): displacement in rows and lines; NaN where there is none."""
    truth_lines: int
    """Lines between two columns of `motion`; TRUTH_ROWS rows lie between two rows."""


@dataclass(frozen=True, slots=True, eq=False)
class Sequences:
    """A batch of sequences: a reference and the T frames after it, with the truth."""

    pre: Tensor
    """(b, 1, rows, lines)"""
    posts: list[Tensor]
    """T of (b, 1, rows, lines)."""
    motion: list[Tensor]
    """T of (b, 2, rows, lines): true displacement from pre to post, in rows and lines; NaN where none."""


def rf_scene(number: int) -> RfScene:
    """The frames of scene `number`: `engine.training.data.scenes.draw_scene`; about 2 s."""
    for attempt in range(MAX_ATTEMPTS):
        acquisition = draw_scene(number, attempt=attempt).acquisition
        spec = acquisition.imaging.spec
        transform = IqTransform(spec)
        try:
            bands = [transform.band(acquisition.frame(k)) for k in range(acquisition.n_frames)]
            grid = transform.grid(transform.carrier(bands[0]))
        except EstimateFailed:
            continue  # one scene in some thousands has no carrier
        initialiser = PairInitialiser(grid, spec.shape[1], spec.line_spacing, spec.sample_pitch)
        frames = [
            canonical_rf(initialiser.normalise(transform.demodulate(band, grid)), grid) for band in bands
        ]
        pitch = rf_pitch(grid)
        step = max(1, round(TRUTH_PITCH / spec.line_spacing))
        rows = np.arange(0, len(frames[0]) + TRUTH_ROWS, TRUTH_ROWS, dtype=np.float32) * np.float32(pitch)
        lines = np.arange(0, spec.shape[1] + step, step, dtype=np.float32)
        reference = number % len(frames)
        motion = np.empty((len(frames), 2, len(rows), len(lines)), np.float32)
        for k in range(len(frames)):
            truth = acquisition.pair_truth(reference, k, axial_index=rows, lateral_index=lines)
            motion[k] = truth.axial_displacement / np.float32(pitch), truth.lateral_displacement
        return RfScene(np.stack(frames).astype(np.float16), reference, motion, step)
    raise EstimateFailed(f"scene {number} was drawn {MAX_ATTEMPTS} times and never has a carrier")


def draw_sequence(scene: RfScene, length: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """(1 + length, ROWS, LINES) of a reference and the frames after it, and their motion (length, 2, ...).

    Later crops are moved by whole rows so that their mean motion is a random share of what it is, as at a
    smaller depth, and at most `REACH`. Half of them are mirrored laterally. Scenes smaller than a crop are
    continued with zeros and without truth.
    """
    n_rows, n_lines = scene.frames.shape[1:]
    others = [k for k in range(len(scene.frames)) if k != scene.reference]
    later = sorted(rng.choice(others, size=length, replace=False), key=lambda k: abs(k - scene.reference))
    height, width = min(ROWS, n_rows), min(LINES, n_lines)
    moved = np.nan_to_num(scene.motion[later, 0])
    highest = int(np.ceil(max(0.0, -float(moved.min()))))  # later crops must lie inside too
    lowest = n_rows - height - int(np.ceil(max(0.0, float(moved.max()))))
    row = int(rng.integers(highest, max(lowest, highest) + 1)) if lowest > 0 else 0
    line = int(rng.integers(n_lines - width + 1))
    columns = slice(line, line + width)
    at = (row + np.arange(height)) / TRUTH_ROWS, (line + np.arange(width)) / scene.truth_lines
    share = float(rng.uniform())
    frames = np.zeros((1 + length, ROWS, LINES), np.float32)
    motion = np.full((length, 2, ROWS, LINES), np.nan, np.float32)
    frames[0, :height, :width] = scene.frames[scene.reference, row : row + height, columns]
    for position, k in enumerate(later):
        truth = _between(scene.motion[k], *at)
        mean = float(np.nanmean(truth[0])) if np.isfinite(truth[0]).any() else 0.0
        wanted = float(np.clip(share * mean, -REACH, REACH))
        start = int(np.clip(row + round(mean - wanted), 0, n_rows - height))
        frames[1 + position, :height, :width] = scene.frames[k, start : start + height, columns]
        motion[position, :, :height, :width] = truth
        motion[position, 0] -= start - row
    if rng.uniform() < 0.5:
        frames, motion = frames[..., ::-1], motion[..., ::-1]
        motion[:, 1] *= -1.0
    return np.ascontiguousarray(frames), np.ascontiguousarray(motion)


def _between(maps: FloatArray, rows: NDArray[np.floating], lines: NDArray[np.floating]) -> FloatArray:
    """(2, truth rows, truth lines) bilinearly at real-valued places; NaN next to NaN."""
    i, j = rows.astype(np.intp), lines.astype(np.intp)
    a = (rows - i).astype(np.float32)[:, None]
    b = (lines - j).astype(np.float32)[None, :]
    upper = maps[:, i][:, :, j] * (1 - b) + maps[:, i][:, :, j + 1] * b
    lower = maps[:, i + 1][:, :, j] * (1 - b) + maps[:, i + 1][:, :, j + 1] * b
    return np.asarray(upper * (1 - a) + lower * a, np.float32)


def as_batch(drawn: list[tuple[FloatArray, FloatArray]]) -> Sequences:
    """Sequences of equal length as one batch."""
    frames = torch.from_numpy(np.stack([f for f, _ in drawn]))[:, :, None]
    motion = torch.from_numpy(np.stack([m for _, m in drawn]))
    later = range(motion.shape[1])
    return Sequences(frames[:, 0], [frames[:, 1 + k] for k in later], [motion[:, k] for k in later])
