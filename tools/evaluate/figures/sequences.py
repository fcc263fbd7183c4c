"""The figures of a sequence: single pairs and the fused image, frame by frame, from the node's own step.

Images are compared as relative strain (1 = the region's average), because strain changes its sign and size
while a hand presses and releases.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from engine.estimator import Estimator
from engine.metrics.accuracy import Accuracy, Map, Mask, accuracy
from engine.simulation import SimulatedAcquisition
from engine.spec import FloatArray
from streamer.config import Config
from streamer.frame import RfFrame
from streamer.geometry import FrameRegion
from streamer.headers import RfHeader
from streamer.offline import strain_messages
from streamer.step import StrainMessage, StrainStep
from tools.evaluate.methods import fitted_strain
from tools.evaluate.suite.scene import Scene, evaluation_grid, inner_region

PAIRINGS: Final = ("sequential", "stride 2", "stride 3", "keyframe", "auto")
SETTLED = 5  # frames after which the criteria apply to the fused image
SHOWN = 0.9  # of the way from the old image to the new one


@dataclass(frozen=True, eq=False)
class SequenceView:
    """A sequence with its frames, and the true relative strain of every one of them."""

    scene: Scene
    _images: dict[tuple[int, bool], tuple[Map, Mask]] = field(default_factory=dict)

    @cached_property
    def frames(self) -> list[NDArray[Any]]:
        """All frames, followed by those of the scene after a cut."""
        after = self.scene.after
        return [*self.scene.acquisition.frames(), *(() if after is None else after.frames())]

    def image(self, index: int, *, fitted: bool = False) -> tuple[Map, Mask]:
        """(true relative strain, region) on the evaluation grid of frame `index`.

        `fitted`: truth fitted in the strain window, the best that an estimate can reach.
        """
        key = (index, fitted)
        if key not in self._images:  # every pairing mode uses the same ones
            first, after = self.scene.acquisition, self.scene.after
            acquisition, local = first, index
            if after is not None and index >= first.n_frames:
                acquisition, local = after, index - first.n_frames
            self._images[key] = _relative_truth(acquisition, local, fitted)
        return self._images[key]


def _relative_truth(acquisition: SimulatedAcquisition, frame: int, fitted: bool) -> tuple[Map, Mask]:
    """Strain from `frame` to the one most differently compressed, over its median in the region."""
    rows, columns = evaluation_grid(acquisition.imaging.spec)
    press = acquisition.motion.modes[0].amplitude
    other = int(np.argmax(np.abs(press - press[frame])))
    truth = acquisition.pair_truth(frame, other, axial_index=rows, lateral_index=columns)
    region = inner_region(acquisition.imaging.spec, truth)
    strain = fitted_strain(truth, acquisition.imaging.spec) if fitted else truth.axial_strain
    return strain / np.median(strain[region]), region


def _header(scene: Scene, index: int) -> RfHeader:
    spec = scene.spec
    return RfHeader(
        source_id="evaluation",
        session_id="1",
        frame_index=index,
        t_acq=round(index * 1e9 / scene.frame_rate),
        clock="device",
        shape=spec.shape,
        axes="axial,lateral",
        dtype="<i2",
        kind="rf",
        sampling_frequency=spec.sampling_frequency,
        center_frequency=spec.center_frequency,
        probe_type="linear",
        line_pitch=spec.line_pitch,
    )


Limits = Mapping[str, Mapping[str, float]]
"""Sections of the configuration whose defaults are changed, such as {"quality": {"min_ncc": 0.9}}."""


def run_sequence(
    view: SequenceView, estimator: Estimator, pairing: str, limits: Limits | None = None
) -> Iterator[StrainMessage]:
    """One message per frame, through the node's own step."""
    mode, _, number = pairing.partition(" ")
    chosen: dict[str, Any] = {"mode": mode, "policy": "every"}
    if number:
        chosen["stride"] = int(number)
    config = Config.model_validate({"pairing": chosen, **(limits or {})})
    step = StrainStep(estimator, FrameRegion.whole(_header(view.scene, 0)), config)
    frames = (
        RfFrame(_header(view.scene, index), samples, received=0.0)
        for index, samples in enumerate(view.frames)
    )
    return strain_messages(frames, config, step)


def _at_grid(values: Map, index: tuple[FloatArray, FloatArray], grid: tuple[FloatArray, FloatArray]) -> Map:
    place = [
        (np.asarray(at, np.float64) - own[0]) / (own[1] - own[0]) for at, own in zip(grid, index, strict=True)
    ]
    return np.asarray(
        map_coordinates(values, np.meshgrid(*place, indexing="ij"), order=1, mode="nearest"), np.float32
    )


def _fused_index(message: StrainMessage) -> tuple[FloatArray, FloatArray]:
    """Samples and lines of the fused map, which has every n-th row of the pair's grid."""
    assert message.result is not None  # noqa: S101 - a fused map implies a result
    assert message.fused is not None  # noqa: S101 - asked for by the caller
    rows = len(message.fused.arrays[0])
    step = -(-len(message.result.axial_index) // rows)
    return message.result.axial_index[::step], message.result.lateral_index


@dataclass(frozen=True, eq=False)
class Shown:
    """Relative strain that is displayed at one frame, on the evaluation grid; None: nothing yet."""

    single: Accuracy | None
    """Of this pair alone, against the truth of its pre frame; None if the pair was rejected."""
    fused: Map | None
    fused_std: Map | None
    added: bool
    """Whether this pair was added to the fused image."""


def shown(
    view: SequenceView, estimator: Estimator, pairing: str, limits: Limits | None = None
) -> Iterator[Shown]:
    """Frame by frame; a frame that adds nothing keeps the last fused image, as on the display."""
    grid = evaluation_grid(view.scene.spec)
    fused: Map | None = None
    std: Map | None = None
    for message in run_sequence(view, estimator, pairing, limits):
        single = None
        if message.header.rejection is None and message.result is not None and message.header.mean_strain:
            pre = message.header.pre_index or 0
            truth, region = view.image(pre)
            result = message.result
            own = _at_grid(result.axial_strain, (result.axial_index, result.lateral_index), grid)
            single = accuracy(own / np.float32(message.header.mean_strain), truth, region)
        if message.fused is not None:
            index = _fused_index(message)
            fused, std = (_at_grid(values, index, grid) for values in message.fused.arrays)
        yield Shown(single, fused, std, message.fused is not None)


def cycle_figures(
    view: SequenceView, estimator: Estimator, pairing: str
) -> tuple[dict[str, float], dict[str, Any], Map | None]:
    """(figures, sums, last fused map) of a hand-held sequence; agreements of relative strain per frame.

    The frozen control keeps the first fused image.
    """
    single: list[list[float] | None] = []
    fused: list[list[float] | None] = []
    frozen: list[list[float] | None] = []
    first: Map | None = None
    last: Map | None = None
    z2, covered, pixels = 0.0, 0, 0
    for index, now in enumerate(shown(view, estimator, pairing)):
        single.append(None if now.single is None else _listed(now.single))
        if now.fused is None or now.fused_std is None:
            fused.append(None)
            frozen.append(None)
            continue
        last, first = now.fused, now.fused if first is None else first
        truth, region = view.image(index)
        valid = region & np.isfinite(now.fused)
        fused.append(_listed(accuracy(now.fused, truth, valid)))
        frozen.append(_listed(accuracy(first, truth, region & np.isfinite(first))))
        if index >= SETTLED:
            with_std = valid & np.isfinite(now.fused_std) & (now.fused_std > 0)
            z = ((now.fused - truth)[with_std] / now.fused_std[with_std]).astype(np.float64)
            z2, covered, pixels = (
                z2 + float(np.dot(z, z)),
                covered + int((np.abs(z) < 1.96).sum()),
                pixels + z.size,
            )
    later = [unlisted(row).nrmse for row in fused[SETTLED:] if row]
    singles = [unlisted(row).nrmse for row in single if row]
    figures = {
        "fused_nrmse_worst": max(later, default=float("nan")),
        "fused_nrmse": float(np.mean(later)) if later else float("nan"),
        "single_nrmse_median": float(np.median(singles)) if singles else float("nan"),
        "fused_error_worst": max(
            (unlisted(row).rmse for row in fused[SETTLED:] if row), default=float("nan")
        ),
        "pairs_used": len(singles) / max(len(single) - 1, 1),
        "calibration": float(np.sqrt(z2 / pixels)) if pixels else float("nan"),
        "coverage": covered / pixels if pixels else float("nan"),
    }
    return figures, {"single": single, "fused": fused, "frozen": frozen}, last


def cut_figures(view: SequenceView, estimator: Estimator) -> tuple[dict[str, float], dict[str, Any]]:
    """Response of the image to a change of phantom: fraction of the change, per frame after the cut.

    The fraction is the projection of (image - old truth) on (new truth - old truth), truth fitted in the
    strain window: 1 once the image shows the new phantom. The response is the time in s after which it stays
    above 0.9 until the end; inf for the frozen control.
    """
    cut = view.scene.acquisition.n_frames
    old, _ = view.image(cut - 1, fitted=True)
    shares: dict[str, list[float]] = {"fused": [], "frozen": []}
    before: Map | None = None
    for index, now in enumerate(shown(view, estimator, "sequential")):
        if index < cut:
            before = now.fused
            continue
        new, region = view.image(index, fitted=True)
        for name, image in (("fused", now.fused), ("frozen", before)):
            shares[name].append(0.0 if image is None else _share(image, old, new, region))
    figures = {}
    for name, values in shares.items():
        short = [k for k, share in enumerate(values) if share < SHOWN]
        late = 0 if not short else short[-1] + 1
        seconds = (late + 1) / view.scene.frame_rate if late < len(values) else float("inf")
        figures["response" if name == "fused" else "response_frozen"] = seconds
    return figures, {"shares": shares}


def _share(image: Map, old: Map, new: Map, region: Mask) -> float:
    use = region & np.isfinite(image) & np.isfinite(old) & np.isfinite(new)
    way = (new - old)[use].astype(np.float64)
    return float(np.dot((image - old)[use], way) / np.dot(way, way))


def unlisted(row: list[float]) -> Accuracy:
    """The agreement that a record stores as a list."""
    return Accuracy(int(row[0]), *row[1:])


def _listed(a: Accuracy) -> list[float]:
    return [a.pixels, a.error, a.squared_error, a.truth_variance, a.estimate_variance, a.covariance]
