"""Every disturbance has the effect of its name and its numbers."""

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates

from engine.errors import InvalidAcquisition
from engine.simulation import Inclusion, simulate_acquisition
from engine.simulation.acquisition import SimulatedAcquisition
from engine.simulation.aperture import varying_imaging
from engine.simulation.deformation import Mode, Motion, motion
from engine.simulation.disturbances import Clutter, DeadSamples, GainJump, Saturation, Shadow
from engine.simulation.effects import Effect, Noise
from engine.simulation.field import UniformCompression, VesselPulsation
from engine.simulation.imaging import render
from engine.simulation.phantom import Phantom
from engine.simulation.pointspread import FWHM
from engine.simulation.rhythm import press_and_release, wander
from engine.spec import EngineSpec

SPEC = EngineSpec(shape=(1000, 48), sampling_frequency=40e6, center_frequency=5e6, line_pitch=0.3e-3)
PLAIN = Phantom(compression=UniformCompression())


def still(n: int = 2, **shifts: np.ndarray) -> Motion:
    return motion([Mode(field=PLAIN.compression, amplitude=np.zeros(n))], **shifts)


def acquire(*effects: Effect, moves: Motion | None = None) -> SimulatedAcquisition:
    return simulate_acquisition(
        PLAIN, varying_imaging(SPEC, n_zones=1), moves or still(), effects=effects, per_cell=12
    )


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def test_out_of_plane_motion_decorrelates_by_the_beams_law_and_comes_back() -> None:
    fwhm = 1.5e-3
    sigma = fwhm / FWHM
    drift = sigma * np.sqrt(-4.0 * np.log(0.9))  # rho = exp(-d^2 / (4 s^2))
    moves = motion(
        [Mode(field=PLAIN.compression, amplitude=np.array([0.0, 0.003, 0.0]))],
        elevation=np.array([0.0, drift, 0.0]),
    )
    sequence = simulate_acquisition(
        PLAIN, varying_imaging(SPEC, n_zones=1), moves, elevational_fwhm=fwhm, per_cell=20, seed=1
    )
    first, away, back = sequence.frames()
    truth = sequence.pair_truth(0, 1)
    rows, columns = np.mgrid[:1000, :48]
    warped = map_coordinates(
        away.astype(float), [rows + truth.axial_displacement, columns + truth.lateral_displacement], order=5
    )
    inner = np.s_[40:-60, 6:-6]
    assert correlation(first[inner], warped[inner]) == pytest.approx(0.9, abs=0.01)
    assert np.array_equal(first, back)
    assert first.std() == pytest.approx(1500, rel=0.04)


def test_elevational_tilt_decorrelates_the_sides_not_the_middle() -> None:
    spec = EngineSpec(shape=(600, 96), sampling_frequency=40e6, center_frequency=5e6, line_pitch=0.3e-3)
    sequence = simulate_acquisition(
        PLAIN,
        varying_imaging(spec, n_zones=1),
        still(elevation_tilt=np.array([0.0, 0.08])),
        elevational_fwhm=1.5e-3,
        per_cell=12,
    )
    first, tilted = sequence.frames()
    assert correlation(first[:, 46:50], tilted[:, 46:50]) > 0.99
    assert correlation(first[:, :8], tilted[:, :8]) < 0.7


def test_noise_grows_with_depth() -> None:
    clean = acquire().frame(0).astype(float)
    noise = acquire(Noise(in_band_snr_db=20, fall_db_per_cm=6)).frame(0) - clean
    per_cm = 1e-2 / SPEC.sample_pitch
    top, lower = noise[:100].std(), noise[int(per_cm) : int(per_cm) + 100].std()
    assert 20 * np.log10(lower / top) == pytest.approx(6.0, abs=0.4)


def test_clutter_stands_still_at_its_level_in_the_upper_third() -> None:
    moves = motion([Mode(field=PLAIN.compression, amplitude=np.array([0.0, 0.02]))])
    clean, covered = acquire(moves=moves), acquire(Clutter(level_db=-10), moves=moves)
    added = [covered.frame(k).astype(float) - clean.frame(k) for k in (0, 1)]
    assert correlation(added[0], added[1]) > 0.99
    assert 20 * np.log10(added[0][5:60].std() / 1500) == pytest.approx(-10, abs=1.5)
    assert np.abs(added[0][340:]).max() <= 1
    assert correlation(clean.frame(0)[:300], clean.frame(1)[:300]) < 0.9  # the echoes below it do move


def test_attenuation_lowers_the_received_frequency_with_depth() -> None:
    spec = EngineSpec(shape=(2000, 16), sampling_frequency=40e6, center_frequency=5e6, line_pitch=0.3e-3)
    frequency = np.fft.rfftfreq(2000, 1 / 40e6)

    def centroid(attenuation: float, depth: float) -> float:
        imaging = varying_imaging(spec, attenuation_db_per_cm_mhz=attenuation)
        point = torch.tensor([[depth]], dtype=torch.float64)
        rf = render(imaging, point, torch.zeros_like(point), torch.ones_like(point))[0]
        spectrum = np.abs(np.fft.rfft(rf[:, 8].numpy()))
        return float((spectrum * frequency).sum() / spectrum.sum())

    # 0.5 dB/cm/MHz there and back: the amplitude spectrum is multiplied by exp(-2 a z f)
    amplitude = np.exp(-0.5 * ((frequency - 5e6) / (0.6 * 5e6 / FWHM)) ** 2)
    amplitude *= 10 ** (-0.5 * 2 * 3.0 * frequency / 1e6 / 20)
    expected = 5e6 - (amplitude * frequency).sum() / amplitude.sum()
    assert expected > 0.5e6
    assert centroid(0.5, 1e-3) - centroid(0.5, 31e-3) == pytest.approx(expected, rel=0.03)
    assert abs(centroid(0.0, 1e-3) - centroid(0.0, 31e-3)) < 0.01 * expected


def test_a_focused_beam_is_narrow_at_its_focus_and_equally_bright_everywhere() -> None:
    imaging = varying_imaging(SPEC, focus=9.6e-3, lateral_fwhm=0.5e-3, tilt=(0.0, 0.05), n_zones=7)
    widths = [zone.point_spread.lateral_fwhm for zone in imaging.zones]
    assert min(widths) == pytest.approx(0.5e-3, rel=0.01)
    assert widths[0] > 1.5e-3
    assert imaging.zones[-1].point_spread.tilt == pytest.approx(0.05)
    rf = simulate_acquisition(PLAIN, imaging, still(1), per_cell=20).frame(0).astype(float)
    levels = [rf[start : start + 200].std() for start in range(100, 900, 200)]
    assert max(levels) / min(levels) < 1.35  # 200 rows of a wide beam hold few speckles


def test_gain_jump_saturation_shadow_and_dead_samples() -> None:
    clean = acquire().frame(1).astype(float)
    before, after = acquire(GainJump(frame=1, gain_db=6)).frames()
    assert np.array_equal(before, acquire().frame(0))
    assert np.allclose(after, clean * 10 ** (6 / 20), atol=2)
    sloped = acquire(GainJump(frame=0, slope_db_per_cm=2)).frame(1)
    cm = 999 / 2 * SPEC.sample_pitch * 100
    assert sloped[-20:].std() / clean[-20:].std() == pytest.approx(10 ** (2 * cm / 20), rel=0.02)

    clipped = acquire(Saturation(clip_rms=2.0)).frame(1)
    assert (np.abs(clipped) == 32767).mean() == pytest.approx(0.0455, abs=0.015)
    with pytest.raises(InvalidAcquisition, match="clip_rms"):
        Saturation(clip_rms=0)

    shaded = acquire(Shadow(line=20, width=6, loss_db=30, below=400)).frame(1)
    assert np.array_equal(shaded[:400], clean[:400])
    assert 20 * np.log10(shaded[500:, 20].std() / clean[500:, 20].std()) == pytest.approx(-30, abs=0.5)
    assert shaded[500:, 40].std() / clean[500:, 40].std() > 0.99

    dead = acquire(DeadSamples(rows=(3, 4), lines=(7,))).frame(1)
    assert not dead[3:5].any()
    assert not dead[:, 7].any()
    assert np.array_equal(np.delete(dead[5:], 7, axis=1), np.delete(clean[5:], 7, axis=1))


def test_blood_is_new_in_every_frame_and_has_no_truth() -> None:
    lumen = Inclusion(depth=10e-3, radius=3e-3, stiffness=1.0, echo_db=-6)
    vessel = VesselPulsation(depth=10e-3, lateral=0.0, radius=3e-3)
    phantom = Phantom(compression=UniformCompression(), regions=(lumen,), flowing=(lumen,))
    sequence = simulate_acquisition(
        phantom,
        varying_imaging(SPEC, n_zones=1),
        motion([Mode(field=vessel, amplitude=np.array([0.0, 0.0, 0.05]))]),
        per_cell=12,
    )
    first, same, wide = sequence.frames()
    middle, beside = np.s_[440:600, 20:28], np.s_[800:, :]
    assert abs(correlation(first[middle], same[middle])) < 0.3
    assert correlation(first[beside], same[beside]) > 0.999
    assert correlation(first[beside], wide[beside]) < 0.999
    truth = sequence.pair_truth(0, 2)
    assert np.isnan(truth.axial_displacement[519, 24])
    assert np.isfinite(truth.axial_displacement[beside]).all()
    assert truth.axial_displacement[700, 24] > 1  # tissue below the vessel is pushed deeper


def test_hands_stop_and_wander() -> None:
    pressing, resting = (
        press_and_release(3000, 100.0, period=1.0, stops=stops, rng=np.random.default_rng(3))
        for stops in (0.0, 0.6)
    )
    assert (resting == 0).mean() > 0.2 > (pressing == 0).mean()
    path = wander(20000, 100.0, reach=0.5e-3, rng=np.random.default_rng(0))
    assert path[0] == 0
    assert path.std() == pytest.approx(0.5e-3, rel=0.05)
    assert np.abs(np.diff(path, 2)).max() < 5e-6


def test_frames_do_not_depend_on_the_order_in_which_they_are_made() -> None:
    sequence = acquire(Clutter(level_db=-20), Noise(in_band_snr_db=20), moves=still(3))
    later = sequence.frame(2)
    assert np.array_equal(later, list(sequence.frames())[2])
    assert torch.equal(sequence.echoes(0), sequence.echoes(0))
