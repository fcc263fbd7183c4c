"""Checks of the engines: which can run here, which one is configured, and a trial pair with that."""

import time
from statistics import median
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.errors import EngineError, EngineUnavailable
from engine.factory import ENGINES, ON_CARD, load, resolve
from streamer.config import Config
from streamer.engine_choice import weights_of
from streamer.errors import StreamerError
from streamer.frame import RfFrame
from streamer.geometry import configured_region, engine_spec
from streamer.headers import RfHeader
from streamer.pairing import FramePair
from streamer.step import StrainStep
from streamer.stopwatch import Stopwatch
from tools.doctor.findings import Finding

TRIAL_SECONDS: Final = 5.0
TRIAL_STRAIN: Final = -0.005
TOLERANCE: Final = 0.1
"""Largest error of the trial's mean strain, relative to the true one."""
TRIAL_SHAPE: Final = (1024, 64)


def check_engines() -> Finding:
    """Which engines can run on this computer, and why the others cannot."""
    usable, reasons = [], []
    for name in ENGINES:
        try:
            load(name)
        except EngineUnavailable as error:
            reasons.append(str(error) if name in str(error) else f"{name}: {error}")
        else:
            usable.append(name)
    text = f"{', '.join(usable)} can run here"
    return Finding("engines", "ok", "; ".join([text, *reasons]))


def check_compiled_engines() -> Finding:
    """The engines that this user has compiled."""
    from engine.musse.artefact import store
    from engine.user_cache import engines_folder

    states = []
    for folder in store.folders(engines_folder()):
        try:
            states.append(f"{folder.name} {store.read(folder).status}")
        except EngineUnavailable:
            states.append(f"{folder.name} damaged")
    if any(state.endswith(("damaged", "refused")) for state in states):
        remedy = "build them again: musse-stream engine build RECORDING"
        return Finding("compiled-engines", "attention", ", ".join(states), remedy)
    return Finding("compiled-engines", "ok", ", ".join(states) or "no engine was compiled here")


def check_device(config: Config) -> Finding:
    """The device that the configured engine computes on."""
    import torch

    from engine.tracking.torch_device import has_card

    settings = config.engine
    card = torch.cuda.get_device_name() if has_card() else None
    found = f"PyTorch finds {card}" if card else "PyTorch finds no NVIDIA card"
    if settings.where == "cuda" or settings.name in ON_CARD:
        if card is None:
            return Finding(
                "device",
                "fault",
                f"the configuration asks for an NVIDIA card, but {found}",
                'set engine.device = "cpu" and engine.name = "auto", or install driver and CUDA build',
            )
        return Finding("device", "ok", f"the configured engine computes on the card; {found}")
    return Finding("device", "ok", f"the configured engine computes on the CPU; {found}")


def check_trial(config: Config, seconds: float) -> Finding:
    """Pairs of a known strain through the configured engine for `seconds`: its result and its speed."""
    trial = Config(engine=config.engine)  # thresholds and region of the configuration belong to its scanner
    begun = time.perf_counter()
    try:
        pre, post = (_frame(index, strain) for index, strain in enumerate((0.0, TRIAL_STRAIN)))
        settings = trial.engine
        region = configured_region(pre.header, trial)
        opener = load(settings.name, settings.threads, weights_of(settings), settings.precision)
        estimator = opener(engine_spec(pre.header, region, trial), settings.where)
        step = StrainStep(estimator, region, trial)
        message = step.run(FramePair(pre, post, None), Stopwatch())  # the first one allocates and compiles
        if message.rejection is not None:
            return Finding(
                "trial-pair",
                "fault",
                f"engine {estimator.name} rejected a simulated pair: {message.rejection}",
                'compare with engine.name = "reference"; docs/protocol.md explains the reason',
            )
        ready = time.perf_counter()
        times: list[float] = []
        while time.perf_counter() < begun + seconds or not times:
            watch = time.perf_counter()
            message = step.run(FramePair(pre, post, None), Stopwatch())
            times.append(time.perf_counter() - watch)
    except (EngineError, StreamerError) as error:
        remedy = 'set engine.name = "auto" and engine.device = "cpu" in the configuration'
        return Finding("trial-pair", "fault", str(error), remedy)
    strain, each = message.header.mean_strain, median(times)
    _, why = resolve(settings.name, weights_of(settings), estimator.spec, settings.where)
    result = (
        f"engine {estimator.name} measured {_percent(strain)} where {_percent(TRIAL_STRAIN)} is true, "
        f"{each * 1e3:.0f} ms a pair of {TRIAL_SHAPE[0]} x {TRIAL_SHAPE[1]} samples, "
        f"ready after {ready - begun:.1f} s ({why})"
    )
    if strain is None or abs(strain / TRIAL_STRAIN - 1) > TOLERANCE:
        remedy = 'do not use its images; set engine.name = "reference"'
        return Finding("trial-pair", "fault", result, remedy)
    return Finding("trial-pair", "ok", result)


def _percent(strain: float | None) -> str:
    return "no value" if strain is None else f"{strain * 100:.2f} %"


def _frame(index: int, strain: float) -> RfFrame:
    header = RfHeader.model_validate(
        {
            "schema": "musse.rf", "version": 1, "source_id": "trial", "session_id": "trial",
            "frame_index": index, "t_acq": index * 40_000_000, "clock": "device", "shape": TRIAL_SHAPE,
            "axes": "axial,lateral", "dtype": "<i2", "kind": "rf", "sampling_frequency": 40e6,
            "center_frequency": 5e6, "probe_type": "linear", "line_pitch": 3e-4,
        }
    )  # fmt: skip
    return RfFrame(header, _echoes(strain), 0.0)


def _echoes(strain: float) -> NDArray[np.int16]:
    """RF of random scatterers after `strain`: what was at depth z is at z (1 + strain) then."""
    rng = np.random.default_rng(0)
    cycles = rng.normal(5 / 40, 0.02, (64, 1))  # per sample
    phase = rng.uniform(0, 2 * np.pi, (64, TRIAL_SHAPE[1]))
    turns = 2 * np.pi * cycles * np.arange(TRIAL_SHAPE[0]) / (1 + strain)
    samples: NDArray[np.float64] = np.cos(turns).T @ np.cos(phase) - np.sin(turns).T @ np.sin(phase)
    return (300 * samples).astype(np.int16)
