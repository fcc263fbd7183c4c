"""The network engine: the classical front end, then the live program on some runtime. NumPy only."""

from typing import Protocol

import numpy as np

from engine.errors import EstimateFailed
from engine.estimator import StatelessEstimator
from engine.musse.cells import CellGrid, cell_grid
from engine.musse.output_grid import OutputGrid, check_size
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
from engine.tracking.iq import IqGrid
from engine.tracking.preparation import Preparation


class Runtime(Protocol):
    """Runs the live program."""

    @property
    def name(self) -> str:
        """Such as 'onnx'."""
        ...

    @property
    def precision(self) -> str:
        """Arithmetic, such as 'float32'."""
        ...

    @property
    def model_hash(self) -> str:
        """SHA-256 of the weights."""
        ...

    @property
    def shared(self) -> float:
        """See `engine.musse.manifest.Manifest`."""
        ...

    def run(self, inputs: tuple[FloatArray, ...]) -> LiveOutputs[FloatArray]:
        """`engine.musse.program_io.INPUTS` in order, to maps (rows, cols)."""
        ...


class MusseEstimator(StatelessEstimator):
    """MUSSE-Net live; see `engine.estimator.Estimator`.

    The output grid depends on the acquisition alone: a cycle of the stated carrier by about 0.6 mm.
    The strain windows of `spec` do not count: the network chooses its own, pixel by pixel.
    Raises InvalidAcquisition for frames of less than 8 x 8 cells.
    """

    def __init__(self, spec: EngineSpec, runtime: Runtime) -> None:
        self.spec = spec
        self.name = runtime.name
        self.precision = runtime.precision
        self.model_hash: str | None = runtime.model_hash
        self._runtime = runtime
        self._prepare = Preparation(spec, every_row=True)
        self._output = OutputGrid(spec)
        self._grid: IqGrid | None = None

    @property
    def error_model(self) -> ErrorModel:
        """See `Estimator`: what its prior smooths away is missing from every pair alike."""
        return ErrorModel(window=None, shared=self._runtime.shared)

    def propose(self, pre: FrameArray, post: FrameArray, stopwatch: Stopwatch = no_stopwatch) -> StrainResult:
        """Estimate strain from pre to post: see `engine.estimator.Estimator.propose`.

        `strain_std` is inf in dead rows and where the frames do not correlate at all. Raises
        InvalidAcquisition for frames of another shape or kind, or too small for the network, EstimateFailed
        for samples that are not finite and for frames without signal.
        """
        with stopwatch("prepare"):
            inputs, cells = self.inputs(pre, post)
        with stopwatch("infer"):
            maps = self._runtime.run(inputs)
        with stopwatch("post"):
            if not np.isfinite(maps.strain).all():
                raise EstimateFailed(f"the network gave values that are not finite ({self.name})")
            maps = maps._replace(axial=maps.axial * np.float32(cells.samples))
            maps = self._output.resampled(maps, cells)
            informed = (maps.coverage >= MIN_COVERAGE) & (maps.ncc >= MIN_NCC)
            return StrainResult(
                axial_displacement=maps.axial,
                lateral_displacement=maps.lateral,
                axial_strain=maps.strain,
                strain_std=np.where(informed, maps.strain_std, np.float32(np.inf)),
                ncc=maps.ncc,
                axial_index=self._output.axial_index,
                lateral_index=self._output.lateral_index,
            )

    def reset(self) -> None:
        """Forget every earlier frame: the working grid is chosen again."""
        self._prepare.reset()

    def inputs(self, pre: FrameArray, post: FrameArray) -> tuple[tuple[FloatArray, ...], CellGrid]:
        """What the program is given for a pair, and where the maps it answers with lie."""
        pair = self._prepare(pre, post)
        cells = self._for_grid(pair.grid)
        arrays = (*pair.pre.inputs, *pair.post.inputs, *pair.start, *pair.front.inputs)
        return (*arrays, pair.radians, *cells.matrices(pair.radians)), cells

    def _for_grid(self, grid: IqGrid) -> CellGrid:
        """What depends on the canonical grid alone: built again only when the measured carrier moves."""
        if grid != self._grid:
            cells = cell_grid(grid, self.spec.shape[1], self.spec.line_spacing)
            check_size(cells)
            self._cells, self._grid = cells, grid
        return self._cells
