"""The node's sign of life stops when its engine hangs, and only then."""

import threading
from typing import Any

import pytest

from engine.baselines.trivial import TrivialEstimator
from engine.spec import StrainResult
from streamer.config_file import load_config
from streamer.node import run
from streamer.stopping import Stop
from tests.streamer.node.node_harness import PATIENCE, Scanner

SETTINGS: dict[str, dict[str, Any]] = {
    "output": {"bind": "tcp://127.0.0.1:*"},
    "http": {"bind": ""},
    "engine": {"timeout": 3.0},
}


@pytest.mark.alone
def test_the_turns_stop_with_a_hung_engine_and_promise_more_while_one_is_built() -> None:
    hung, released, stop = threading.Event(), threading.Event(), Stop()
    promised: list[float] = []
    turned = threading.Event()

    class Hanging(TrivialEstimator):
        warm = False

        def propose(self, *arguments: object) -> StrainResult:
            if self.warm:
                hung.set()
                released.wait(PATIENCE)
            return super().propose(*arguments)  # type: ignore[arg-type]

        def reset(self) -> None:
            self.warm = True

    def on_turn(within: float) -> None:
        promised.append(within)
        turned.set()

    with Scanner() as scanner:
        config = load_config(None, SETTINGS | {"input": {"connect": scanner.address}})
        node = threading.Thread(
            target=run, args=(config, stop), kwargs={"open_engine": Hanging, "on_turn": on_turn}
        )
        node.start()
        scanner.wait_for_node()
        scanner.send_all([0, 1])
        assert hung.wait(PATIENCE)
        turned.clear()
        assert not turned.wait(1.0)  # five status intervals
        assert promised[0] == promised[-1] == 3.0
        assert max(promised) == 120.0
        released.set()
        assert turned.wait(PATIENCE)
        stop.set()
        node.join()
