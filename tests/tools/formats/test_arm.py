"""The real forearm recordings open without a single option."""

from pathlib import Path

import numpy as np
import pytest

from tools.errors import RecordingError
from tools.formats import open_recording


@pytest.mark.parametrize(
    ("name", "first", "first_time"),
    [("rf0300_25", 25, 1602158620638356686), ("rf0304_86", 86, 1602266657885624886)],
)
def test_arm_recordings(arm_dir: Path, name: str, first: int, first_time: int) -> None:
    with open_recording(arm_dir / f"{name}.mhd") as recording:
        assert (recording.n_frames, recording.shape) == (6, (2000, 128))
        assert recording.dtype == np.float32
        assert recording.frame_index.tolist() == list(range(first, first + 6))
        assert recording.t_acq[0] == first_time
        assert recording.frame_rate == pytest.approx(23.4, abs=0.3)
        constants = recording.acquisition
        assert constants.sampling_frequency == pytest.approx(38.5e6)
        assert constants.center_frequency == pytest.approx(0.118 * 38.5e6, rel=0.01)
        assert constants.probe_type == "linear"
        assert constants.line_pitch == pytest.approx(0.2e-3)
        measured = {text.partition(":")[0] for text in recording.assumed}
        assert {"sampling_frequency", "center_frequency", "probe_type", "sound_speed"} <= measured
        raw = np.fromfile(arm_dir / f"{name}.raw", "<f4").reshape(6, 2000, 128)
        for k, (header, samples) in enumerate(recording.frames(source_id="arm", session_id=name)):
            assert np.array_equal(samples, raw[k])
            assert header.nbytes == samples.nbytes
            assert header.status == "OK"


def test_arm_as_a_bmode_image_is_refused(arm_dir: Path, tmp_path: Path) -> None:
    header = (arm_dir / "rf0304_86.mhd").read_text()
    raw = np.fromfile(arm_dir / "rf0304_86.raw", "<f4").reshape(6, 2000, 128)
    spectrum = np.fft.fft(raw, axis=1)
    spectrum[:, 1001:] = 0.0
    images = np.abs(2 * np.fft.ifft(spectrum, axis=1)).astype("<f4")
    (tmp_path / "rf0304_86.mhd").write_text(header)
    raw.tofile(tmp_path / "rf0304_86.raw")
    open_recording(tmp_path / "rf0304_86.mhd").close()  # the control: the same header around the RF
    for image in (images, np.log10(images + 1e-4)):
        image.astype("<f4").tofile(tmp_path / "rf0304_86.raw")
        with pytest.raises(RecordingError, match="not RF"):
            open_recording(tmp_path / "rf0304_86.mhd")
