"""The one interface every strain estimator has, classical or network."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from typing import Protocol

from engine.spec import EngineSpec, ErrorModel, FrameArray, Stopwatch, StrainResult, no_stopwatch


class Estimator(Protocol):
    """From two frames to a `StrainResult`, with a state that changes only on `commit` and `reset`.

    One thread may call it, but for what `begin` returns. Frames are (n_axial, n_lateral), int16 or float32 RF
    or complex64 IQ according to `spec.kind`, of any gain and any memory order; they are read, never kept or
    changed.
    """

    @property
    def name(self) -> str:
        """The name it is opened by, such as 'reference'."""
        ...

    @property
    def note(self) -> str:
        """Why this engine was taken and not a better one; "" where there is nothing to add."""
        ...

    @property
    def precision(self) -> str:
        """Arithmetic of the result, such as 'float32'."""
        ...

    @property
    def model_hash(self) -> str | None:
        """SHA-256 of the weights' hash and the version of the program around them; None without weights."""
        ...

    @property
    def spec(self) -> EngineSpec:
        """What it was built for."""
        ...

    @property
    def error_model(self) -> ErrorModel:
        """Error correlation model. `window` is None if the strain windows of `spec` are not used."""
        ...

    def propose(self, pre: FrameArray, post: FrameArray, stopwatch: Stopwatch = no_stopwatch) -> StrainResult:
        """Estimate strain from pre to post without changing any state.

        Stages given to the stopwatch: prepare, upload, infer, post. Raises InvalidAcquisition for frames
        that are not of `spec`, EstimateFailed where no estimate exists.
        """
        ...

    def ready(self, pre: FrameArray) -> bool:
        """Whether `propose` of a pair that starts at this frame computes at once.

        Otherwise it first prepares for what the frame shows, which takes seconds. Raises as `propose`.
        """
        ...

    @property
    def at_once(self) -> bool:
        """Whether pairs that were begun may be computed at the same time."""
        ...

    def begin(
        self, pre: FrameArray, post: FrameArray, stopwatch: Stopwatch = no_stopwatch
    ) -> Callable[[], StrainResult]:
        """`propose` in two parts: the first in the order of the pairs, what it returns in any thread.

        The frames must stay as they are until that has returned. Results are those of `propose`, bit for bit;
        both parts raise as it does.
        """
        ...

    def commit(self, result: StrainResult) -> None:
        """Make the state that `result` carries the current one."""
        ...

    def reset(self) -> None:
        """Forget every earlier pair."""
        ...

    def step(self, pre: FrameArray, post: FrameArray) -> StrainResult:
        """`propose` and `commit` in one call, for those who accept every pair."""
        ...


class StatelessEstimator(ABC):
    """The half of `Estimator` that an estimator without memory shares with its likes."""

    spec: EngineSpec

    @property
    def error_model(self) -> ErrorModel:
        """Noise of least squares over the windows of `spec`, new in every pair."""
        spec = self.spec
        window = spec.axial_window / spec.sample_pitch, spec.lateral_window / spec.line_spacing
        return ErrorModel(window=window, shared=0.0)

    @abstractmethod
    def propose(self, pre: FrameArray, post: FrameArray, stopwatch: Stopwatch = no_stopwatch) -> StrainResult:
        """Estimate strain from pre to post: see `Estimator.propose`."""

    @property
    def note(self) -> str:
        """Nothing to add: it was asked for by name."""
        return ""

    def ready(self, pre: FrameArray) -> bool:
        """Always: everything was prepared when it was opened."""
        return True

    @property
    def at_once(self) -> bool:
        """No: one thread."""
        return False

    def begin(
        self, pre: FrameArray, post: FrameArray, stopwatch: Stopwatch = no_stopwatch
    ) -> Callable[[], StrainResult]:
        """Nothing yet: all of `propose` is the second part."""
        return partial(self.propose, pre, post, stopwatch)

    def commit(self, result: StrainResult) -> None:  # noqa: B027 - there is no state
        """Nothing to keep."""

    def reset(self) -> None:  # noqa: B027 - there is no state
        """Nothing to forget."""

    def step(self, pre: FrameArray, post: FrameArray) -> StrainResult:
        """The same as `propose`, because there is no state."""
        return self.propose(pre, post)
