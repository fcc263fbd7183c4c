"""zea and UFF give the position of every sample; beams and depth follow from it."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import pyuff_ustb
from numpy.typing import NDArray

from tests.tools.formats.rf_samples import band_noise
from tools.convert import convert
from tools.errors import RecordingError
from tools.formats import Acquisition, open_recording, write_recording
from tools.formats.zea import lines_of

ZEA_FILE = Path(__file__).parent / "data" / "zea-0.1.8.hdf5"
"""Written by zea 0.1.8: 2 frames of 128 x 8 RF samples on a fan of 20 mrad, radius 50 mm, from 1 mm depth."""


def test_a_file_that_zea_wrote() -> None:
    with open_recording(ZEA_FILE) as recording:
        constants = recording.acquisition
        assert (recording.n_frames, recording.shape, constants.kind) == (2, (128, 8), "rf")
        assert constants.probe_type == "curved"
        assert constants.line_pitch == pytest.approx(0.02, rel=1e-3)
        assert constants.probe_radius == pytest.approx(0.05, rel=1e-3)
        assert constants.sampling_frequency == pytest.approx(
            40e6, rel=1e-4
        )  # of the grid, not of the channels
        assert constants.initial_time == pytest.approx(2e-3 / 1540, rel=1e-2)
        assert constants.sound_speed == 1540.0
        assert recording.t_acq.tolist() == [0, 50_000_001]  # float32 seconds
        assert np.abs(recording.frame(1)).max() == 64


def test_without_its_codec_the_remedy_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.hdf5"
    path.write_bytes(ZEA_FILE.read_bytes())
    with h5py.File(path, "r+") as file:  # a codec that nobody has, as zea's is without its plug-in
        group = file["tracks/track_0/data/beamformed_data"]
        del group["values"]
        settings = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        settings.set_chunk((1, 128, 8, 1))
        settings.set_filter(32999, h5py.h5z.FLAG_OPTIONAL, ())
        space = h5py.h5s.create_simple((2, 128, 8, 1))
        dataset = h5py.h5d.create(group.id, b"values", h5py.h5t.IEEE_F32LE, space, dcpl=settings)
        dataset.write_direct_chunk((0, 0, 0, 0), bytes(4096))
        dataset.write_direct_chunk((1, 0, 0, 0), bytes(4096))
    with pytest.raises(RecordingError, match=r"pip install 'musse-stream\[import\]'"):
        open_recording(path)


@pytest.mark.parametrize("kind", ["rf", "iq"])
@pytest.mark.parametrize("probe", ["linear", "curved", "phased"])
def test_what_we_write_as_zea_comes_back(tmp_path: Path, kind: Any, probe: Any) -> None:
    acquisition = Acquisition(
        sampling_frequency=30e6, center_frequency=4e6, probe_type=probe, kind=kind, initial_time=4e-6,
        line_pitch=0.3e-3 if probe == "linear" else 0.011, probe_radius=0.06 if probe == "curved" else 0.0,
        demodulation_frequency=3.9e6 if kind == "iq" else 0.0,
    )  # fmt: skip
    frames = (band_noise((3, 200, 12)) * 400).astype(np.int16)
    if kind == "iq":
        frames = (frames + 1j * frames[::-1]).astype(np.complex64)
    with write_recording(tmp_path / "a.h5", acquisition) as writer:
        for k, frame in enumerate(frames):
            writer.append(frame, t_acq=k * 40_000_000)
    with open_recording(tmp_path / "a.h5") as recording:
        convert(recording, tmp_path / "b.hdf5", layout="zea")
    with open_recording(tmp_path / "b.hdf5") as recording:
        for k, frame in enumerate(frames):
            assert np.array_equal(recording.frame(k), frame)
        for name, value in acquisition.header_fields().items():
            if isinstance(value, float):
                assert getattr(recording.acquisition, name) == pytest.approx(value, rel=1e-3, abs=1e-9), name
            elif name not in {"assumed"}:
                assert getattr(recording.acquisition, name) == value
        assert recording.frame_rate == pytest.approx(25.0, rel=1e-6)


def test_a_zea_file_of_channel_data_names_the_remedy(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        file.attrs["zea_version"] = "0.1.8"
        file["tracks/track_0/data/raw_data"] = np.zeros((2, 4, 64, 8, 1), np.float32)
        file["tracks/track_0/scan/sampling_frequency"] = 40e6
    with pytest.raises(RecordingError, match=r"holds raw_data\. Channel data .* zea's pipeline"):
        open_recording(tmp_path / "a.hdf5")


def test_samples_off_the_beams_are_refused() -> None:
    x, z = np.meshgrid(np.arange(8) * 0.3e-3, np.arange(64) * 2e-5)
    places = np.stack([x, 0 * x, z], axis=-1)
    path = Path("a.hdf5")
    assert lines_of(path, places, 1540.0)["line_pitch"] == pytest.approx(0.3e-3)  # the control
    bent = places.copy()
    bent[..., 0] += np.linspace(0, 1, 64)[:, None] ** 2 * 1e-3
    with pytest.raises(RecordingError, match="straight"):
        lines_of(path, bent, 1540.0)
    uneven = places.copy()
    uneven[:, 5, 0] += 0.1e-3
    with pytest.raises(RecordingError, match="evenly spaced"):
        lines_of(path, uneven, 1540.0)


def write_uff(path: Path, data: NDArray[Any], scan: Any, **fields: Any) -> None:
    """`data` (frames, n_axial, n_lateral), through USTB's own Python library."""
    pixels = data.transpose(2, 1, 0).reshape(-1, 1, 1, len(data))  # down a line first
    entry = pyuff_ustb.BeamformedData(data=pixels, scan=scan, **fields)
    entry.write(str(path), "b_data", ignore_missing_compulsory_fields=True)


def linear_scan() -> Any:
    return pyuff_ustb.LinearScan(
        x_axis=(np.arange(8) - 3.5) * 0.3e-3, z_axis=1e-3 + np.arange(128) * 19.25e-6
    )


@pytest.mark.parametrize("turned", [False, True], ids=["from Python", "from MATLAB"])
@pytest.mark.parametrize("kind", ["rf", "iq", "analytic"])
def test_uff(tmp_path: Path, kind: str, turned: bool) -> None:
    frames = np.round(band_noise((3, 128, 8)) * 300).astype(np.float32)
    data = frames if kind == "rf" else (frames + 1j * frames[::-1]).astype(np.complex64)
    path = tmp_path / "a.uff"
    write_uff(path, data, linear_scan(), modulation_frequency=4.8e6 if kind == "iq" else 0.0, frame_rate=20)
    if turned:
        with h5py.File(path, "r+") as file:
            holder = file["b_data/data"]
            parts = ("real", "imag") if isinstance(holder, h5py.Group) else (None,)
            for part in parts:
                name = f"b_data/data/{part}" if part else "b_data/data"
                values = file[name][()].transpose()
                del file[name]
                file[name] = values
    with open_recording(path, overrides={"center_frequency": 4.8e6}) as recording:
        constants = recording.acquisition
        assert (recording.n_frames, recording.shape) == (3, (128, 8))
        for k in range(3):
            assert np.array_equal(recording.frame(k), data[k] if kind == "iq" else frames[k])
        assert constants.kind == ("iq" if kind == "iq" else "rf")
        assert constants.line_pitch == pytest.approx(0.3e-3, rel=1e-3)
        assert constants.sampling_frequency == pytest.approx(40e6, rel=1e-3)
        assert constants.initial_time == pytest.approx(2e-3 / 1540, rel=1e-2)
        assert recording.frame_rate == pytest.approx(20.0)


def test_uff_of_a_sector_and_of_channel_data(tmp_path: Path) -> None:
    depth, azimuth = 1e-3 + np.arange(128) * 19.25e-6, (np.arange(8) - 3.5) * 0.02
    frames = band_noise((2, 128, 8)).astype(np.float32)
    scan = pyuff_ustb.SectorScan(
        azimuth_axis=azimuth, depth_axis=0.05 + depth, x=np.zeros(1), y=np.zeros(1), z=np.zeros(1),
        origin=pyuff_ustb.Point(distance=-0.05, azimuth=0.0, elevation=0.0),
    )  # fmt: skip
    write_uff(tmp_path / "a.uff", frames, scan, modulation_frequency=0.0, frame_rate=20)
    with open_recording(tmp_path / "a.uff") as recording:
        constants = recording.acquisition
        assert np.array_equal(recording.frame(1), frames[1])
        assert constants.probe_type == "curved"
        assert constants.line_pitch == pytest.approx(0.02, rel=1e-3)
        assert constants.probe_radius == pytest.approx(0.05, rel=1e-3)
        assert constants.initial_time == pytest.approx(2e-3 / 1540, rel=2e-2)
    channels = pyuff_ustb.ChannelData(data=np.zeros((64, 8, 1, 2), np.float32), sampling_frequency=40e6)
    channels.write(str(tmp_path / "b.uff"), "channel_data", ignore_missing_compulsory_fields=True)
    with pytest.raises(RecordingError, match=r"no uff\.beamformed_data.*channel_data.*beamform"):
        open_recording(tmp_path / "b.uff")


@pytest.mark.long
def test_zea_reads_what_we_write(tmp_path: Path) -> None:
    """In an environment of its own: zea needs Keras, and a back end to go with it."""
    acquisition = Acquisition(
        sampling_frequency=40e6, center_frequency=5e6, probe_type="linear", line_pitch=0.3e-3
    )
    frames = (band_noise((2, 128, 8)) * 400).astype(np.int16)
    with write_recording(tmp_path / "a.h5", acquisition) as writer:
        for k, frame in enumerate(frames):
            writer.append(frame, t_acq=k * 50_000_000)
    with open_recording(tmp_path / "a.h5") as recording:
        convert(recording, tmp_path / "b.hdf5", layout="zea")
    python = tmp_path / "zea" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "zea"], check=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", "zea==0.1.8", "jax[cpu]"], check=True)
    code = (
        "import sys, numpy, zea\nwith zea.File(sys.argv[1]) as file:\n    file.validate()\n"
        "    numpy.save(sys.argv[2], file['data/beamformed_data/values'][()])"
    )
    subprocess.run(
        [python, "-c", code, tmp_path / "b.hdf5", tmp_path / "c.npy"],
        check=True, env={**os.environ, "KERAS_BACKEND": "jax"},
    )  # fmt: skip
    assert np.array_equal(np.load(tmp_path / "c.npy")[..., 0], frames)
