"""The maps of a result file that are no part of a strain message: displacements, alone and accumulated."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.sequence.accumulation import Accumulation
from engine.spec import FloatArray
from streamer.headers import RfHeader
from streamer.reasons import MISMATCH
from streamer.step import StrainMessage

MAPS = (
    "axial_strain",
    "strain_std",
    "axial_displacement",
    "lateral_displacement",
    "lateral_std",
    "cumulative_axial_displacement",
)


class OfflineMaps:
    """The arrays of `MAPS` of one message after the other, displacements in metres.

    The cumulative one leads from the frame where the scene began: the first pre frame after a pair that had
    none, or whose frames did not match. It lies on that frame's coordinates.
    """

    def __init__(self, header: RfHeader) -> None:
        self._axial_unit = np.float32(header.acquisition.sample_pitch)
        linear = header.probe_type == "linear"
        self._lateral_unit = np.float32(header.acquisition.line_spacing if linear else header.line_pitch)
        self._chain = Accumulation()

    def of(self, message: StrainMessage) -> Mapping[str, NDArray[Any]]:
        """The arrays of the next message; empty for a rejected pair."""
        cumulative = self._follow(message)
        if not message.arrays or message.result is None or message.pair_quality is None or cumulative is None:
            return {}
        result, valid = message.result, message.pair_quality.valid
        unknown = np.float32(np.nan)
        lateral_std = unknown if result.lateral_std is None else result.lateral_std()
        displacements = (
            result.axial_displacement * self._axial_unit,
            result.lateral_displacement * self._lateral_unit,
            lateral_std * self._lateral_unit,
        )
        masked = [np.where(valid, u, unknown) for u in displacements]
        return dict(zip(MAPS, (*message.arrays, *masked, cumulative * self._axial_unit), strict=True))

    def _follow(self, message: StrainMessage) -> FloatArray | None:
        """Samples from the scene's first frame to this post; NaN where it cannot be determined."""
        header, result, pair_quality = message.header, message.result, message.pair_quality
        if result is None or pair_quality is None or header.pre_index is None:
            self._chain.reset()
            return None
        if header.rejection in (*MISMATCH, "too_much_motion"):
            self._chain.reset()
            return None
        reached = self._chain.update(
            result, valid=pair_quality.valid, pre_index=header.pre_index, post_index=header.post_index
        )
        return np.full(pair_quality.valid.shape, np.nan, np.float32) if reached is None else reached.axial
