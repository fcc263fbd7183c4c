"""The compared methods: engines with their settings, and the controls, which must not win any figure."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

import numpy as np
from scipy.ndimage import map_coordinates

from engine.baselines.blockmatch import BlockMatcher
from engine.estimator import Estimator
from engine.factory import MUSSE, Opener, load, model_hash, resolve
from engine.metrics.accuracy import Map
from engine.simulation import PairTruth
from engine.spec import Device, EngineSpec, FloatArray, StrainResult
from engine.strain.least_squares import least_squares_strain
from tools.errors import ToolError
from tools.evaluate.suite.scene import Scene, inner_region

COMPARATOR: Final = "ncc"
"""The plain block matcher: part of evaluations, not offered to users."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """An engine and its strain window."""

    engine: str
    wavelengths: float | None = None
    """Axial window in nominal wavelengths; None: the default of `EngineSpec` in mm."""
    lines: float | None = None
    """Lateral window."""

    @property
    def label(self) -> str:
        """Such as 'reference' or 'reference@24x3'."""
        if self.wavelengths is None or self.lines is None:
            return self.engine
        return f"{self.engine}@{self.wavelengths:g}x{self.lines:g}"

    def spec(self, spec: EngineSpec) -> EngineSpec:
        """The acquisition with this setting's windows."""
        if self.wavelengths is None or self.lines is None:
            return spec
        wavelength = spec.sound_speed / spec.center_frequency
        return replace(
            spec,
            axial_window=self.wavelengths * wavelength,
            lateral_window=self.lines * spec.line_pitch,
        )


def parse_setting(text: str) -> Setting:
    """A setting from 'ENGINE' or 'ENGINE@WAVELENGTHSxLINES', such as reference@24x3.

    Raises ToolError for another form; whether the engine exists is checked when it is opened.
    """
    engine, at, windows = text.partition("@")
    if not at:
        return Setting(engine=engine)
    try:
        wavelengths, lines = (float(part) for part in windows.split("x"))
    except ValueError:
        raise ToolError(
            f"engine {text!r}: give NAME or NAME@WAVELENGTHSxLINES, such as reference@24x3"
        ) from None
    if not (1 <= wavelengths <= 200 and 1 <= lines <= 100):
        raise ToolError(f"engine {text!r}: windows are 1-200 wavelengths by 1-100 lines")
    return Setting(engine=engine, wavelengths=wavelengths, lines=lines)


class Engines:
    """Opens estimators and keeps the last few, because many cases share one acquisition. One thread."""

    def __init__(self, threads: int = 1, weights: Path | None = None, device: Device = "cpu") -> None:
        self._threads = threads
        self._device: Device = device
        self._weights = weights
        self._open: dict[tuple[Setting, EngineSpec], Estimator] = {}
        self._hashes: dict[str, str | None] = {COMPARATOR: None}

    def __call__(self, setting: Setting, spec: EngineSpec) -> Estimator:
        """The estimator of `setting` for frames of `spec`, without memory of earlier pairs."""
        key = (setting, spec)
        if key not in self._open:
            while len(self._open) >= 4:
                self._open.pop(next(iter(self._open)))
            opener = BlockMatcher if setting.engine == COMPARATOR else self._load(setting.engine)
            self._open[key] = opener(setting.spec(spec), self._device)
        self._open[key].reset()
        return self._open[key]

    def weights(self, setting: Setting | None) -> str | None:
        """`model_hash` of the weights of `setting`; None for engines without weights and for controls."""
        if setting is None:
            return None
        if setting.engine not in self._hashes:
            self._hashes[setting.engine] = model_hash(setting.engine, self._weights)
        return self._hashes[setting.engine]

    def _load(self, engine: str) -> Opener:
        """The function that opens an engine, with the weights if it accepts any."""
        takes = self._weights is not None and resolve(engine, self._weights)[0] in MUSSE
        return load(engine, self._threads, self._weights if takes else None)


@dataclass(frozen=True, kw_only=True, eq=False)
class Maps:
    """Estimates of a method on the evaluation grid (rows, cols); units of `StrainResult`."""

    axial_displacement: Map
    lateral_displacement: Map
    axial_strain: Map
    strain_std: Map | None
    """None: the method predicts no uncertainty."""


def on_grid(result: StrainResult, rows: FloatArray, columns: FloatArray) -> Maps:
    """A result at samples `rows` and lines `columns`: linear interpolation, std of the nearest node."""
    z, x = (
        (np.asarray(at, np.float64) - index[0]) / (index[1] - index[0])
        for at, index in ((rows, result.axial_index), (columns, result.lateral_index))
    )
    place = np.meshgrid(z, x, indexing="ij")

    def taken(values: FloatArray, order: Literal[0, 1]) -> Map:
        return np.asarray(map_coordinates(values, place, order=order, mode="nearest"), np.float32)

    return Maps(
        axial_displacement=taken(result.axial_displacement, 1),
        lateral_displacement=taken(result.lateral_displacement, 1),
        axial_strain=taken(result.axial_strain, 1),
        strain_std=taken(result.strain_std, 0),
    )


Control = Callable[[Scene, PairTruth], Maps]


def _truth(scene: Scene, truth: PairTruth) -> Maps:
    return Maps(
        axial_displacement=truth.axial_displacement,
        lateral_displacement=truth.lateral_displacement,
        axial_strain=truth.axial_strain,
        strain_std=None,
    )


def fitted_strain(truth: PairTruth, spec: EngineSpec) -> FloatArray:
    """True displacement fitted in the strain window of `spec`: the best strain that the window allows."""
    valid = np.isfinite(truth.axial_displacement)
    return least_squares_strain(
        np.where(valid, truth.axial_displacement, np.float32(0)),
        row_pitch=float(truth.axial_index[1] - truth.axial_index[0]),
        axial=spec.axial_window / spec.sample_pitch,
        lateral=max(1.0, spec.lateral_window / spec.line_pitch),
        weight=valid.astype(np.float32),
    )


def _fitted_truth(scene: Scene, truth: PairTruth) -> Maps:
    return replace(_truth(scene, truth), axial_strain=fitted_strain(truth, scene.spec))


def _constant(scene: Scene, truth: PairTruth) -> Maps:
    """Constant strain, the true mean over the inner region."""
    mean = np.float32(np.nanmean(truth.axial_strain[inner_region(scene.spec, truth)]))
    line = mean * (truth.axial_index - truth.axial_index.mean()) + np.nanmean(truth.axial_displacement)
    shape = truth.axial_strain.shape
    return Maps(
        axial_displacement=np.broadcast_to(line[:, None], shape).astype(np.float32),
        lateral_displacement=np.full(shape, np.nanmean(truth.lateral_displacement), np.float32),
        axial_strain=np.full(shape, mean, np.float32),
        strain_std=None,
    )


def _zero(scene: Scene, truth: PairTruth) -> Maps:
    nothing = np.zeros(truth.axial_strain.shape, np.float32)
    return Maps(
        axial_displacement=nothing, lateral_displacement=nothing, axial_strain=nothing, strain_std=None
    )


CONTROLS: Final[dict[str, Control]] = {
    "truth": _truth,
    "truth, fitted": _fitted_truth,
    "constant": _constant,
    "zero": _zero,
}
"""Reference points for the figures: the truth, the truth fitted in the same strain window, which is the best
that the window allows, and two maps without information."""
