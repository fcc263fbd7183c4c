"""The seam between the estimator and what computes: two frames in, maps on a cell grid out. NumPy only."""

from collections.abc import Callable
from functools import partial
from typing import Protocol

from engine.musse.cells import CellGrid, cell_grid
from engine.musse.manifest import MeasuredErrors
from engine.musse.output_grid import check_size
from engine.musse.program_io import LiveOutputs
from engine.spec import EngineSpec, FloatArray, FrameArray, Stopwatch, no_stopwatch
from engine.tracking.iq import IqGrid
from engine.tracking.preparation import Preparation


class Identified(Protocol):
    """What a result names of the network that it came from."""

    @property
    def name(self) -> str:
        """The engine's, such as 'onnx'."""
        ...

    @property
    def precision(self) -> str:
        """Arithmetic, such as 'float32'."""
        ...

    @property
    def model_hash(self) -> str:
        """See `engine.musse.manifest.model_hash`."""
        ...

    @property
    def errors(self) -> MeasuredErrors:
        """See `engine.musse.manifest.Manifest`."""
        ...


class Chain(Identified, Protocol):
    """Computes maps of pairs of one acquisition. One thread, but for what `begin` returns."""

    def maps(
        self, pre: FrameArray, post: FrameArray, stopwatch: Stopwatch = no_stopwatch
    ) -> tuple[LiveOutputs[FloatArray], CellGrid]:
        """Maps (rows, cols) of a pair, and the grid they lie on.

        Raises InvalidAcquisition for frames of another shape or kind, or too small for the network,
        EstimateFailed for samples that are not finite and for frames without signal.
        """
        ...

    @property
    def note(self) -> str:
        """Why this engine was taken and not a better one; "" where there is nothing to add."""
        ...

    def ready(self, pre: FrameArray) -> bool:
        """Whether a pair that starts at this frame is computed at once.

        Otherwise `maps` first prepares a working grid, which takes seconds. Raises as `maps`.
        """
        ...

    @property
    def at_once(self) -> bool:
        """Whether pairs that were begun may be computed at the same time."""
        ...

    def begin(
        self, pre: FrameArray, post: FrameArray, stopwatch: Stopwatch = no_stopwatch
    ) -> Callable[[], tuple[LiveOutputs[FloatArray], CellGrid]]:
        """`maps` in two parts: see `engine.estimator.Estimator.begin`."""
        ...

    def reset(self) -> None:
        """Forget every earlier frame."""
        ...


class Runtime(Identified, Protocol):
    """Runs the live program for `HostChain`."""

    @property
    def at_once(self) -> bool:
        """Whether several threads may call `run` at the same time."""
        ...

    def run(self, inputs: tuple[FloatArray, ...]) -> LiveOutputs[FloatArray]:
        """`engine.musse.program_io.INPUTS` in order, to maps (rows, cols)."""
        ...


class HostChain:
    """The front end in NumPy, then the program on a runtime: `Chain` for a CPU."""

    note = ""

    def __init__(self, spec: EngineSpec, runtime: Runtime) -> None:
        self.name, self.precision = runtime.name, runtime.precision
        self.model_hash, self.errors = runtime.model_hash, runtime.errors
        self.at_once = runtime.at_once
        self._spec = spec
        self._runtime = runtime
        self._preparation = Preparation(spec, every_row=True)
        self._grid: IqGrid | None = None

    def maps(
        self, pre: FrameArray, post: FrameArray, stopwatch: Stopwatch = no_stopwatch
    ) -> tuple[LiveOutputs[FloatArray], CellGrid]:
        """See `Chain`."""
        return self.begin(pre, post, stopwatch)()

    def begin(
        self, pre: FrameArray, post: FrameArray, stopwatch: Stopwatch = no_stopwatch
    ) -> Callable[[], tuple[LiveOutputs[FloatArray], CellGrid]]:
        """See `Chain`."""
        with stopwatch("prepare"):
            inputs, cells = self.inputs(pre, post)
        return partial(self._computed, inputs, cells, stopwatch)

    def _computed(
        self, inputs: tuple[FloatArray, ...], cells: CellGrid, stopwatch: Stopwatch
    ) -> tuple[LiveOutputs[FloatArray], CellGrid]:
        with stopwatch("infer"):
            return self._runtime.run(inputs), cells

    def inputs(self, pre: FrameArray, post: FrameArray) -> tuple[tuple[FloatArray, ...], CellGrid]:
        """What the program is given for a pair, and where the maps it answers with lie."""
        pair = self._preparation.prepare(pre, post)
        cells = self._for_grid(pair.grid)
        arrays = (*pair.pre.inputs, *pair.post.inputs, *pair.start, *pair.front.inputs)
        return (*arrays, pair.radians, *cells.matrices(pair.radians)), cells

    def ready(self, pre: FrameArray) -> bool:
        """Always: see `Chain`."""
        return True

    def reset(self) -> None:
        """Forget every earlier frame: the working grid is chosen anew."""
        self._preparation.reset()

    def _for_grid(self, grid: IqGrid) -> CellGrid:
        """What depends on the canonical grid alone: built again only when the measured carrier moves."""
        if grid != self._grid:
            cells = cell_grid(grid, self._spec.shape[1], self._spec.line_spacing)
            check_size(cells)
            self._cells, self._grid = cells, grid
        return self._cells
