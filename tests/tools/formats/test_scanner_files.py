"""Files of scanners by their published layout, made here; none of them comes from a scanner."""

import io
import struct
import tarfile
from pathlib import Path
from typing import Any

import nrrd
import numpy as np
import pytest
import SimpleITK
from numpy.typing import NDArray

from tests.tools.formats.rf_samples import band_noise
from tools.errors import RecordingError
from tools.formats import open_recording
from tools.formats.lzop import decompress

GIVEN: dict[str, Any] = {"line_pitch": 0.2e-3}
DESCRIPTION = """# raw data parameters

frames: {frames}
frame rate: 11 Hz
transmit frequency: 5 MHz
tgc: {{ 0.00mm, 30.00dB }}{{ 40.00mm, 35.00dB }}
size: {{samples per line: 256, number of lines: 32, sample size: {size} bytes}}
type: RF
sampling rate: 40 MHz
delay samples: 62
lines:
"""
ZEROS_BY_LZOP = bytes.fromhex(
    "894c5a4f000d0a1a0a104020a00940010503000001000081a46b0b329b00000000067a7a2e7261775339063e00001770"
    "00000134428c6a1a0200000000002000000000000000000000009e100000eb010409101924314051647990a9c4e10526"
    "496e95bee91b4a7baee31f5893d0145598dd2972bd0f5eaf075cb3116cc92d8ef15bc2309b0d7ced65da56cf4fcc50d1"
    "59de6af38315a43acd67039c3cd97d23c6701cc57527d68c44f9b57333f0b47a420cd3a1714317e8c09a76543416f5db"
    "c3ad998777695d534b45413f3f41454b535d69778799adc3dbf5163454769ac0e8174371a1d30c427ab4f03373b5f944"
    "8cd62775c51c70c6237dd93c9c0367cd3aa41583f36ade59d150cc4fcf56da65ed7c0d9b30c25bf18e2dc96c11b35c07"
    "af5e0fbd7229dd985514d093581fe3ae7b4a1be9be956e492605e1c4a990796451403124191009040100010420000000"
    "0000000000000095e8030bae7b4a1be9be956e492605e1c4a911000000000000"
)
"""`lzop` 1.04 of 3000 bytes k * k mod 251, k from 0, behind 3000 zeros."""


def description(size: int = 2, *, angle: float = 0.0, probe: str = "") -> str:
    lines = [
        f"  - {{rx element: {0.5 * k}, tx element: {0.5 * k}, angle: {angle * (k - 15.5):.6g} °}}"
        for k in range(32)
    ]
    return DESCRIPTION.format(frames=5, size=size) + "\n".join(lines) + f"\n{probe}\n"


def raw(rf: NDArray[Any], frames: int = 5) -> bytes:
    """Frames (n_axial, n_lateral) as a Clarius .raw."""
    is_iq = np.iscomplexobj(rf)
    content = struct.pack("<5I", 1, frames, rf.shape[2], rf.shape[1], 4 if is_iq else 2)
    for k, frame in enumerate(rf):
        lines = frame.T
        if is_iq:
            lines = np.stack([lines.real, lines.imag], axis=-1)
        content += struct.pack("<Q", 10**9 + k * 90_000_000) + lines.astype("<i2").tobytes()
    return content


def write_clarius(folder: Path, name: str, content: bytes, text: str) -> Path:
    (folder / f"{name}.yml").write_text(text, encoding="utf-8")
    path = folder / f"{name}.raw"
    path.write_bytes(content)
    return path


def test_clarius_rf(tmp_path: Path, rf: NDArray[np.int16]) -> None:
    path = write_clarius(tmp_path, "2026_rf", raw(rf), description())
    with pytest.raises(RecordingError, match="--line-pitch"):
        open_recording(path)
    with open_recording(path, overrides=GIVEN) as recording:
        constants = recording.acquisition
        for k, frame in enumerate(rf):
            assert np.array_equal(recording.frame(k), frame)
        assert recording.t_acq.tolist() == [10**9 + k * 90_000_000 for k in range(5)]
        assert (constants.sampling_frequency, constants.center_frequency) == (40e6, 5e6)
        assert constants.initial_time == pytest.approx(62 / 40e6)
        assert constants.probe_type == "linear"
        assert any("0.5 elements apart" in note for note in recording.assumed)
    cut = write_clarius(tmp_path, "cut_rf", raw(rf)[:-1000], description())
    with open_recording(cut, overrides=GIVEN) as recording:
        assert recording.n_frames == 4
        assert any(note.startswith("frames: 4 whole ones") for note in recording.assumed)


def test_clarius_iq_of_a_curved_probe(tmp_path: Path) -> None:
    iq = np.random.default_rng(0).integers(-900, 900, (5, 256, 32, 2)) @ np.array([1, 1j])
    text = description(4, angle=0.5, probe="probe: {elements: 192, pitch: 330 um, radius: 45 mm}")
    path = write_clarius(tmp_path, "2026_iq", raw(iq), text)
    given = {"demodulation_frequency": 5e6}
    with open_recording(path, overrides=given) as recording:
        constants = recording.acquisition
        assert (constants.kind, constants.probe_type) == ("iq", "curved")
        assert constants.line_pitch == pytest.approx(np.deg2rad(0.5))
        assert constants.probe_radius == pytest.approx(0.045)
        assert np.array_equal(recording.frame(3), iq[3].astype(np.complex64))


def test_clarius_packages(tmp_path: Path, rf: NDArray[np.int16]) -> None:
    members = {"a/2026_rf.raw": raw(rf), "a/2026_rf.yml": description().encode(), "a/2026_env.raw": b"x"}

    def package(**more: bytes) -> Path:
        with tarfile.open(tmp_path / "a.tar", "w") as tar:
            for name, content in {**members, **more}.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
        return tmp_path / "a.tar"

    with open_recording(package(), overrides=GIVEN) as recording:
        assert np.array_equal(recording.frame(2), rf[2])
    with pytest.raises(RecordingError, match=r"2026_rf\.raw, b_iq\.raw; name one with --variable"):
        open_recording(package(**{"b_iq.raw": b""}), overrides=GIVEN)
    members.clear()
    with pytest.raises(RecordingError, match="raw data on in the app"):
        open_recording(package(), overrides=GIVEN)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tar"]  # nothing is unpacked


def test_what_is_no_clarius_recording_is_named(tmp_path: Path, rf: NDArray[np.int16]) -> None:
    path = write_clarius(tmp_path, "a_env", struct.pack("<5I", 1, 5, 32, 256, 1) + bytes(5 * 8200), "")
    with pytest.raises(RecordingError, match="envelopes"):
        open_recording(path)
    (tmp_path / "b.raw").write_bytes(raw(rf))
    with pytest.raises(RecordingError, match=r"b\.yml beside it.*\.mhd"):
        open_recording(tmp_path / "b.raw")


def test_lzo_as_the_program_lzop_writes_it(tmp_path: Path, rf: NDArray[np.int16]) -> None:
    path = tmp_path / "a.raw.lzo"
    expected = bytes(3000) + bytes(k * k % 251 for k in range(3000))
    assert decompress(path, ZEROS_BY_LZOP) == expected
    for end in range(70, len(ZEROS_BY_LZOP)):  # a download that broke off gives whole blocks or none
        assert decompress(path, ZEROS_BY_LZOP[:end]) in {b"", expected}
    damaged = bytearray(ZEROS_BY_LZOP)
    damaged[-20] ^= 0xFF
    with pytest.raises(RecordingError, match=r"damaged|not a readable"):
        decompress(path, bytes(damaged))


def test_damaged_lzo_files_are_named(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    outcomes = set()
    for _ in range(200):
        content = bytearray(ZEROS_BY_LZOP)
        for position in rng.integers(0, len(content), size=3):
            content[position] = rng.integers(0, 256)
        try:
            outcomes.add(len(decompress(tmp_path / "a.lzo", bytes(content))))
        except RecordingError:
            outcomes.add(-1)
    assert -1 in outcomes  # the control: some of this was damage
    assert outcomes <= {-1, 0, 6000}


def ultrasonix(rf: NDArray[np.int16], *, tag: bool = False, **changes: int) -> bytes:
    fields = {
        "type": 16,
        "frames": 5,
        "w": 32,
        "h": 256,
        "ss": 16,
        "txf": 5_000_000,
        "sf": 40_000_000,
        "dr": 30,
    }
    order = [
        "type",
        "frames",
        "w",
        "h",
        "ss",
        "ulx",
        "uly",
        "urx",
        "ury",
        "brx",
        "bry",
        "blx",
        "bly",
        "probe",
        "txf",
        "sf",
        "dr",
        "ld",
        "extra",
    ]
    content = struct.pack("<19i", *({**fields, **changes}.get(name, 0) for name in order))
    for k, frame in enumerate(rf):
        content += (struct.pack("<i", k) if tag else b"") + frame.T.astype("<i2").tobytes()
    return content


@pytest.mark.parametrize("tag", [False, True])
def test_ultrasonix_rf(tmp_path: Path, rf: NDArray[np.int16], tag: bool) -> None:
    path = tmp_path / "a.rf"
    path.write_bytes(ultrasonix(rf, tag=tag))
    given = GIVEN | {"probe_type": "linear"}
    with open_recording(path, overrides=given) as recording:
        constants = recording.acquisition
        for k, frame in enumerate(rf):
            assert np.array_equal(recording.frame(k), frame)
        assert (constants.sampling_frequency, constants.center_frequency) == (40e6, 5e6)
        assert recording.frame_rate == pytest.approx(30.0)
    path.write_bytes(ultrasonix(rf)[:-5])
    with open_recording(path, overrides=given) as recording:
        assert recording.n_frames == 4
    path.write_bytes(ultrasonix(rf, type=4, ss=8))
    with pytest.raises(RecordingError, match="no Ultrasonix RF"):
        open_recording(path, overrides=given)


NRRD: dict[str, dict[str, Any]] = {
    "frames listed last": {"order": (2, 1, 0), "kinds": ["domain", "domain", "list"]},
    "frames listed first": {"order": (0, 2, 1), "kinds": ["list", "domain", "domain"]},
    "depth is the fastest": {"order": (1, 2, 0), "kinds": ["space", "space", "time"]},
}


@pytest.mark.parametrize("layout", NRRD)
@pytest.mark.parametrize("detached", [False, True])
def test_nrrd(tmp_path: Path, rf: NDArray[np.int16], layout: str, detached: bool) -> None:
    order, kinds = NRRD[layout]["order"], NRRD[layout]["kinds"]
    step = {0: float("nan"), 1: 0.01925, 2: 0.3}
    header = {
        "kinds": kinds, "spacings": [step[axis] for axis in order], "encoding": "gzip",
        "frame_rate": "20", "center_frequency": "4.8e6",
    }  # fmt: skip
    path = tmp_path / ("a.nhdr" if detached else "a.nrrd")
    nrrd.write(str(path), rf.transpose(order), header, index_order="F")
    with open_recording(path) as recording:
        constants = recording.acquisition
        assert (recording.n_frames, recording.shape) == (5, (256, 32))
        for k, frame in enumerate(rf):
            assert np.array_equal(recording.frame(k), frame)
        assert constants.sampling_frequency == pytest.approx(40e6)
        assert constants.line_pitch == pytest.approx(0.3e-3)
        assert constants.center_frequency == 4.8e6


def test_nrrd_of_itk_and_iq(tmp_path: Path, rf: NDArray[np.int16]) -> None:
    image = SimpleITK.GetImageFromArray(rf)  # x is lateral, y is depth, z counts the frames
    image.SetSpacing((0.3, 0.01925, 1.0))
    SimpleITK.WriteImage(image, tmp_path / "a.nrrd")
    given: dict[str, Any] = {"frame_rate": 20.0, "frame_axis": 2}
    with open_recording(tmp_path / "a.nrrd", overrides=given) as recording:
        assert np.array_equal(recording.frame(3), rf[3])
        assert recording.acquisition.line_pitch == pytest.approx(0.3e-3)
    iq = np.stack([rf, rf[::-1]]).astype(np.float32)  # (2, frames, n_axial, n_lateral)
    header = {"kinds": ["complex", "list", "domain", "domain"], "demodulation_frequency": "4.8e6"}
    nrrd.write(str(tmp_path / "b.nrrd"), iq, header, index_order="F")
    given = {
        "frame_rate": 20.0,
        "sampling_frequency": 40e6,
        "center_frequency": 4.8e6,
        "probe_type": "linear",
    }
    with open_recording(tmp_path / "b.nrrd", overrides=given | GIVEN) as recording:
        assert np.array_equal(recording.frame(1), rf[1] + 1j * rf[3].astype(np.float32))


def test_noise_in_nrrd_is_not_rf(tmp_path: Path) -> None:
    image = np.abs(band_noise((5, 256, 32))).astype(np.float32)
    nrrd.write(str(tmp_path / "a.nrrd"), image, {"kinds": ["list", "domain", "domain"]}, index_order="F")
    with pytest.raises(RecordingError, match="not RF"):
        open_recording(tmp_path / "a.nrrd", overrides={"frame_rate": 20.0})
