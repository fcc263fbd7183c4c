"""A network with memory as a chain of maps, so that parity is measured over its recurrent sequence."""

from typing import Final, NamedTuple, Protocol

import numpy as np

from engine.estimator import Estimator
from engine.musse.program_io import LiveOutputs
from engine.spec import FloatArray, FrameArray


class Scale(Protocol):
    """What a chain's displacement is given in."""

    @property
    def samples(self) -> float:
        """Samples per unit."""
        ...


class MapsOfPairs(Protocol):
    """What parity and benchmark need of a chain."""

    def maps(self, pre: FrameArray, post: FrameArray) -> tuple[LiveOutputs[FloatArray], Scale]:
        """Maps of a pair."""
        ...


class _Samples(NamedTuple):
    samples: float


NO_INFORMATION: Final = np.float32(1.0)  # a standard deviation of 100 %: parity refuses infinite values
IN_SAMPLES: Final = _Samples(1.0)


class RecurrentMaps:
    """Every pair is committed: the next one starts from its state."""

    def __init__(self, estimator: Estimator) -> None:
        self._estimator = estimator

    def maps(self, pre: FrameArray, post: FrameArray) -> tuple[LiveOutputs[FloatArray], Scale]:
        """See `MapsOfPairs`."""
        result = self._estimator.step(pre, post)
        maps = LiveOutputs(
            strain=result.axial_strain,
            strain_std=np.minimum(result.strain_std, NO_INFORMATION),
            axial=result.axial_displacement,
            lateral=result.lateral_displacement,
            ncc=result.ncc,
            coverage=np.ones_like(result.ncc),
        )
        return maps, IN_SAMPLES
