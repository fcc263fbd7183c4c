"""The network engine: the classical front end, then the live program on some runtime. NumPy only."""

from collections.abc import Callable
from functools import partial

import numpy as np

from engine.errors import EstimateFailed
from engine.estimator import StatelessEstimator
from engine.musse.cells import CellGrid
from engine.musse.chain import Chain
from engine.musse.output_grid import OutputGrid
from engine.musse.program_io import MIN_COVERAGE, MIN_NCC, LiveOutputs
from engine.spec import (
    EngineSpec,
    ErrorModel,
    FloatArray,
    FrameArray,
    Stopwatch,
    StrainResult,
    no_stopwatch,
)
from engine.tracking.lateral_precision import LateralPrecision


class MusseEstimator(StatelessEstimator):
    """MUSSE-Net live; see `engine.estimator.Estimator`.

    The output grid depends on the acquisition alone: a cycle of the stated carrier by about 0.6 mm.
    The strain windows of `spec` do not count: the network chooses its own, pixel by pixel.
    Raises InvalidAcquisition for frames of less than 8 x 8 cells.
    """

    def __init__(self, spec: EngineSpec, chain: Chain) -> None:
        self.spec = spec
        self.precision = chain.precision
        self.model_hash: str | None = chain.model_hash
        self._chain = chain
        self._output = OutputGrid(spec)
        self._lateral = LateralPrecision(spec)

    @property
    def name(self) -> str:
        """The engine's that computed the newest pair."""
        return self._chain.name

    @property
    def note(self) -> str:
        """See `Estimator`."""
        return self._chain.note

    def ready(self, pre: FrameArray) -> bool:
        """See `Estimator`."""
        return self._chain.ready(pre)

    @property
    def error_model(self) -> ErrorModel:
        """See `Estimator`: what its prior smooths away is missing from every pair alike."""
        errors, lengths = self._chain.errors, None
        if errors.correlation is not None:
            steps = (
                np.diff(index[:2])[0] for index in (self._output.axial_index, self._output.lateral_index)
            )
            along, across = (float(n * step) for n, step in zip(errors.correlation, steps, strict=True))
            lengths = (along, across)
        return ErrorModel(window=None, shared=errors.shared, correlation=lengths)

    def propose(self, pre: FrameArray, post: FrameArray, stopwatch: Stopwatch = no_stopwatch) -> StrainResult:
        """Estimate strain from pre to post: see `engine.estimator.Estimator.propose`.

        `strain_std` is inf in dead rows and where the frames do not correlate at all. Raises
        InvalidAcquisition for frames of another shape or kind, or too small for the network, EstimateFailed
        for samples that are not finite and for frames without signal.
        """
        return self.begin(pre, post, stopwatch)()

    @property
    def at_once(self) -> bool:
        """See `Estimator`."""
        return self._chain.at_once

    def begin(
        self, pre: FrameArray, post: FrameArray, stopwatch: Stopwatch = no_stopwatch
    ) -> Callable[[], StrainResult]:
        """See `Estimator`."""
        maps = self._chain.begin(pre, post, stopwatch)
        return partial(self._result, maps, pre, stopwatch)

    def _result(
        self,
        compute: Callable[[], tuple[LiveOutputs[FloatArray], CellGrid]],
        pre: FrameArray,
        stopwatch: Stopwatch,
    ) -> StrainResult:
        maps, cells = compute()
        with stopwatch("post"):
            if not np.isfinite(maps.strain).all():
                raise EstimateFailed(f"the network gave values that are not finite ({self.name})")
            maps = maps._replace(axial=maps.axial * np.float32(cells.samples))
            maps = self._output.resampled(maps, cells)
            estimated = (maps.coverage >= MIN_COVERAGE) & (maps.ncc >= MIN_NCC)
            return StrainResult(
                axial_displacement=maps.axial,
                lateral_displacement=maps.lateral,
                axial_strain=maps.strain,
                strain_std=np.where(estimated, maps.strain_std, np.float32(np.inf)),
                ncc=maps.ncc,
                axial_index=self._output.axial_index,
                lateral_index=self._output.lateral_index,
                lateral_std=partial(self._lateral.std, pre, maps.ncc, self._output.axial_index),
            )

    def reset(self) -> None:
        """Forget every earlier frame: the working grid is chosen again."""
        self._chain.reset()
