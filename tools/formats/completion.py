"""Completing what a file states: from an option, else the file, else a preset, else a measurement.

An option comes before the file because it is there to correct it; whatever was not stated is named in
`assumed`, and so is a statement that the samples contradict.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from engine.spec import sampling_frequency_of
from streamer.headers import Clock
from tools.errors import RecordingError
from tools.formats.acquisition import OPTIONS, RecordedAcquisition, checked_number, checked_probe_type
from tools.formats.carrier import Carrier, measure_baseband, measure_carrier
from tools.formats.contents import Contents
from tools.formats.missing import options_for
from tools.formats.names import same
from tools.formats.pitch import metres_along_face, refuse_metres
from tools.formats.presets import Preset, find_preset

_SOUND_SPEED: Final = 1540.0  # m/s, the scanners' own convention for soft tissue
_UNIX_NS: Final = (10**18, 4 * 10**18)  # 2001 to 2096; PLUS may count from its own start instead
_SLOWEST: Final = 2.0  # s between frames: stamps in ms or ticks lie above, scanners below
_FASTEST: Final = 1e-5  # s, the limit of --frame-rate
_SAME_PITCH: Final = 0.02  # relative
_MAX_NOTES, _MAX_NOTE_LENGTH = 24, 200  # the limits of a header
_DISAGREE: Final = 0.4  # nominal frequencies are 10-25 % above the received one; more is a mistake


class Completion:
    """Resolves one file's fields in order and keeps the notes; used once."""

    def __init__(
        self, path: Path, contents: Contents, preset: str | None, overrides: Mapping[str, Any]
    ) -> None:
        self._path, self._contents, self._overrides = path, contents, overrides
        self._preset: Preset | None = find_preset(preset, contents.frames.shape[1]) if preset else None
        self._kind = "iq" if contents.frames.dtype.kind == "c" else "rf"
        self._carrier = self._measure()
        self._notes: list[str] = []
        self._missing: list[str] = []

    def acquisition(self) -> RecordedAcquisition:
        """The complete constants. Raises RecordingError naming every option that is still needed."""
        sound_speed = self._number("sound_speed")
        if sound_speed is None:
            sound_speed = _SOUND_SPEED
            self._note(f"sound_speed: assumed, {sound_speed:g} m/s")
        initial_time = self._number("initial_time")
        if initial_time is None:
            initial_time = 0.0
            self._note("initial_time: assumed, depth 0 is the first sample")
        probe_type = self._probe_type()
        probe_radius = self._probe_radius(probe_type)
        sampling_frequency = self._sampling_frequency(sound_speed)
        demodulation = self._number("demodulation_frequency") if self._kind == "iq" else 0.0
        center_frequency = self._center_frequency(sampling_frequency, demodulation)
        line_pitch = self._line_pitch(probe_type, probe_radius)
        if demodulation is None:
            self._missing.append("demodulation_frequency")
        if self._rate() is None and self._contents.t_acq is None and self._contents.frames.n_frames > 1:
            self._missing.append("frame_rate")
        if self._missing:
            raise RecordingError(
                f"{self._path} does not state {', '.join(self._missing)}: {options_for(self._missing)}"
            )
        self._question_times()
        stated = self._contents.stated
        return RecordedAcquisition(
            kind="iq" if self._kind == "iq" else "rf",
            clock=self._clock(),
            sampling_frequency=cast(float, sampling_frequency),
            center_frequency=cast(float, center_frequency),
            probe_type=checked_probe_type(probe_type),
            line_pitch=cast(float, line_pitch),
            sound_speed=sound_speed,
            initial_time=initial_time,
            demodulation_frequency=cast(float, demodulation),
            probe_radius=cast(float, probe_radius),
            steering_angles=stated.steering_angles,
            orientation=stated.orientation,
            assumed=_printable((*self._carried_over(), *self._notes)),
        )

    def times(self) -> NDArray[np.int64]:
        """(frames,) ns. Raises RecordingError where there are none, or they do not rise."""
        n_frames = self._contents.frames.n_frames
        rate, times = self._rate(), self._contents.t_acq
        if rate is not None:
            return np.asarray(np.rint(np.arange(n_frames) * (1e9 / rate)), np.int64)
        if times is None and n_frames == 1:
            return np.zeros(1, np.int64)
        if times is None:
            raise RecordingError(f"{self._path} has no times of its frames: give {OPTIONS['frame_rate']}")
        falls = np.flatnonzero(np.diff(times) <= 0)
        if falls.size:
            first = int(falls[0])
            raise RecordingError(
                f"{self._path}: the time stamps do not rise: frame {first + 1} comes "
                f"{(times[first] - times[first + 1]) * 1e-9:g} s before frame {first} "
                f"({falls.size} such places): replace them with {OPTIONS['frame_rate']}"
            )
        return times

    def _rate(self) -> float | None:
        """Hz that replaces the time stamps, or stands for them where there are none."""
        given = self._overrides.get("frame_rate")
        if given is None and self._contents.t_acq is None:
            given = self._contents.stated.frame_rate
        return None if given is None else self._checked("frame_rate", given)

    def _question_times(self) -> None:
        """Ask where frames are too far apart for a scanner, note where they are too close."""
        times = self._contents.t_acq
        if times is None or len(times) < 2 or self._overrides.get("frame_rate") is not None:
            return
        intervals = np.diff(times)
        interval = float(np.median(intervals)) * 1e-9
        if interval > _SLOWEST and (intervals > 0).all():
            raise RecordingError(
                f"{self._path}: its time stamps put the frames {interval:g} s apart, "
                f"{1 / interval:.3g} frames/s: if they are wrong or not in seconds, give "
                f"{OPTIONS['frame_rate']}"
            )
        if 0 < interval < _FASTEST:
            self._note(f"t_acq: frames {interval:.3g} s apart by the time stamps, which no scanner reaches")

    def _measure(self) -> Carrier | None:
        """The carrier on the data, for formats that need one to be RF. Refuses what is none."""
        contents = self._contents
        stated_all = "center_frequency" in self._overrides or contents.stated.center_frequency is not None
        if not contents.carrier_required and stated_all:
            return None
        n_frames = contents.frames.n_frames
        picked = sorted({round(k * (n_frames - 1) / 4) for k in range(5)})
        blocks = [contents.frames.read(index) for index in picked]
        if not any(np.isfinite(block).any() for block in blocks):
            raise RecordingError(f"{self._path}: no finite sample in the frames looked at")
        if not any(block.any() for block in blocks):
            raise RecordingError(f"{self._path}: every sample looked at is zero")
        if self._kind == "iq":
            return measure_baseband(blocks)
        carrier = measure_carrier(blocks)
        if carrier is not None or not contents.carrier_required:
            return carrier
        across = measure_carrier([block.T for block in blocks]) if contents.frames.shape[1] >= 64 else None
        if across is not None:
            raise RecordingError(
                f"{self._path}: the carrier lies across the lines, so the axes are exchanged: "
                f"give {OPTIONS['axes']}"
            )
        if (
            blocks[0].dtype.kind == "i"
            and measure_carrier([block.byteswap() for block in blocks]) is not None
        ):
            raise RecordingError(
                f"{self._path}: its samples are RF in the other byte order: correct what the file states "
                "of it (BinaryDataByteOrderMSB, endian)"
            )
        raise RecordingError(
            f"{self._path} is not RF: its samples have no carrier along the beam, as B-mode images, "
            "envelopes and noise have none. Record RF before envelope detection"
        )

    def _note(self, text: str) -> None:
        self._notes.append(text)

    def _carried_over(self) -> tuple[str, ...]:
        """The reader's notes, less those on fields that an option has replaced."""
        given = tuple(f"{name}:" for name in self._overrides)
        renewed = tuple(note.partition(":")[0] + ":" for note in self._notes)
        return tuple(note for note in self._contents.notes if not note.startswith((*given, *renewed)))

    def _number(self, name: str, *, linear: bool = True) -> float | None:
        """Option, else file; with a note where both are there and differ."""
        stated = getattr(self._contents.stated, name)
        given = self._overrides.get(name)
        if given is None:
            return None if stated is None else self._checked(name, stated, linear=linear)
        number = checked_number(name, given, linear=linear)
        if stated is not None and not same(stated, number):
            self._note(f"{name}: given as {number:g}, the file states {stated}")
        return number

    def _checked(self, name: str, value: object, *, linear: bool = True) -> float:
        """A value of the file. Raises RecordingError, which names the file."""
        try:
            return checked_number(name, value, linear=linear)
        except RecordingError as error:
            raise RecordingError(f"{self._path}: {error}") from None

    def _probe_type(self) -> str | None:
        given = self._overrides.get("probe_type") or self._contents.stated.probe_type
        if given is not None:
            return checked_probe_type(given)
        if self._preset is not None:
            self._note(f"probe_type: preset {self._preset.name}, {self._preset.probe_type}")
            return self._preset.probe_type
        if self._contents.lateral_spacing is not None:
            self._note("probe_type: assumed linear, because the lines are spaced in mm")
            return "linear"
        self._missing.append("probe_type")
        return None

    def _sampling_frequency(self, sound_speed: float) -> float | None:
        value = self._number("sampling_frequency")
        spacing = self._contents.axial_spacing
        if value is None and spacing is not None:
            value = sampling_frequency_of(spacing, sound_speed)
            self._note(
                f"sampling_frequency: c / (2 dz), {value / 1e6:.2f} MHz from {spacing * 1e3:g} mm per sample"
            )
        if value is None:
            self._missing.append("sampling_frequency")
        return value

    def _center_frequency(self, sampling_frequency: float | None, demodulation: float | None) -> float | None:
        value = self._number("center_frequency")
        if sampling_frequency is None or demodulation is None or self._carrier is None:
            if value is None and sampling_frequency is not None and demodulation is not None:
                self._missing.append("center_frequency")
            return value
        measured = demodulation + self._carrier.frequency * sampling_frequency
        if value is None:
            if measured <= 0:
                raise RecordingError(
                    f"{self._path}: the spectrum lies {-measured / 1e6:.2f} MHz below zero: correct "
                    f"{OPTIONS['demodulation_frequency']} or {OPTIONS['sampling_frequency']}"
                )
            value = self._checked("center_frequency", measured)
            self._note(f"center_frequency: measured on the data, {value / 1e6:.2f} MHz")
        elif abs(measured - value) > _DISAGREE * value:
            self._note(
                f"center_frequency: stated as {value / 1e6:.2f} MHz, the data show {measured / 1e6:.2f} MHz "
                "at this sampling_frequency"
            )
        return value

    def _line_pitch(self, probe_type: str | None, radius: float | None) -> float | None:
        if probe_type is None:
            if self._overrides.get("line_pitch") is None and self._contents.stated.line_pitch is None:
                self._missing.append("line_pitch")
            return None
        is_linear = probe_type == "linear"
        value = self._number("line_pitch") if is_linear else self._angle(radius)
        preset = self._preset if self._overrides.get("line_pitch") is None else None
        if value is not None and preset is not None and preset.probe_type == probe_type:
            own = preset.line_pitch
            if abs(value - own) > _SAME_PITCH * own:
                self._note(f"line_pitch: {value:.4g}, preset {preset.name} states {own:.4g}")
        if value is None and probe_type == "linear" and self._contents.lateral_spacing is not None:
            value = self._checked("line_pitch", self._contents.lateral_spacing)
        if value is None and self._preset is not None and self._preset.probe_type == probe_type:
            value = self._preset.line_pitch
            unit = f"{value * 1e3:.4g} mm" if probe_type == "linear" else f"{value * 1e3:.4g} mrad"
            self._note(f"line_pitch: preset {self._preset.name}, {unit}, one line per element")
        if value is None:
            self._missing.append("line_pitch")
        return value

    def _angle(self, radius: float | None) -> float | None:
        """rad between lines, stated or from metres along the face and the radius; None where neither is."""
        n_lateral = self._contents.frames.shape[1]
        given, stated = self._overrides.get("line_pitch"), self._contents.stated.line_pitch
        metres = metres_along_face(given, n_lateral)
        if metres is not None:
            refuse_metres(self._path, metres, radius, n_lateral)
        metres = metres_along_face(stated, n_lateral) if given is None else None
        if metres is None:
            return self._number("line_pitch", linear=False)
        if not radius:
            self._note(f"line_pitch: the file's {metres * 1e3:g} mm is no angle")
            return None
        self._note(
            f"line_pitch: pitch / radius, {metres / radius * 1e3:.4g} mrad from {metres * 1e3:g} mm along "
            "the face, one line per element"
        )
        return metres / radius

    def _probe_radius(self, probe_type: str | None) -> float | None:
        value = self._number("probe_radius")
        if value is None and self._preset is not None and self._preset.probe_radius > 0:
            value = self._preset.probe_radius
            self._note(f"probe_radius: preset {self._preset.name}, {value * 1e3:g} mm")
        if value is None and probe_type == "curved":
            self._missing.append("probe_radius")
        return 0.0 if value is None else value

    def _clock(self) -> Clock:
        stated = self._contents.stated.clock
        if self._overrides.get("frame_rate") is not None:
            return "device"
        if stated in {"unix", "monotonic", "device"}:
            return cast(Clock, stated)
        times = self._contents.t_acq
        if times is not None and _UNIX_NS[0] <= times[0] < _UNIX_NS[1]:
            self._note("clock: unix, by the size of the time stamps")
            return "unix"
        return "device"


def _printable(notes: tuple[str, ...]) -> tuple[str, ...]:
    """Notes as a header can carry them: so many, so long, without control characters of a file's names."""
    plain = ["".join(c if c.isprintable() else "?" for c in note)[:_MAX_NOTE_LENGTH] for note in notes]
    if len(plain) > _MAX_NOTES:
        plain[_MAX_NOTES - 1 :] = [f"and {len(plain) - _MAX_NOTES + 1} more"]
    return tuple(plain)
