"""An engine that has to be compiled for the acquisition is built beside the stream, in a child process."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.baselines.trivial import TrivialEstimator
from engine.errors import EngineNotBuilt
from engine.spec import EngineSpec, FrameArray, StrainResult
from streamer.beside import Compile
from streamer.headers import StatusHeader
from streamer.stopping import Stop
from tests.echo_frames import cycle, echoes
from tests.root import ROOT
from tests.streamer.node.node_harness import Listener, Setup
from tools.engines.building import BuildsBeside

OTHER = (400, 12)
COMPILING = "an engine is compiled for this acquisition: compiling"
JUMP = np.int16(7)  # a first sample that stands for a carrier that moved


class Compiled(TrivialEstimator):
    """Estimates only where `folder` holds an engine for the shape, and for the carrier that a frame shows."""

    def __init__(self, spec: EngineSpec, folder: Path) -> None:
        super().__init__(spec)
        self._folder = folder
        self._loaded: set[str] = set()

    def ready(self, pre: FrameArray) -> bool:
        return self._name(pre) in self._loaded

    def propose(self, pre: FrameArray, *others: Any) -> StrainResult:
        name = self._name(pre)
        if not (self._folder / name).exists():
            raise EngineNotBuilt(f"no engine {name}", ("build", str(self._folder), name))
        self._loaded.add(name)
        return super().propose(pre, *others)

    def _name(self, frame: FrameArray) -> str:
        return f"{frame.shape[0]}x{frame.shape[1]}" + ("-moved" if frame[0, 0] == JUMP else "")


@pytest.fixture
def start(setup: Setup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Listener]:
    """Starts a node whose engines are built in children that wait for tmp_path/go."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))

    def started(at_most: float = 60.0, **sections: Any) -> Listener:
        def compiles(stop: Stop) -> Compile:
            return BuildsBeside(stop, at_most, module="tests.streamer.node.slow_compiler")

        return setup.start(lambda spec: Compiled(spec, tmp_path), compiles=compiles, **sections)[1]

    return started


def builds(folder: Path) -> list[str]:
    return (folder / "started").read_text().split()


def building(status: StatusHeader) -> bool:
    return status.state == "BUILDING" and status.reasons == (COMPILING,)


def test_frames_that_pass_while_an_engine_is_compiled_are_not_the_engines_fault(
    setup: Setup, start: Callable[..., Listener], tmp_path: Path
) -> None:
    listener = start(pairing={"policy": "latest"})
    setup.scanner.send(0)
    listener.status(building)
    setup.scanner.send_all(range(1, 60))
    full = listener.status(lambda status: status.received == 60)
    assert building(full)
    assert full.published_valid == 0
    (tmp_path / "go").touch()
    setup.settle(listener)
    setup.scanner.send_all([60])
    listener.strain_of(60)
    later = listener.status(lambda status: status.state != "BUILDING" and status.overwritten > 40)
    assert not any("slower than the scanner" in reason for reason in later.reasons)
    assert builds(tmp_path) == ["512x16"]


def test_a_change_of_geometry_takes_the_engine_that_is_there_or_builds_it(
    setup: Setup, start: Callable[..., Listener], tmp_path: Path
) -> None:
    listener = start()
    (tmp_path / "go").touch()
    setup.scanner.send_all([0, 1])
    assert listener.strain_of(1).rejection is None
    (tmp_path / "go").unlink()
    for index in (2, 3):
        setup.scanner.send(index, echoes(0.005 * index, shape=OTHER), shape=OTHER)
    listener.status(building)
    (tmp_path / "go").touch()
    assert listener.strain_of(3).rejection is None
    (tmp_path / "go").unlink()  # a build would now last for ever
    setup.scanner.send_all([4, 5])
    assert listener.strain_of(5).rejection is None
    assert builds(tmp_path) == ["512x16", "400x12"]


def test_a_carrier_that_moves_costs_no_pair(
    setup: Setup, start: Callable[..., Listener], tmp_path: Path
) -> None:
    listener = start()
    (tmp_path / "go").touch()
    setup.scanner.send_all([0, 1])
    listener.strain_of(1)
    (tmp_path / "go").unlink()
    for index in (2, 3):
        samples = cycle(index).copy()
        samples[0, 0] = JUMP
        setup.scanner.send(index, samples)
    listener.status(building)
    (tmp_path / "go").touch()
    listener.strain_of(3)
    assert [header.rejection for header in listener.strain_headers] == ["first", None, None, None]
    assert builds(tmp_path) == ["512x16", "512x16-moved"]


def test_an_engine_that_cannot_be_built_is_a_fault_with_the_reason(
    setup: Setup, start: Callable[..., Listener], tmp_path: Path
) -> None:
    listener = start()
    (tmp_path / "go").touch()
    setup.scanner.send_all([0, 1])
    listener.strain_of(1)
    (tmp_path / "broken").touch()
    setup.scanner.send(2, echoes(0.0, shape=OTHER), shape=OTHER)
    fault = listener.status(lambda status: status.state == "FAULT")
    assert "could be compiled for this acquisition: the compiler refuses the graph" in fault.reasons[0]
    setup.scanner.send_all([3, 4])
    assert listener.strain_of(4).rejection is None
    assert listener.status(lambda status: status.published_valid > 1).state != "FAULT"


def test_a_compiler_that_hangs_is_ended_and_named_and_the_stream_goes_on(
    setup: Setup, start: Callable[..., Listener], tmp_path: Path
) -> None:
    (tmp_path / "512x16").touch()  # this engine is there
    listener = start(at_most=1.0)
    setup.scanner.send_all([0, 1])
    assert listener.strain_of(1).rejection is None
    setup.scanner.send(2, echoes(0.0, shape=OTHER), shape=OTHER)
    fault = listener.status(lambda status: status.state == "FAULT")
    assert "after engine.build_timeout, 1 s" in fault.reasons[0]
    setup.scanner.send_all([3, 4])
    assert listener.strain_of(4).rejection is None


def test_a_first_engine_that_cannot_be_built_ends_the_node(
    setup: Setup, start: Callable[..., Listener], tmp_path: Path
) -> None:
    start()
    for name in ("go", "broken"):
        (tmp_path / name).touch()
    setup.scanner.send(0)
    with pytest.raises(EngineNotBuilt, match="the compiler refuses the graph"):
        setup.node.join()
    setup.ended()


def test_without_a_compiler_the_node_ends_with_what_is_missing(setup: Setup, tmp_path: Path) -> None:
    setup.start(lambda spec: Compiled(spec, tmp_path))
    setup.scanner.send(0)
    with pytest.raises(EngineNotBuilt, match="no engine 512x16"):
        setup.node.join()
    setup.ended()


def test_a_stop_while_an_engine_is_compiled_ends_the_build_too(
    setup: Setup, start: Callable[..., Listener], tmp_path: Path
) -> None:
    listener = start()
    setup.scanner.send(0)
    listener.status(building)
    summary = setup.finish()
    assert summary.in_flight == 1
    assert not (tmp_path / "512x16").exists()
