"""Frames through real sockets and processes give the same bits as the same frames through `process`."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

from engine.factory import model_hash
from engine.musse.checkpoint import save
from engine.musse.net import LiveNet
from engine.musse.published_chain import HostPublished
from engine.network.decoder import State
from engine.spec import FrameArray
from engine.tracking.iq import IqGrid
from streamer.headers import StrainHeader
from tests.engine.musse.published_weights import small_published
from tests.tools.programs import program, write_press
from tools.cli import app
from tools.convert import convert_tape
from tools.errors import RecordingError
from tools.tape.reader import Tape

MAPS = ("axial_strain", "strain_std")
COLUMNS = ("pre_index", "post_index", "mean_strain", "quality", "predicted_snre", "interval")


def live(
    recording: Path, output: Path, *options: str, engine: str, count: int, config: Path, speed: str = "1"
) -> None:
    """Replay, node with `options`, and recorder as three processes, as a user would start them."""
    played = ("--loop", "bounce", "--wait-subscribers", "1", "--speed", speed, "--json")
    with program("replay", str(recording), "--bind", "tcp://127.0.0.1:0", *played) as replay:
        at = replay.event("ready")["rf"]
        given = (
            "--engine",
            engine,
            "--policy",
            "every",
            "--bind",
            "tcp://127.0.0.1:0",
            "--http",
            "",
            "--json",
            *options,
        )
        with program("run", "--no-keep", "--connect", at, "--config", str(config), *given) as node:
            results = node.event("ready")["results"]
            until = ("--count", str(count), "--timeout", "30", "--json")
            with program("record", "--connect", results, "--output", str(output), *until) as record:
                summary = record.event("summary")
                assert record.end() == 0
            assert node.end(15) == 0
            assert node.event("summary")["unaccounted"] == 0
        assert replay.end(15) == 0
    counted = {name: summary[name] for name in ("pairs", "missed", "refused", "ended")}
    assert counted == {"pairs": count, "missed": 0, "refused": {}, "ended": "as asked"}


def settings(folder: Path, text: str) -> Path:
    """A configuration whose node never drops a result for a recorder that waits for the processor."""
    path = folder / "node.toml"
    path.write_text(text + "\n[output]\nhigh_water_mark = 64\n")
    return path


def offline(recording: Path, output: Path, *options: str) -> str:
    arguments = ["process", str(recording), "--loop", "bounce", "--output", str(output), *options]
    result = CliRunner().invoke(app, arguments)
    if result.exception is not None:
        raise result.exception
    return result.output


def contents(path: Path) -> dict[str, Any]:
    with h5py.File(path) as file:
        return {name: file[name][:] for name in (*MAPS, *COLUMNS, "rejection")}


def assert_same_bits(one: dict[str, Any], other: dict[str, Any]) -> None:
    for name, values in one.items():
        assert values.dtype == other[name].dtype
        assert (
            values.tobytes() == other[name].tobytes() if name != "rejection" else all(values == other[name])
        ), name


def check(
    tmp_path: Path, recording: Path, other: Path, *, engine: str, count: int, config: Path, speed: str = "1"
) -> None:
    record = tmp_path / "live.mcap"
    live(recording, record, engine=engine, count=count, config=config, speed=speed)
    convert_tape(record, tmp_path / "live.h5")
    given = ("--engine", engine, "--config", str(config), "--pairs-from", str(record))
    offline(recording, tmp_path / "again.h5", *given)
    there, here = contents(tmp_path / "live.h5"), contents(tmp_path / "again.h5")
    assert len(there["rejection"]) == count
    assert np.isfinite(there["axial_strain"]).any(axis=(1, 2)).sum() >= count // 6
    if speed != "1":  # `process` has only the recorded times
        del there["interval"]
    assert_same_bits(there, here)
    # controls: other frames of the same shape differ, other windows or weights are refused by name
    offline(other, tmp_path / "other.h5", *given)
    with pytest.raises(AssertionError):
        assert_same_bits(there, contents(tmp_path / "other.h5"))
    if engine in {"onnx", "eager"}:
        check_weights(tmp_path, recording, record, engine, *given)
        return  # a network has no window that could be another
    (tmp_path / "wide.toml").write_text("[engine]\naxial_window = 3.0\n")
    wide = ("--config", str(tmp_path / "wide.toml"), "--pairs-from", str(record), "--engine", engine)
    with pytest.raises(RecordingError, match=r"axial_window 0\.00\d+ there, 0\.003 here"):
        offline(recording, tmp_path / "wide.h5", *wide)


def check_weights(tmp_path: Path, recording: Path, record: Path, engine: str, *given: str) -> None:
    with h5py.File(record.with_suffix(".h5")) as file:
        assert file.attrs["model_hash"] == model_hash(engine)
        assert "axial_window" not in file.attrs
        assert "lateral_window" not in file.attrs
    weights = tmp_path / "other.safetensors"
    save(LiveNet(), weights, trained={})
    with pytest.raises(RecordingError, match=r"model_hash [0-9a-f]{64} there, [0-9a-f]{64} here"):
        offline(recording, tmp_path / "other-weights.h5", *given, "--weights", str(weights))


@pytest.mark.parametrize(
    "engine",
    ["onnx", *(pytest.param(name, marks=pytest.mark.long) for name in ("trivial", "reference", "eager"))],
)
def test_small_frames(tmp_path: Path, engine: str) -> None:
    frames, other = write_press(tmp_path / "a.h5"), write_press(tmp_path / "b.h5", seed=1)
    check(tmp_path, frames, other, engine=engine, count=20, config=settings(tmp_path, ""))


@pytest.mark.long
def test_real_frames(tmp_path: Path, arm_dir: Path) -> None:
    frames = [arm_dir / name for name in ("rf0304_86.mhd", "rf0300_25.mhd")]
    # windows in mm: the two recordings have slightly different carriers, and so wavelengths
    config = settings(tmp_path, "[engine]\naxial_window = 4.0\nlateral_window = 2.0\n")
    # slow, so that a busy machine keeps up: a frame that waits too long in the ring is overwritten
    check(tmp_path, *frames, engine="reference", count=18, config=config, speed="0.25")


def check_published(
    tmp_path: Path,
    recording: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    speed: str,
    count: int = 16,
    region: str = "",
    weights: str = "",
) -> None:
    record = tmp_path / "live.mcap"
    given = ("--weights", weights or str(small_published(tmp_path, spread=1e-3)))
    config = settings(tmp_path, region)
    live(recording, record, *given, engine="eager", count=count, config=config, speed=speed)
    convert_tape(record, tmp_path / "live.h5")
    again = ("--engine", "eager", "--config", str(config), "--pairs-from", str(record), *given)
    offline(recording, tmp_path / "again.h5", *again)
    there, here = contents(tmp_path / "live.h5"), contents(tmp_path / "again.h5")
    assert np.isfinite(there["axial_strain"]).any(axis=(1, 2)).sum() >= count // 2
    if speed != "1":  # `process` has only the recorded times
        del there["interval"]
    assert_same_bits(there, here)
    with Tape(record) as tape:
        headers = [message.header for message in tape.messages({"strain"})]
    assert max(header.state_age for header in headers if isinstance(header, StrainHeader)) > 1
    # the control: the state that a pair finds is another one
    found = HostPublished._state

    def shuffled(self: HostPublished, pre: FrameArray, grid: IqGrid) -> State | None:
        state = found(self, pre, grid)
        return None if state is None else tuple(values.flip(2) for values in state)

    monkeypatch.setattr(HostPublished, "_state", shuffled)
    offline(recording, tmp_path / "shuffled.h5", *again)
    with pytest.raises(AssertionError):
        assert_same_bits(there, contents(tmp_path / "shuffled.h5"))


def test_the_published_network_with_its_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_published(tmp_path, write_press(tmp_path / "a.h5"), monkeypatch, speed="0.5")


@pytest.mark.long
def test_the_published_network_on_real_frames(
    tmp_path: Path, arm_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # a part of the frame, so that a busy machine keeps up
    region = "[region]\naxial_from = 5.0\naxial_to = 12.0\nlateral_from = -4.0\nlateral_to = 4.0\n"
    recording = arm_dir / "rf0304_86.mhd"
    check_published(tmp_path, recording, monkeypatch, speed="0.1", count=6, region=region, weights="paper")
