"""Writing zea's HDF5: beamformed RF or IQ of one track, with the place of every sample in metres.

Layout of zea 0.1.8: tracks/track_0/data/beamformed_data/{values, coordinates, labels, timestamps} and
tracks/track_0/scan. Samples are float32, one channel for RF and two for IQ. zea describes transmits, which a
beamformed recording does not hold: one plane wave of a probe with an element per line stands for them, and
the description states it. Numbers, exact times and states of the frames stand in `custom`. Uncompressed:
zea's own codec is a plug-in that not every reader has.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tools.errors import RecordingError
from tools.formats.recording import Recording
from tools.formats.recording_writer import RecordingWriter
from tools.formats.zea_custom import write_custom

ZEA_VERSION: Final = "0.1.8"
_DESCRIPTION: Final = (
    "Beamformed lines written by musse-stream. The transmit in `scan` stands for an unknown one: "
    "a plane wave from one element per line."
)


class ZeaWriter(RecordingWriter):
    """The frames of `recording` as one zea file; a context manager."""

    def append(self, samples: NDArray[Any], index: int) -> None:
        """Write the samples of frame `index`, (n_axial, n_lateral)."""
        channels = (samples.real, samples.imag) if np.iscomplexobj(samples) else (samples,)
        try:
            self._values[index] = np.stack(channels, axis=-1).astype("<f4")
        except OSError as error:
            self._part.check()
            raise RecordingError(f"{self._path}: frame {index} cannot be written: {error}") from error
        self._part.check()

    def _begin(self) -> None:
        self._describe(self._part.open())

    def _describe(self, file: Any) -> None:
        recording = self._recording
        acquisition = recording.acquisition
        n_axial, n_lateral = recording.shape
        is_iq = acquisition.kind == "iq"
        file.attrs.update(zea_version=ZEA_VERSION, description=_DESCRIPTION)
        elements, coordinates = _places(recording)
        file.create_group("metadata")
        file.create_group("metrics")
        _fill(file.create_group("probe"), type=acquisition.probe_type, probe_geometry=(elements, "m"))
        track = file.create_group("tracks/track_0")
        track["transmit_only"] = False
        data = track.create_group("data/beamformed_data")
        shape = (recording.n_frames, n_axial, n_lateral, 2 if is_iq else 1)
        self._values = data.create_dataset("values", shape, "<f4", chunks=(1, *shape[1:]))
        seconds = (recording.t_acq - recording.t_acq[0]) * 1e-9
        _fill(
            data,
            coordinates=(coordinates, "m"),
            labels=["I", "Q"] if is_iq else ["RF"],
            timestamps=(seconds.astype(np.float32), "s"),
            start_time_offset=(np.float32(0), "s"),
        )
        nominal = acquisition.demodulation_frequency if is_iq else acquisition.center_frequency
        _fill(
            track.create_group("scan"),
            sampling_frequency=(np.float32(acquisition.sampling_frequency), "Hz"),
            center_frequency=(np.float32(acquisition.center_frequency), "Hz"),
            demodulation_frequency=(np.float32(nominal), "Hz"),
            sound_speed=(np.float32(acquisition.sound_speed), "m/s"),
            initial_times=(np.full(1, acquisition.initial_time, np.float32), "s"),
            t0_delays=(np.zeros((1, n_lateral), np.float32), "s"),
            tx_apodizations=np.ones((1, n_lateral), np.float32),
            focus_distances=(np.full(1, np.inf, np.float32), "m"),
            transmit_origins=(np.zeros((1, 3), np.float32), "m"),
            polar_angles=(np.zeros(1, np.float32), "rad"),
        )
        write_custom(file, recording)


def _places(recording: Recording) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(x, y, z) in m where every line leaves the probe, (n_lateral, 3), and of every sample."""
    acquisition = recording.acquisition
    n_axial, n_lateral = recording.shape
    depth = acquisition.start_depth + np.arange(n_axial) * acquisition.sample_pitch
    across = (np.arange(n_lateral) - (n_lateral - 1) / 2) * acquisition.line_pitch
    flat = acquisition.probe_type == "linear"
    radius = acquisition.probe_radius
    direction_x, direction_z = (np.zeros(n_lateral), np.ones(n_lateral)) if flat else (
        np.sin(across), np.cos(across)
    )  # fmt: skip
    start_x = across if flat else radius * np.sin(across)
    start_z = np.zeros(n_lateral) if flat else radius * (np.cos(across) - 1)
    x = start_x + depth[:, None] * direction_x
    z = start_z + depth[:, None] * direction_z
    elements = np.stack([start_x, np.zeros(n_lateral), start_z], axis=-1)
    return elements.astype(np.float32), np.stack([x, np.zeros_like(x), z], axis=-1).astype(np.float32)


def _fill(group: Any, **entries: Any) -> None:
    """Datasets with the attributes zea looks for: a value, or a value and its unit."""
    for name, entry in entries.items():
        value, unit = entry if isinstance(entry, tuple) else (entry, "–")
        group[name] = value
        group[name].attrs.update(unit=unit, description="")
