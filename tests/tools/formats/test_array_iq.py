"""IQ in array files: in every form that people store, and what is no IQ."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.io import savemat
from scipy.signal import hilbert

from tests.tools.formats.array_constants import RATE, cell
from tests.tools.formats.rf_samples import band_noise
from tools.errors import RecordingError
from tools.formats import open_recording


def complex_iq() -> NDArray[np.complex64]:
    """3 frames of (200, 24), 5 MHz RF at 40 MHz mixed down by 4.8 MHz and thinned out to 10 MHz."""
    n = np.arange(800)[:, None]
    mixed = hilbert(band_noise((3, 800, 24), 0.125), axis=1) * np.exp(-2j * np.pi * 0.12 * n)
    return np.asarray(np.round(400 * mixed[:, ::4]), np.complex64)


IQ_CONSTANTS: dict[str, Any] = {"fs": 10e6, "fdemod": 4.8e6, "pitch": 0.3e-3, "probe_type": "linear", **RATE}


def interleaved(iq: NDArray[np.complex64], *, axis: int) -> NDArray[np.int16]:
    parts = np.stack([iq.real, iq.imag], axis=axis + 1)
    shape = list(iq.shape)
    shape[axis] *= 2
    return parts.reshape(shape).astype(np.int16)


REAL_IQ: dict[str, Any] = {
    "complex": lambda iq: {"iq": iq},
    "in turn": lambda iq: {"iq": interleaved(iq, axis=1)},
    "halves": lambda iq: {"IQ_data": np.concatenate([iq.real, iq.imag], axis=1).astype(np.int16)},
    "last axis": lambda iq: {"iq": np.stack([iq.real, iq.imag], axis=-1)},
    "second axis": lambda iq: {"iqData": np.stack([iq.real, iq.imag], axis=1).astype(np.int16)},
    "two arrays": lambda iq: {"I": iq.real.astype(np.float32), "Q": iq.imag.astype(np.float32)},
    "in a struct": lambda iq: {"acq": {"IData": iq.real, "QData": iq.imag, "note": "rest"}},
}


@pytest.mark.parametrize("form", REAL_IQ)
def test_iq_in_every_form_is_the_same_iq(tmp_path: Path, form: str) -> None:
    iq = complex_iq()
    path = tmp_path / "a.mat"
    savemat(path, REAL_IQ[form](iq) | IQ_CONSTANTS)
    with open_recording(path, overrides={"frame_axis": 0}) as recording:
        assert (recording.acquisition.kind, recording.shape, recording.n_frames) == ("iq", (200, 24), 3)
        assert recording.acquisition.demodulation_frequency == 4.8e6
        assert recording.acquisition.center_frequency == pytest.approx(5e6, rel=0.03)
        for k in range(3):
            assert np.array_equal(recording.frame(k), iq[k])
        assert any(note.startswith("samples:") for note in recording.assumed) == (form != "complex")


def test_real_samples_beside_a_demodulation_frequency_are_asked_about(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, rf=interleaved(complex_iq(), axis=1), **IQ_CONSTANTS)
    with pytest.raises(RecordingError, match=r"4\.8 MHz is stated: give --demodulation-frequency 0"):
        open_recording(path, overrides={"frame_axis": 0})
    with open_recording(path, overrides={"frame_axis": 0, "demodulation_frequency": 4.8e6}) as recording:
        assert np.array_equal(recording.frame(1), complex_iq()[1])
    np.savez(path, rf=(band_noise((3, 400, 24)) * 500).astype(np.int16), **IQ_CONSTANTS | {"fs": 40e6})
    with open_recording(path, overrides={"frame_axis": 0, "demodulation_frequency": 0.0}) as recording:
        assert recording.acquisition.kind == "rf"


def test_noise_called_iq_is_refused(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(size=(3, 400, 24))
    np.savez(tmp_path / "a.npz", iq=noise, **IQ_CONSTANTS)
    with pytest.raises(RecordingError, match="save it as complex numbers"):
        open_recording(tmp_path / "a.npz", overrides={"frame_axis": 0})


def test_verasonics_iq_in_wavelengths(tmp_path: Path) -> None:
    """Every length is in wavelengths of Trans.frequency (MHz); axes are depth, lines, planes, frames."""
    iq = complex_iq()
    wavelength = 1540 / 5e6
    workspace = {
        "IQData": cell([np.moveaxis(iq, 0, -1)[:, :, None, :]]),
        "Trans": {"frequency": 5.0, "type": 0, "spacing": 0.9, "units": "wavelengths", "name": "L7-4"},
        "PData": {"PDelta": np.array([0.9, 0.0, 0.25]), "Origin": np.array([-10.0, 0.0, 5.0])},
        "Resource": {"Parameters": {"speedOfSound": 1540.0}},
        "Receive": [{"demodFrequency": 4.8}, {"demodFrequency": 4.8}],
        "frame_rate": 50.0,
    }
    savemat(tmp_path / "a.mat", workspace)
    with open_recording(tmp_path / "a.mat") as recording:
        constants = recording.acquisition
        assert (recording.n_frames, recording.shape, constants.kind) == (3, (200, 24), "iq")
        assert np.array_equal(recording.frame(2), iq[2])
        assert constants.line_pitch == pytest.approx(0.9 * wavelength)
        assert constants.sampling_frequency == pytest.approx(1540 / 2 / (0.25 * wavelength))
        assert constants.demodulation_frequency == 4.8e6
        assert constants.initial_time == pytest.approx(2 * 5 * wavelength / 1540)
        assert constants.probe_type == "linear"
        assert not any(
            note.startswith(("demodulation_frequency:", "sound_speed:")) for note in recording.assumed
        )
    del workspace["Receive"], workspace["Resource"]
    savemat(tmp_path / "a.mat", workspace)
    with open_recording(tmp_path / "a.mat") as recording:  # what is absent is assumed, and noted
        assert recording.acquisition.demodulation_frequency == 5e6
        assert any(note.startswith("demodulation_frequency: assumed") for note in recording.assumed)
        assert any(note.startswith("sound_speed: assumed") for note in recording.assumed)
    workspace["Trans"] = {"frequency": 3.0, "type": 1, "radiusMm": 50.0}
    savemat(tmp_path / "a.mat", workspace)
    with pytest.raises(RecordingError, match=r"PData\.Coord = 'polar'"):
        open_recording(tmp_path / "a.mat")


def test_complex_iq_in_hdf5(tmp_path: Path) -> None:
    pair = np.dtype([("real", "<f4"), ("imag", "<f4")])
    iq = complex_iq()
    for stored in (iq, iq.view(np.float32).view(pair).reshape(iq.shape)):
        with h5py.File(tmp_path / "a.h5", "w") as file:
            file["iq"] = stored
            file.attrs.update(IQ_CONSTANTS)
        with open_recording(tmp_path / "a.h5", overrides={"frame_axis": 0}) as recording:
            assert np.array_equal(recording.frame(1), iq[1])
