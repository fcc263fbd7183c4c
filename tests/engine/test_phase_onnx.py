"""The phase passes as one ONNX program: exported once, the same numbers for acquisitions of any size."""

import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from moved_scatterers import Pulse, make_pair
from numpy.typing import NDArray

from engine.frontend import FrameInputs, FrontEnd, GridInputs, Start
from engine.iq import IqTransform
from engine.reference.export import INPUTS
from engine.reference.track import PhasePasses, Track
from engine.spec import EngineSpec

pytestmark = pytest.mark.timeout(600)  # torch.export takes 15 s of a core, and cores are shared
SPEC = EngineSpec(shape=(1000, 48), sampling_frequency=40e6, center_frequency=5e6, line_pitch=0.3e-3)
EXPORT = """
import sys
from pathlib import Path
import numpy as np
from engine.reference.export import export_phase_passes
with np.load(sys.argv[1]) as example:
    export_phase_passes(Path(sys.argv[2]), [example[f"arr_{index}"] for index in range(len(example))])
"""
OTHERS = {
    "deeper and wider": replace(SPEC, shape=(2000, 128)),
    "another carrier, every second row": replace(SPEC, shape=(2400, 40), center_frequency=9e6),
    "wide pitch": replace(SPEC, shape=(700, 20), line_pitch=1e-3),
}


def inputs_of(spec: EngineSpec, seed: int = 0) -> list[NDArray[np.float32]]:
    """What a pair of 1 % strain gives the phase passes, with dead rows at the bottom of both frames."""
    pulse = Pulse(cycles_per_sample=spec.center_frequency / spec.sampling_frequency)
    pair = make_pair(lambda z, x: 3 - 0.01 * z + 0.02 * x, shape=spec.shape, pulse=pulse, seed=seed)
    pre, post = pair.pre.copy(), pair.post.copy()
    pre[-60:], post[-60:] = 0, 0
    transform = IqTransform(spec)
    bands = [transform.band(frame) for frame in (pre, post)]
    grid = transform.grid(bands[0])
    front = FrontEnd(grid, spec.shape[1], spec.line_pitch, spec.sample_pitch)
    frames = [front.level(transform.demodulate(band, grid)) for band in bands]
    start, _ = front.start(*frames)
    return [*frames[0].inputs, *frames[1].inputs, *start, *front.inputs]


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Any:
    example = tmp_path_factory.mktemp("program") / "example.npz"
    path = example.with_name("phase.onnx")
    np.savez(example, *inputs_of(SPEC))
    # a process of its own: where pytest collects what torch logs, tracing takes several times as long
    subprocess.run([sys.executable, "-c", EXPORT, example, path], check=True)
    onnx.checker.check_model(path, full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def eager(inputs: list[NDArray[np.float32]]) -> Track:
    with torch.inference_mode():
        track: Track = PhasePasses()(*(torch.from_numpy(values) for values in inputs))
    return track


def test_the_inputs_are_those_of_the_front_end(session: Any) -> None:
    fields = len(FrameInputs._fields) * 2 + len(Start._fields) + len(GridInputs._fields)
    assert [entry.name for entry in session.get_inputs()] == list(INPUTS)
    assert [entry.name for entry in session.get_outputs()] == list(Track._fields)
    assert len(set(INPUTS)) == fields
    assert {entry.type for entry in session.get_inputs()} == {"tensor(float)"}


@pytest.mark.parametrize("name", ["as exported", *OTHERS])
def test_one_program_gives_what_torch_gives(session: Any, name: str) -> None:
    spec = OTHERS.get(name, SPEC)
    inputs = inputs_of(spec, seed=1)
    expected = Track(*(values.numpy() for values in eager(inputs)))
    result = Track(*session.run(None, dict(zip(INPUTS, inputs, strict=True))))
    np.testing.assert_allclose(result.axial, expected.axial, atol=1e-3)
    np.testing.assert_allclose(result.lateral, expected.lateral, atol=1e-3)
    for one, other in zip(result[2:], expected[2:], strict=True):
        assert one.shape == other.shape
        assert np.all(np.isfinite(one))
        assert np.sqrt(np.mean((one - other) ** 2)) < 1e-3 * np.sqrt(np.mean(other**2))
    # the control: another pair is another motion
    unlike = eager(inputs_of(spec, seed=2)).axial.numpy()
    assert np.abs(unlike - expected.axial).max() > 1e-2
