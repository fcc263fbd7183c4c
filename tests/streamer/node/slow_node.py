"""A node with an engine that thinks for a minute, as a process: `python slow_node.py CONNECT`."""

import sys
import time
from typing import Any

from engine.baselines.trivial import TrivialEstimator
from engine.spec import StrainResult
from streamer.config_file import load_config
from streamer.node import run
from streamer.stopping import Stop
from tools.processes import on_stop_signal


class Thinker(TrivialEstimator):
    """Quick in its warm-up, and then not."""

    warm = False

    def propose(self, *arguments: Any) -> StrainResult:
        if self.warm:
            print("thinking", flush=True)  # noqa: T201 - the token that the test waits for
            end = time.monotonic() + 60
            while time.monotonic() < end:
                time.sleep(0.01)
        return super().propose(*arguments)

    def reset(self) -> None:
        self.warm = True


stop = Stop()
on_stop_signal(stop.on_signal)
settings = {"input": {"connect": sys.argv[1]}, "output": {"bind": "tcp://127.0.0.1:*"}, "http": {"bind": ""}}
summary = run(load_config(None, settings), stop, open_engine=Thinker)
print(summary.received, summary.in_flight, summary.unaccounted, flush=True)  # noqa: T201 - read by the test
