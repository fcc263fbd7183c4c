"""What is stated about an array whose file states nothing."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

CONSTANTS: dict[str, Any] = {"fs": 40e6, "fc": 4.8e6, "pitch": 0.3e-3, "probe_type": "linear", "c": 1500.0}


RATE: dict[str, Any] = {"frame_rate": 20.0}


TIMES: dict[str, Any] = {"t_acq": np.arange(5, dtype=np.int64) * 50_000_000}


def cell(elements: list[Any]) -> NDArray[Any]:
    cell = np.empty(len(elements), object)
    for k, element in enumerate(elements):
        cell[k] = element
    return cell
