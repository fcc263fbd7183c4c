"""Writing MetaImage sequences (.mha), which ITK, 3D Slicer and PLUS read.

x is lateral and y is depth (`UltrasoundImageOrientation = MF`), spacing in mm. PLUS wants a code there also
where the side of the probe's mark is not known; the field `probe_orientation` then states that. IQ is written
the way PLUS stores it, `RF_IQ_LINE`: x runs along the beam and I and Q alternate. The constants of the
acquisition stand in header fields under their own names, which other programs keep as meta data, so that
nothing is lost on the way back.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streamer.headers import ORIENTATION
from tools.formats.metaimage_header import ASSUMED, PROBE_ORIENTATION, UNKNOWN
from tools.formats.recording_writer import RecordingWriter

_TEXT_FIELDS: Final = ("probe_type", "clock")
_NUMBER_FIELDS: Final = (
    "sampling_frequency",
    "center_frequency",
    "demodulation_frequency",
    "line_pitch",
    "probe_radius",
    "sound_speed",
    "initial_time",
)


class MetaImageWriter(RecordingWriter):
    """The frames of `recording` as one .mha file, which appears under its name only when complete.

    A context manager; the header needs the times of all frames, so the recording is known beforehand.
    """

    def append(self, samples: NDArray[Any], index: int) -> None:
        """Write the samples of frame `index`, (n_axial, n_lateral). Frames come in order."""
        block = samples
        if np.iscomplexobj(samples):  # (n_lateral, 2 n_axial): I, Q, I, Q along the beam
            block = np.ascontiguousarray(samples.T).view(np.float32)
        self._stream.write(np.ascontiguousarray(block).astype(block.dtype.newbyteorder("<")).tobytes())
        self._part.check()

    def _header(self) -> str:
        recording = self._recording
        acquisition = recording.acquisition
        n_axial, n_lateral = recording.shape
        is_iq = acquisition.kind == "iq"
        depth_step = acquisition.sample_pitch * 1e3
        # an angle is no spacing: 1 is what PLUS writes for an unknown one
        line_step = acquisition.line_pitch * 1e3 if acquisition.probe_type == "linear" else 1.0
        size = (2 * n_axial, n_lateral) if is_iq else (n_lateral, n_axial)
        step = (depth_step, line_step) if is_iq else (line_step, depth_step)
        side = "U" if "U" in acquisition.orientation.upper()[:2] else "M"
        lines = [
            "ObjectType = Image",
            "NDims = 3",
            "BinaryData = True",
            "BinaryDataByteOrderMSB = False",
            "CompressedData = False",
            f"DimSize = {size[0]} {size[1]} {recording.n_frames}",
            "Kinds = domain domain list",
            "Offset = 0 0 0",
            "TransformMatrix = 1 0 0 0 1 0 0 0 1",
            f"ElementSpacing = {step[0]!r} {step[1]!r} 1",
            f"ElementType = {'MET_SHORT' if recording.dtype == np.int16 else 'MET_FLOAT'}",
            f"UltrasoundImageOrientation = {'F' + side if is_iq else side + 'F'}",
            f"UltrasoundImageType = {'RF_IQ_LINE' if is_iq else 'RF_REAL'}",
            *(f"{name} = {getattr(acquisition, name)!r}" for name in _NUMBER_FIELDS),
            *(f"{name} = {getattr(acquisition, name)}" for name in _TEXT_FIELDS),
        ]
        if not ORIENTATION.fullmatch(acquisition.orientation.upper()):
            lines.append(f"{PROBE_ORIENTATION} = {acquisition.orientation or UNKNOWN}")
        if acquisition.steering_angles:
            lines.append("steering_angles = " + " ".join(map(repr, acquisition.steering_angles)))
        if acquisition.assumed:
            lines.append(f"{ASSUMED} = " + " | ".join(acquisition.assumed))
        for number, stamp, status in zip(
            recording.frame_index.tolist(), recording.t_acq.tolist(), recording.status, strict=True
        ):
            seconds = f"{'-' if stamp < 0 else ''}{abs(stamp) // 10**9}.{abs(stamp) % 10**9:09d}"
            lines += [
                f"Seq_Frame{number:04d}_Timestamp = {seconds}",
                f"Seq_Frame{number:04d}_ImageStatus = {status}",
            ]
        return "\n".join([*lines, "ElementDataFile = LOCAL", ""])

    def _begin(self) -> None:
        self._stream = self._part.open_stream()
        self._stream.write(self._header().encode())
