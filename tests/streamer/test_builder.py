"""An engine is at speed before its first pair."""

import time
from typing import Any

import pytest

from engine.baselines.trivial import TrivialEstimator
from engine.spec import EngineSpec, StrainResult
from streamer import builder
from streamer.beside import Beside
from streamer.builder import EngineBuilder
from streamer.config import Config
from streamer.frame import RfFrame
from streamer.frame_counters import FrameCounters
from streamer.health import Health
from streamer.metrics import Metrics
from streamer.stopping import Stop
from tests.echo_frames import cycle, rf_header


class Counted(TrivialEstimator):
    """Notes in which state each pair was computed."""

    def __init__(self, spec: EngineSpec, health: Health, takes: float) -> None:
        super().__init__(spec)
        self.building: list[bool] = []
        self._health, self._takes = health, takes

    def propose(self, *arguments: Any) -> StrainResult:
        self.building.append(self._health.building)
        time.sleep(self._takes)
        return super().propose(*arguments)


@pytest.mark.parametrize(("takes", "pairs"), [(0.0, 4), (0.02, 1)])
def test_what_the_first_runs_allocate_is_there_before_the_first_pair(
    monkeypatch: pytest.MonkeyPatch, takes: float, pairs: int
) -> None:
    if takes:
        monkeypatch.setattr(builder, "WARM_UP_AT_MOST", takes / 2)  # an engine that is slow by itself
    health = Health()
    opened: list[Counted] = []

    def open_engine(spec: EngineSpec) -> Counted:
        opened.append(Counted(spec, health, takes))
        return opened[-1]

    metrics = Metrics(FrameCounters(), "0")
    built = EngineBuilder(open_engine, Beside(None, health), Config(), health, metrics)
    built.step_for(RfFrame(rf_header(0), cycle(0), received=0.0), Stop(), lambda: None)
    assert opened[0].building == [True] * pairs
    assert not health.building
