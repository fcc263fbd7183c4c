"""The classical engine: canonical IQ, coarse search, phase tracking, weighted least-squares strain."""

from collections.abc import Iterable
from dataclasses import replace
from functools import partial

import numpy as np
import torch

from engine.errors import InvalidAcquisition
from engine.estimator import StatelessEstimator
from engine.reference.measure import MIN_COVERAGE, Products, measure
from engine.spec import (
    Device,
    EngineSpec,
    ErrorModel,
    FloatArray,
    FrameArray,
    Stopwatch,
    StrainResult,
    no_stopwatch,
)
from engine.strain.least_squares import StrainWindow
from engine.tracking.lateral_precision import LateralPrecision
from engine.tracking.normalisation import NormalisedFrame, PairInitialiser
from engine.tracking.phase import PhaseZeroTracker, Track
from engine.tracking.preparation import Preparation, PreparedPair
from engine.tracking.torch_device import torch_device

LOWEST_CARRIER, HIGHEST_CARRIER = 0.03, 0.48  # cycles per sample; measured carriers of 0.06-0.45 are tested
ROWS_PER_WINDOW = 26  # of the output grid in one strain window: 4 samples apart for 2 mm at 40 MHz


class ReferenceEstimator(StatelessEstimator):
    """Phase tracking with coherence-weighted least squares; see `engine.estimator.Estimator`.

    The output grid depends on the acquisition alone: rows 1/26 of the strain window apart, every line.
    """

    name = "reference"
    precision = "float32"
    model_hash = None

    def __init__(self, spec: EngineSpec, device: Device = "cpu") -> None:
        self._device = torch_device(device)
        _check(spec)
        self.spec = spec
        self._passes = PhaseZeroTracker()
        self._preparation = Preparation(spec)
        self._lateral = LateralPrecision(spec)
        n_axial, n_lateral = spec.shape
        self._axial_window = spec.axial_window / spec.sample_pitch
        step = max(1, round(self._axial_window / ROWS_PER_WINDOW))
        self._axial_index = np.arange(0, n_axial, step, dtype=np.float32)
        self._lateral_index = np.arange(n_lateral, dtype=np.float32)
        self._front: PairInitialiser | None = None
        self._uploaded: tuple[NormalisedFrame, list[torch.Tensor]] | None = None

    @property
    def error_model(self) -> ErrorModel:
        """That of least squares, with correlation lengths of half its windows.

        With these the means of regions of 2 x 6 to 6 x 6 mm in fused images of 16 simulated phantoms, windows
        of 4 x 2 and 2 x 1 mm, err as much as predicted.
        """
        errors = super().error_model
        if errors.window is None:
            return errors
        return replace(errors, correlation=(errors.window[0] / 2, errors.window[1] / 2))

    def propose(self, pre: FrameArray, post: FrameArray, stopwatch: Stopwatch = no_stopwatch) -> StrainResult:
        """Estimate strain from pre to post: see `engine.estimator.Estimator.propose`.

        `strain_std` is inf in dead rows, where less than 70 % of the window lies in both frames, and where
        they do not correlate. Raises InvalidAcquisition for frames of another shape or kind, EstimateFailed
        for samples that are not finite and for frames without signal.
        """
        # settles how many threads this thread may use: until torch is asked it takes all cores, and another
        # number of threads means other bits
        torch.get_num_threads()
        with stopwatch("prepare"):
            pair = self._preparation.prepare(pre, post)
            window = self._for_grid(pair)
        with stopwatch("upload"):
            is_last_post = self._uploaded is not None and self._uploaded[0] is pair.pre
            before = self._uploaded[1] if self._uploaded and is_last_post else self._upload(pair.pre.inputs)
            after = self._upload(pair.post.inputs)
            self._uploaded = (pair.post, after)
            started = self._upload(pair.start)
        with stopwatch("infer"), torch.inference_mode():
            track: Track = self._passes(*before, *after, *started, *self._grid_inputs)
        with stopwatch("post"):
            products = Products(
                axial=download(track.axial),
                in_phase=download(track.in_phase),
                quadrature=download(track.quadrature),
                energy=download(track.energy),
                valid=download(track.valid),
                radians=pair.radians,
            )
            result = measure(products, window)
            rows = np.rint(self._axial_index / window.row_pitch)
            nearest = np.clip(rows, 0, window.n_rows - 1).astype(np.intp)
            ncc = depth_first(result.ncc)
            return StrainResult(
                axial_displacement=depth_first(result.axial),
                lateral_displacement=depth_first(download(track.lateral).take(nearest, axis=1)),
                axial_strain=depth_first(result.strain),
                strain_std=depth_first(result.strain_std),
                ncc=ncc,
                axial_index=self._axial_index,
                lateral_index=self._lateral_index,
                lateral_std=partial(self._lateral.std, pre, ncc, self._axial_index),
            )

    def _for_grid(self, pair: PreparedPair) -> StrainWindow:
        """What depends on the canonical grid alone: built again only when the measured carrier moves."""
        if pair.front is not self._front:
            self._grid_inputs = self._upload(pair.front.inputs)
            self._strain_window = StrainWindow(
                n_rows=-(-pair.grid.n_rows // pair.front.every),
                row_pitch=pair.grid.pitch * pair.front.every,
                n_lines=self.spec.shape[1],
                output_rows=self._axial_index,
                axial=self._axial_window,
                lateral=max(1.0, self.spec.lateral_window / self.spec.line_spacing),
            )
            self._front = pair.front
        return self._strain_window

    def _upload(self, arrays: Iterable[FloatArray]) -> list[torch.Tensor]:
        """On the device; no copy on the CPU."""
        return [torch.from_numpy(values).to(self._device) for values in arrays]


def _check(spec: EngineSpec) -> None:
    """Raise InvalidAcquisition for what would take minutes, or would hold no strain anywhere."""
    carrier = spec.center_frequency / spec.sampling_frequency
    if spec.kind == "rf" and not LOWEST_CARRIER <= carrier <= HIGHEST_CARRIER:
        raise InvalidAcquisition(
            f"center_frequency {spec.center_frequency:g} Hz at {spec.sampling_frequency:g} Hz sampling is "
            f"{carrier:.3g} cycles per sample; the reference engine takes "
            f"{LOWEST_CARRIER} to {HIGHEST_CARRIER}"
        )
    depth, width = spec.shape[0] * spec.sample_pitch, spec.shape[1] * spec.line_spacing
    for name, window, length in (
        ("axial_window", spec.axial_window, depth),
        ("lateral_window", spec.lateral_window, width),
    ):
        if MIN_COVERAGE * window > length:
            raise InvalidAcquisition(
                f"{name} {window * 1e3:g} mm does not fit into the frame's {length * 1e3:.3g} mm: shorten it"
            )


def download(tensor: torch.Tensor) -> FloatArray:
    """The tensor as a NumPy array; no copy on the CPU."""
    values: FloatArray = tensor.cpu().numpy()
    return values


def depth_first(values: FloatArray) -> FloatArray:
    """(lines, rows) to contiguous (rows, lines)."""
    return np.ascontiguousarray(values.T, dtype=np.float32)
