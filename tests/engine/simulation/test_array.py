"""The delay-based array, and the fast image's truth held against it."""

import numpy as np
import torch
from scipy.ndimage import map_coordinates
from scipy.signal import hilbert

from engine.simulation.array import PlaneWaveArray, render_array
from engine.simulation.deformation import Mode, motion, pair_motion, positions
from engine.simulation.field import UniformCompression
from engine.spec import EngineSpec

SPEC = EngineSpec(shape=(500, 32), sampling_frequency=40e6, center_frequency=5e6, line_pitch=0.3e-3)
ARRAY = PlaneWaveArray(spec=SPEC, n_elements=48, angles=(-0.1, 0.0, 0.1))


def test_a_point_is_where_it_is() -> None:
    for sample, line in ((250.3, 14.0), (400.7, 18.0)):
        z = torch.tensor([sample * SPEC.sample_pitch], dtype=torch.float64)
        x = torch.tensor([(line - 15.5) * SPEC.line_pitch], dtype=torch.float64)
        analytic = hilbert(render_array(ARRAY, z, x, torch.ones(1).double()).numpy(), axis=0)
        envelope = np.abs(analytic)
        row, column = np.unravel_index(envelope.argmax(), envelope.shape)
        assert abs(row - sample) <= 1
        assert column == line
        # phase of the carrier at the nearest sample: 0.1 samples
        expected = 2 * np.pi * 5e6 * (round(sample) - sample) / SPEC.sampling_frequency
        error = np.angle(analytic[round(sample), int(line)] * np.exp(-1j * expected))
        assert abs(error) < 0.1 * 2 * np.pi * 5e6 / SPEC.sampling_frequency


def test_truth_warps_the_arrays_own_images_onto_each_other() -> None:
    moves = motion([Mode(field=UniformCompression(), amplitude=np.array([0.0, 0.005]))])
    rng = np.random.default_rng(0)
    n = 9000
    z, x = torch.from_numpy(rng.uniform(2e-3, 11e-3, n)), torch.from_numpy(rng.uniform(-8e-3, 8e-3, n))
    amplitude = torch.from_numpy(rng.standard_normal(n))
    pre, post = (render_array(ARRAY, *positions(moves, k, z, x), amplitude).numpy() for k in (0, 1))
    rows, columns = np.mgrid[:500, :32]
    place = (torch.from_numpy(rows * SPEC.sample_pitch), torch.from_numpy((columns - 15.5) * SPEC.line_pitch))
    truth = pair_motion(moves, 0, 1, *place)

    def after_warp(sign: float) -> float:
        moved = [
            rows + sign * truth.axial.numpy() / SPEC.sample_pitch,
            columns + truth.lateral.numpy() / SPEC.line_pitch,
        ]
        warped = map_coordinates(post, moved, order=5)
        inner = np.s_[150:460, 4:-4]
        return float(np.corrcoef(pre[inner].ravel(), warped[inner].ravel())[0, 1])

    assert after_warp(1.0) > 0.995
    assert after_warp(-1.0) < 0.7
    envelope = np.abs(hilbert(pre, axis=0))[150:450]
    envelope /= envelope.mean(1, keepdims=True)
    assert 1.6 < envelope.mean() / envelope.std() < 2.2
