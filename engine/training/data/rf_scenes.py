"""Raw RF of simulated scenes as the paper's network sees it: a reference crop and the frames after it."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.training.data.scenes import draw_scene

ROWS, LINES = 256, 32  # of a crop, multiples of 16
REACH = 48  # samples that a crop may be moved by before it is compared


@dataclass(frozen=True, slots=True, eq=False)
class RfScene:
    """Frames (frames, rows, lines) float32 of one scene."""

    frames: NDArray[np.float32]


def rf_scene(number: int) -> RfScene:
    """The frames of scene `number`: `engine.training.data.scenes.draw_scene`."""
    acquisition = draw_scene(number).acquisition
    frames = [np.asarray(acquisition.frame(k), np.float32) for k in range(acquisition.n_frames)]
    return RfScene(np.stack(frames))


def draw_crops(scene: RfScene, length: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """(1 + length, ROWS, LINES): a reference and the same place in the frames after it, of unit RMS.

    Each later crop is first moved by whole samples to where its envelope matches best: correlation of RF
    alone finds its way over half a wavelength only. Scenes smaller than a crop are continued with zeros.
    """
    frames = scene.frames
    rows, lines = frames.shape[1:]
    row = int(rng.integers(max(rows - ROWS, 0) + 1))
    line = int(rng.integers(max(lines - LINES, 0) + 1))
    columns = slice(line, line + LINES)
    first = frames[0, row : row + ROWS, columns]
    found = np.zeros((1 + length, ROWS, LINES), np.float32)
    found[0, : first.shape[0], : first.shape[1]] = first
    for k in range(1, 1 + length):
        start = _matching_row(first, frames[k, :, columns], row)
        crop = frames[k, start : start + first.shape[0], columns]
        found[k, : crop.shape[0], : crop.shape[1]] = crop
    power = np.sqrt(np.square(found).mean(axis=(1, 2), keepdims=True))
    found /= np.maximum(power, 1e-12)
    return found


def _matching_row(reference: NDArray[np.float32], frame: NDArray[np.float32], row: int) -> int:
    """Row of `frame` where |RF|, smoothed, is most like `reference`, within `REACH` of `row`."""
    height = len(reference)

    def envelope(values: NDArray[np.float32]) -> NDArray[np.float64]:
        summed = np.cumsum(np.abs(values, dtype=np.float64), axis=0)
        smooth: NDArray[np.float64] = summed[8:] - summed[:-8]
        return smooth

    target = envelope(reference)
    target -= target.mean()
    first, last = max(row - REACH, 0), min(row + REACH, len(frame) - height)
    scores = []
    for start in range(first, last + 1):
        other = envelope(frame[start : start + height])
        other -= other.mean()
        scores.append(float((target * other).sum() / np.sqrt(np.square(other).sum() + 1e-12)))
    return first + int(np.argmax(scores))


def as_sequence(crops: list[NDArray[np.float32]]) -> tuple[Tensor, list[Tensor]]:
    """(pre (b, 1, rows, lines), posts: one such tensor per later frame)."""
    stacked = torch.from_numpy(np.stack(crops))[:, :, None]
    return stacked[:, 0], [stacked[:, k] for k in range(1, stacked.shape[1])]
