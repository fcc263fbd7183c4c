"""The published network as an engine: two USSE-Net stages on canonical RF, with explicit ConvLSTM state.

Post is first aligned with pre by the affine part of their motion; the network finds the rest.

The state of a pair lies on its pre frame's grid. It is carried on where the next pair starts at the same
frame (a key frame), or at the frame that the last committed pair ended with: then it is moved along with
the tissue first. Any other pair starts from the zero state.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from engine.errors import EstimateFailed
from engine.musse.output_grid import OutputGrid, along_depth
from engine.musse.program_io import MIN_NCC
from engine.musse.published_chain import PublishedChain
from engine.spec import EngineSpec, ErrorModel, FloatArray, FrameArray, Stopwatch, StrainResult, no_stopwatch
from engine.strain.bound import BoundCase, strain_std_at

ASSUMED_BANDWIDTH = 0.6  # of the pulse, for the bound alone


class PublishedEstimator:
    """MUSSE-Net as published; see `engine.estimator.Estimator`. One thread.

    Strain is the slope over `spec.axial_window`; `spec.lateral_window` counts only for the correlation.
    `strain_std` is the closed-form bound at the local correlation: it does not cover what the network gets
    wrong although the frames match. Raises EngineUnavailable, InvalidAcquisition.
    """

    precision = "float32"

    def __init__(self, spec: EngineSpec, chain: PublishedChain) -> None:
        self.spec = spec
        self._chain = chain
        self.model_hash: str | None = chain.model_hash
        self._output = OutputGrid(spec)

    @property
    def name(self) -> str:
        """The engine's that computed the newest pair."""
        return self._chain.name

    @property
    def note(self) -> str:
        """See `Estimator`."""
        return self._chain.note

    @property
    def error_model(self) -> ErrorModel:
        """See `Estimator`."""
        return ErrorModel(window=None, shared=self._chain.shared)

    def propose(self, pre: FrameArray, post: FrameArray, stopwatch: Stopwatch = no_stopwatch) -> StrainResult:
        """Estimate strain from pre to post: see `engine.estimator.Estimator.propose`.

        Raises InvalidAcquisition for frames of another shape or kind, EstimateFailed for samples that are not
        finite and for frames without signal.
        """
        found = self._chain.pair(pre, post, stopwatch)
        with stopwatch("post"):
            if not np.isfinite(found.maps).all():
                raise EstimateFailed(f"the network gave values that are not finite ({self.name})")
            rows = (np.arange(found.maps.shape[1]) * found.pitch).astype(np.float32)
            axial, lateral, slope, match = (
                along_depth(values, rows, self._output.axial_index) for values in found.maps
            )
            return StrainResult(
                axial_displacement=axial,
                lateral_displacement=lateral,
                axial_strain=slope,
                strain_std=self._std(match),
                ncc=match,
                axial_index=self._output.axial_index,
                lateral_index=np.arange(self.spec.shape[1], dtype=np.float32),
                state=found.memory,
                fresh_state=found.fresh,
            )

    def ready(self, pre: FrameArray) -> bool:
        """See `Estimator`."""
        return self._chain.ready(pre)

    at_once = False
    """A pair needs the state that the one before it leaves."""

    def begin(
        self, pre: FrameArray, post: FrameArray, stopwatch: Stopwatch = no_stopwatch
    ) -> Callable[[], StrainResult]:
        """Nothing yet: all of `propose` is the second part."""
        return partial(self.propose, pre, post, stopwatch)

    def commit(self, result: StrainResult) -> None:
        """Make the state that `result` carries the current one."""
        self._chain.commit(result.state)

    def reset(self) -> None:
        """Forget every earlier pair."""
        self._chain.reset()

    def step(self, pre: FrameArray, post: FrameArray) -> StrainResult:
        """`propose` and `commit` in one call."""
        result = self.propose(pre, post)
        self.commit(result)
        return result

    def _std(self, ncc: FloatArray) -> FloatArray:
        """Standard deviation of strain at each correlation; inf where there is no information."""
        spec = self.spec
        case = BoundCase(
            center_frequency=spec.center_frequency,
            fractional_bandwidth=ASSUMED_BANDWIDTH,
            axial_window=spec.axial_window,
            lateral_window=spec.line_spacing,  # strain is fitted line by line
            line_pitch=spec.line_spacing,
            sound_speed=spec.sound_speed,
        )
        std = strain_std_at(np.clip(ncc, MIN_NCC, 0.99999), case)
        return np.asarray(np.where(ncc < MIN_NCC, np.inf, std), np.float32)
