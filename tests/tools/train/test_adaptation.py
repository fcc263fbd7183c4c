"""Adaptation to a scanner outside the training distribution, without truth; worse weights are refused."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console

import tools.train.adapt as module
from engine.errors import EngineUnavailable, EstimateFailed
from engine.musse.checkpoint import load, save
from engine.musse.manifest import MeasuredErrors
from engine.musse.net import LiveNet
from engine.simulation import Inclusion, SimulatedAcquisition, inclusion_phantom, simulate_acquisition
from engine.simulation.aperture import varying_imaging
from engine.simulation.deformation import Mode, motion
from engine.simulation.effects import Noise
from engine.spec import EngineSpec
from engine.training.data.recorded import block_of, split
from engine.training.data.scenes import FRAMES
from engine.training.validation.unsupervised import UnsupervisedFigures, matches, unsupervised_figures, whole
from streamer.errors import ConfigError
from tests.engine.training.tiny_training import RECIPE, TINY, Scenes, trained
from tools.errors import ToolError
from tools.formats import Acquisition, write_recording
from tools.train.adapt import Adaptation, GotWorse, run_adaptation

CPU = torch.device("cpu")
# training draws 2.5-12 MHz, bandwidths up to 0.9, beams up to 3.5 wavelengths
SPEC = EngineSpec(shape=(900, 48), sampling_frequency=16e6, center_frequency=1.8e6, line_pitch=0.5e-3)


@pytest.fixture(scope="module")
def scanner() -> SimulatedAcquisition:
    """Three blocks of a hand that presses and releases."""
    imaging = varying_imaging(SPEC, fractional_bandwidth=1.0, lateral_fwhm=3.6e-3, n_zones=1)
    phantom = inclusion_phantom(Inclusion(depth=0.02, lateral=0.0, radius=5e-3, stiffness=3.0))
    press = 0.01 + 0.008 * np.sin(np.arange(3 * FRAMES) * 0.55)
    return simulate_acquisition(
        phantom,
        imaging,
        motion([Mode(field=phantom.compression, amplitude=press)]),
        per_cell=12.0,
        effects=(Noise(in_band_snr_db=18.0),),
        seed=11,
    )


@pytest.fixture(scope="module")
def recording(scanner: SimulatedAcquisition, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("unknown") / "unknown.h5"
    constants = Acquisition(
        sampling_frequency=SPEC.sampling_frequency,
        center_frequency=SPEC.center_frequency,
        probe_type="linear",
        line_pitch=SPEC.line_pitch,
    )
    with write_recording(path, constants) as writer:
        for k in range(scanner.n_frames):
            writer.append(scanner.frame(k).astype(np.float32), t_acq=k * 50_000_000)
    return path


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("start")
    trainer, _ = trained(folder / "run", replace(RECIPE, steps=60), Scenes())
    net = trainer.task.net
    assert isinstance(net, LiveNet)
    save(net, folder / "start.safetensors", trained={"steps": 60}, errors=MeasuredErrors(shared=0.6))
    return folder / "start.safetensors"


def _request(start: Path, recording: Path, folder: Path, steps: int = 12, rate: float = 1e-4) -> Adaptation:
    recipe = folder / "tiny.toml"
    recipe.write_text(
        f"truth = false\nsteps = {steps}\nbatch = 2\nlength = 2\nlearning_rate = {rate}\nwarm_up = 2\n"
        "[unsupervised]\naxial_smoothness = 0.5\nlateral_smoothness = 0.5\nconsistency = 0.3\n"  # of "adapt"
    )
    return Adaptation(
        recipe=str(recipe), start=start, data=(recording,), output=folder / "out", minutes=0.0, threads=1,
        device="cpu",
    )  # fmt: skip


def _strain_error(path: Path, scanner: SimulatedAcquisition) -> float:
    """On held-out frames, which the second block is, over the deviation of truth."""
    net, _ = load(path)
    block = block_of([scanner.frame(FRAMES + k) for k in range(FRAMES)], SPEC)
    errors = []
    for pair in range(FRAMES - 1):
        batch = whole(block.samples, pair)
        truth = scanner.pair_truth(
            FRAMES + pair,
            FRAMES + pair + 1,
            axial_index=block.grid.axial_index,
            lateral_index=block.grid.lateral_index,
        ).axial_strain
        with torch.inference_mode():
            strain = net(batch.cells).strain[0].numpy()
        errors.append(np.sqrt(np.nanmean((strain - truth) ** 2) / np.nanvar(truth)))
    return float(np.mean(errors))


def test_weights_adapt_to_an_unknown_scanner_and_are_saved(
    start: Path,
    recording: Path,
    scanner: SimulatedAcquisition,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def write(net: LiveNet, path: Path, trained: dict[str, object], errors: MeasuredErrors) -> None:
        save(net, path, trained=trained, errors=errors)

    monkeypatch.setattr(module, "write_live", write)
    run_adaptation(_request(start, recording, tmp_path), Console(stderr=True), as_json=True)
    adapted = tmp_path / "out" / "adapted.safetensors"
    _, manifest = load(adapted)
    assert manifest.trained["adapted_from"] == load(start)[1].sha256
    assert set(manifest.trained["held_back"]) == {"before", "after"}
    assert manifest.errors.shared == 0.6  # of the weights before: there is no truth to measure it anew
    assert list(manifest.trained["recordings"]) == ["unknown.h5"]
    assert _strain_error(adapted, scanner) < 1.02 * _strain_error(start, scanner)


def test_weights_that_got_worse_are_refused_by_figure_and_not_saved(
    start: Path, recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(GotWorse, match=r"nothing was saved: (closure|NCC|the fused|figures)"):
        run_adaptation(_request(start, recording, tmp_path, rate=0.1), Console(stderr=True), as_json=True)
    assert not (tmp_path / "out").exists()
    event = json.loads(capsys.readouterr().out)
    assert event["weights"] is None
    assert event["before"] != event["after"]


def test_every_figure_is_compared() -> None:
    before = UnsupervisedFigures(
        closure=0.9, ncc=0.9, ncc_leeway=0.01, ncc_explained=0.95, fused_change=0.2, pairs=9
    )
    assert before.worse_than(before) is None
    assert replace(before, closure=0.94, ncc=0.94, fused_change=0.1).worse_than(before) is None
    assert (
        replace(before, fused_change=0.1).against(before).startswith("better by 50.0 % (change of the fused")
    )
    assert replace(before, fused_change=0.205).against(before).startswith("no better (")
    changes: list[tuple[dict[str, Any], str]] = [
        ({"closure": 0.96}, "closure"),
        ({"ncc": 0.96}, "fitted noise"),
        ({"ncc": 0.88}, "NCC fell"),
        ({"fused_change": 0.3}, "fused image"),
        ({"closure": float("nan")}, "not finite"),
    ]
    for change, reason in changes:
        assert reason in (replace(before, **change).worse_than(before) or "")


def test_sigma_explains_the_match_of_true_motion_and_not_of_motion_that_follows_noise(
    scanner: SimulatedAcquisition,
) -> None:
    block = block_of([scanner.frame(k) for k in range(FRAMES)], SPEC)
    for pair in range(FRAMES - 1):
        cells = whole(block.samples, pair).cells
        truth = scanner.pair_truth(
            pair, pair + 1, axial_index=block.grid.axial_index, lateral_index=block.grid.lateral_index
        ).axial_displacement
        true_motion = torch.from_numpy((truth / block.grid.samples).astype(np.float32))[None]
        of_truth, explained = matches(cells, torch.where(true_motion.isfinite(), true_motion, cells.axial))
        alone = cells.axial + cells.moment / cells.weight.clamp(min=1e-6)  # every cell by its own phase
        assert of_truth < explained < matches(cells, alone)[0]
        assert explained - of_truth < 0.02


def test_an_image_of_noise_is_worse_by_these_figures(scanner: SimulatedAcquisition) -> None:
    block = block_of([scanner.frame(k) for k in range(FRAMES)], SPEC)
    torch.manual_seed(0)
    net = LiveNet(TINY)
    before = unsupervised_figures(net, [block], CPU)
    for head in net.trunk.decoder.heads:
        assert isinstance(head, torch.nn.Conv2d)
        torch.nn.init.normal_(head.weight, std=3.0)
    assert unsupervised_figures(net, [block], CPU).worse_than(before)


def test_held_out_frames_are_never_learnt_from(scanner: SimulatedAcquisition) -> None:
    block = block_of([scanner.frame(k) for k in range(FRAMES)], SPEC)
    blocks = [replace(block) for _ in range(9)]
    learnt, held_out = split(blocks)
    assert [blocks.index(b) for b in held_out] == [1, 5]
    assert len(learnt) == 7
    assert not {id(b) for b in learnt} & {id(b) for b in held_out}
    with pytest.raises(EstimateFailed, match="at least 2"):
        split(blocks[:1])


def test_what_cannot_adapt_is_refused(start: Path, recording: Path, tmp_path: Path) -> None:
    request = _request(start, recording, tmp_path)
    with pytest.raises(ToolError, match="truth = false"):
        run_adaptation(replace(request, recipe="quick"), Console(stderr=True), as_json=True)
    with pytest.raises(ConfigError, match="no recipe 'nothing'"):
        run_adaptation(replace(request, recipe="nothing"), Console(stderr=True), as_json=True)
    with pytest.raises(EngineUnavailable, match="no usable manifest"):
        run_adaptation(replace(request, start=tmp_path / "x.safetensors"), Console(stderr=True), as_json=True)
