"""Where training withholds the measured displacement from the coupling: whole pairs, blocks, lines.

A network that always has the measurement leans on it: its prior loses small lesions, and where nothing is
measured, in shadows and at skipped cycles, nothing good is left.
"""

from typing import Final

import numpy as np
import torch
from torch import Tensor

WHOLE: Final = 1 / 3  # of pairs, without any measurement
BLOCKS: Final = 1 / 3  # of pairs, one to three blocks
LINES: Final = 1 / 6  # of pairs, runs of neighbouring lines; the rest keeps every measurement


def draw_measured(shape: tuple[int, int, int], *, seed: int, step: int) -> Tensor:
    """(batch, rows, cols): 1 where the measurement may be used, 0 where it is withheld."""
    rng = np.random.default_rng([seed, step, 1])
    batch, rows, cols = shape
    use = np.ones(shape, np.float32)
    for pair in range(batch):
        draw = rng.uniform()
        if draw < WHOLE:
            use[pair] = 0.0
        elif draw < WHOLE + BLOCKS:
            for _ in range(int(rng.integers(1, 4))):
                height, width = int(rng.integers(8, rows // 2)), int(rng.integers(2, cols // 2))
                top, left = int(rng.integers(rows - height)), int(rng.integers(cols - width))
                use[pair, top : top + height, left : left + width] = 0.0
        elif draw < WHOLE + BLOCKS + LINES:
            width = int(rng.integers(1, cols // 3))
            left, top = int(rng.integers(cols - width)), int(rng.integers(rows // 2))
            use[pair, top * int(rng.integers(2)) :, left : left + width] = 0.0
    return torch.from_numpy(use)
