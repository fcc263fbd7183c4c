"""A recording that is open: its constants, its times, and its frames one by one."""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from streamer.headers import RfHeader
from tools.errors import RecordingError
from tools.formats.acquisition import RecordedAcquisition
from tools.formats.contents import Truth
from tools.formats.samples import Frames

_WIRE_DTYPE: Final = {"int16": "<i2", "float32": "<f4", "complex64": "<c8"}


class Recording:
    """Frames of a file with everything a header needs; made by `open_recording`. One thread; close it.

    Reading is lazy: a frame is read from the file when asked for (.npz, .mat and compressed MetaImage hold
    all frames in memory, because these formats allow nothing else).
    """

    def __init__(
        self,
        path: Path,
        frames: Frames,
        acquisition: RecordedAcquisition,
        *,
        t_acq: NDArray[np.int64],
        frame_index: NDArray[np.int64],
        status: tuple[str, ...],
        truth: Truth | None,
    ) -> None:
        self.path = path
        self.acquisition = acquisition
        """Constants, complete: stated, given, preset, measured or assumed."""
        self.t_acq = t_acq
        """(frames,) int64, ns on `acquisition.clock`, rising."""
        self.frame_index = frame_index
        """(frames,) int64, the file's own numbers, rising; a jump means lost frames."""
        self.status = status
        """(frames,) 'OK', or why the scanner calls a frame unusable."""
        self.truth = truth
        """Known motion of a simulated recording, or None."""
        self.dtype = frames.dtype
        """int16, float32 or complex64."""
        self.shape = frames.shape
        """(n_axial, n_lateral) of every frame."""
        self._frames = frames

    @property
    def n_frames(self) -> int:
        """How many frames there are; at least 1."""
        return self._frames.n_frames

    @property
    def assumed(self) -> tuple[str, ...]:
        """What was measured or assumed, one short line each; empty when the file stated everything."""
        return self.acquisition.assumed

    @property
    def duration(self) -> float:
        """s from the first frame to the last; 0 for a single frame."""
        return float(self.t_acq[-1] - self.t_acq[0]) * 1e-9

    @property
    def frame_rate(self) -> float | None:
        """Hz, from the median interval; None for a single frame."""
        return None if self.n_frames < 2 else 1e9 / float(np.median(np.diff(self.t_acq)))

    @property
    def n_missing(self) -> int:
        """Frames that are missing from the numbering between the first and the last."""
        return int(self.frame_index[-1] - self.frame_index[0]) + 1 - self.n_frames

    def frame(self, index: int) -> NDArray[Any]:
        """Samples of frame `index` (from 0), (n_axial, n_lateral), a fresh array of `dtype`.

        Raises IndexError beyond the frames there are, RecordingError where the file cannot be read.
        """
        if not 0 <= index < self.n_frames:
            raise IndexError(f"frame {index} of {self.n_frames}")
        return self._frames.read(index)

    def header(
        self, index: int, *, source_id: str, session_id: str, frame_index: int | None = None
    ) -> RfHeader:
        """The wire header of frame `index`, with the recorded time and status, marked as a replay.

        `frame_index` None keeps the file's own number. Raises RecordingError where the recording breaks the
        protocol, such as a frame of fewer than 64 samples.
        """
        try:
            return RfHeader(
                **self.acquisition.header_fields(),
                source_id=source_id,
                session_id=session_id,
                frame_index=int(self.frame_index[index]) if frame_index is None else frame_index,
                t_acq=int(self.t_acq[index]),
                shape=self.shape,
                axes="axial,lateral",
                dtype=_WIRE_DTYPE[self.dtype.name],  # type: ignore[arg-type]  # one of the three
                status=self.status[index],
                origin="replay",
            )
        except ValidationError as error:
            mistakes = error.errors(include_url=False, include_context=False, include_input=False)
            named = "; ".join(f"{'.'.join(map(str, m['loc'])) or 'header'}: {m['msg']}" for m in mistakes[:3])
            raise RecordingError(f"{self.path} does not fit the protocol: {named}") from error

    def frames(self, *, source_id: str, session_id: str) -> Iterator[tuple[RfHeader, NDArray[Any]]]:
        """Every frame in order: (header, samples)."""
        for index in range(self.n_frames):
            yield self.header(index, source_id=source_id, session_id=session_id), self.frame(index)

    def close(self) -> None:
        """Let go of the file."""
        self._frames.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
