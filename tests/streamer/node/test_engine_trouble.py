"""Engines that fail, hang, lie or build slowly; policies while they do."""

import json
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

from engine.baselines.trivial import TrivialEstimator
from engine.errors import EngineUnavailable, EstimateFailed, InvalidAcquisition
from engine.spec import EngineSpec, StrainResult
from streamer.config_file import load_config
from streamer.errors import AddressInUse, ConfigError
from tests.echo_frames import STRAIN, echoes
from tests.streamer.node.engines import Gate, Scripted, failing, scripted
from tests.streamer.node.node_harness import RunningNode, Setup


@pytest.mark.parametrize("error", [EstimateFailed, ZeroDivisionError, MemoryError])
def test_an_engine_that_fails_on_one_pair_does_the_next(setup: Setup, error: type[Exception]) -> None:
    _, listener = setup.start(failing(lambda pair: pair == 1, error))
    setup.scanner.send_all(range(5))
    setup.settle(listener)
    reasons = [header.rejection for header in listener.strain_headers]
    assert reasons == ["first", None, "engine_error", None, None]


def test_an_engine_that_fails_ten_times_is_a_fault_until_it_works_again(setup: Setup) -> None:
    _, listener = setup.start(failing(lambda pair: pair < 12))
    for index in range(11):
        setup.scanner.send(index)
    fault = listener.status(lambda status: status.state == "FAULT")
    assert "failed on 10 pairs in a row" in fault.reasons[0]
    setup.scanner.send_all(range(11, 15))
    back = listener.status(lambda status: status.published_valid > 0)
    assert back.state != "FAULT"


class Lying(TrivialEstimator):
    """Returns results that are not allowed."""

    def __init__(self, spec: EngineSpec, lie: str) -> None:
        super().__init__(spec)
        self._lie = lie

    def propose(self, *arguments: Any) -> StrainResult:
        result = super().propose(*arguments)
        if self._lie == "all NaN":
            for values in (result.axial_strain, result.ncc, result.lateral_displacement):
                values[:] = np.nan
        elif self._lie == "NaN in places":
            result.ncc[:3] = np.nan
            result.axial_strain[:, 2] = np.nan
        else:
            object.__setattr__(result, "ncc", result.ncc[:5])
        return result


@pytest.mark.parametrize(
    ("lie", "rejection"),
    [("all NaN", "decorrelated"), ("NaN in places", None), ("other shape", "engine_error")],
)
def test_no_result_of_an_engine_ends_the_node(setup: Setup, lie: str, rejection: str | None) -> None:
    _, listener = setup.start(lambda spec: Lying(spec, lie))
    setup.scanner.send_all([0, 1])
    header = listener.strain_of(1)
    assert header.rejection == rejection
    if rejection is None:
        strain = listener.strain[-1].arrays["axial_strain"]
        assert np.isnan(strain[:3]).all()
        assert np.isnan(strain[:, 2]).all()
        assert header.mean_strain == pytest.approx(-STRAIN, rel=0.1)
    setup.settle(listener)


def test_a_rejected_pair_never_changes_the_state(setup: Setup) -> None:
    engines: list[Scripted] = []

    def open_engine(spec: EngineSpec) -> Scripted:
        engines.append(Scripted(spec, lambda pair: None))
        return engines[-1]

    levels = [0.0, 0.005, 0.010, 0.010, 0.015]  # a still pair in the middle
    _, listener = setup.start(open_engine)
    for index, level in enumerate(levels):
        setup.scanner.send(index, echoes(level))
    setup.settle(listener)
    assert [header.rejection for header in listener.strain_headers] == [
        "first",
        None,
        None,
        "no_motion",
        None,
    ]
    assert [header.state_age for header in listener.strain_headers] == [0, 1, 2, 2, 3]
    # warm-up, then the first pair, which has no pre; after that only accepted pairs
    assert engines[0].calls == ["reset", "reset", -0.005, -0.005, -0.005]


def test_three_rejected_pairs_in_a_row_reset_the_state(setup: Setup) -> None:
    _, listener = setup.start()
    for index, level in enumerate([0.0, 0.005, 0.005, 0.005, 0.005, 0.01]):
        setup.scanner.send(index, echoes(level))
    setup.settle(listener)
    first, *_, last = listener.strain_headers
    assert last.state_epoch == first.state_epoch + 1
    assert last.state_age == 1


def test_a_jump_of_the_gain_resets_the_state(setup: Setup) -> None:
    _, listener = setup.start()
    for index, gain in enumerate([1, 1, 2, 2]):
        setup.scanner.send(index, (echoes(STRAIN * index) * gain).astype(np.int16))
    setup.settle(listener)
    headers = listener.strain_headers
    assert [header.state_age for header in headers] == [0, 1, 1, 2]
    assert [header.state_epoch - headers[0].state_epoch for header in headers] == [0, 0, 1, 1]


def test_policy_every_loses_nothing_behind_a_slow_engine(setup: Setup) -> None:
    gate = Gate()
    node, listener = setup.start(gate.engine, http={"bind": "127.0.0.1:0"})
    setup.scanner.send_all(range(40))
    node.wait_for_metric("musse_frames_received_total 40.0")
    gate.open()
    setup.settle(listener)
    assert [header.post_index for header in listener.strain_headers] == list(range(40))
    assert setup.finish().overwritten == 0


def test_policy_latest_takes_the_newest_and_counts_what_it_passes_over(setup: Setup) -> None:
    gate = Gate()
    http = {"bind": "127.0.0.1:0"}  # the main thread is in the engine and sends no status
    node, listener = setup.start(gate.engine, pairing={"policy": "latest"}, http=http)
    setup.scanner.send(0)
    listener.strain_of(0)
    setup.scanner.send(1)
    assert gate.reached.wait(20)
    setup.scanner.send_all(range(2, 40))
    node.wait_for_metric("musse_frames_received_total 40.0")
    gate.open()
    setup.settle(listener)
    posts = [header.post_index for header in listener.strain_headers]
    assert posts == sorted(set(posts))
    assert posts[-1] == 39
    assert all(
        header.rejection is None for header in listener.strain_headers[1:]
    )  # each with the frame before it
    assert setup.finish().overwritten == 40 - len(posts)


def test_status_goes_on_while_an_engine_is_built_and_frames_wait(setup: Setup) -> None:
    gate = Gate()
    node, listener = setup.start(gate.building, http={"bind": "127.0.0.1:0"})
    setup.scanner.send_all(range(3))
    for _ in range(5):
        listener.status(lambda status: status.state == "BUILDING")
    assert node.get("/livez")[0] == 200
    assert node.get("/readyz") == (503, "BUILDING\n")
    gate.open()
    setup.settle(listener)
    assert len(listener.strain) == 3


def test_a_stop_while_an_engine_is_built_ends_at_once(setup: Setup) -> None:
    gate = Gate()
    _, listener = setup.start(gate.building)
    setup.scanner.send_all(range(3))
    listener.status(lambda status: status.state == "BUILDING" and status.received == 3)
    summary = setup.finish()
    gate.open()
    assert (summary.in_flight, summary.busy) == (3, True)


@pytest.mark.parametrize("error", [InvalidAcquisition, RuntimeError])
def test_an_acquisition_no_engine_can_serve_is_a_fault_until_another_comes(
    setup: Setup, error: type[Exception]
) -> None:
    def picky(spec: EngineSpec) -> TrivialEstimator:
        if spec.shape == (400, 12):
            raise error("400 samples are not for me")
        return TrivialEstimator(spec)

    _, listener = setup.start(picky)
    for index in (0, 1):
        setup.scanner.send(index, echoes(0.0, shape=(400, 12)), shape=(400, 12))
    fault = listener.status(lambda status: status.state == "FAULT")
    assert "400 samples are not for me" in fault.reasons[0]
    assert listener.strain_headers[-1].rejection in {"first", "engine_error"}
    for index in range(3):
        setup.scanner.send(index, session_id="two")
    assert listener.strain_of(2).rejection is None
    setup.settle(listener)


def test_a_region_outside_the_frame_is_a_fault_that_names_the_frame(setup: Setup) -> None:
    _, listener = setup.start(region={"axial_from": 200.0, "axial_to": 210.0})
    setup.scanner.send(0)
    fault = listener.status(lambda status: status.state == "FAULT")
    assert "the frame covers 0.0 to 9.8 mm" in fault.reasons[0]


def test_a_region_of_interest_is_computed_where_it_lies(setup: Setup) -> None:
    _, listener = setup.start(region={"axial_from": 3.0, "axial_to": 7.0})
    setup.scanner.send_all([0, 1])
    header = listener.strain_of(1)
    assert header.region is not None
    assert header.region[:2] == pytest.approx((3e-3, 7e-3))
    assert header.mean_strain == pytest.approx(-STRAIN, rel=0.15)
    assert header.grid is not None
    rows = header.grid.axial_start + np.arange(64) * header.grid.axial_step
    assert rows[0] < 3e-3
    assert rows[-1] > 7e-3


def test_an_engine_that_cannot_run_ends_the_node_by_name(setup: Setup) -> None:
    def missing(spec: EngineSpec) -> TrivialEstimator:
        raise EngineUnavailable("no such device")

    node, _ = setup.start(missing)
    setup.scanner.send(0)
    with pytest.raises(EngineUnavailable, match="no such device"):
        node.join()
    setup.ended()


def test_an_unknown_engine_is_refused_with_the_known_ones() -> None:
    config = load_config(None, {"engine": {"name": "muse"}})
    with pytest.raises(
        EngineUnavailable, match="choose one of: auto, musse, reference, onnx, eager, cuda, tensorrt, trivial"
    ):
        RunningNode(config, None)


@pytest.mark.parametrize(
    ("section", "values", "error", "message"),
    [
        ("input", {"connect": "localhost"}, ConfigError, r"input\.connect = 'localhost'.*tcp://HOST:PORT"),
        (
            "output",
            {"bind": "nonsense"},
            ConfigError,
            r"output\.bind \(--bind\) = 'nonsense'.*tcp://HOST:PORT",
        ),
        ("output", {"bind": "tcp://203.0.113.9:1"}, AddressInUse, r"203\.0\.113\.9:1.*output\.bind"),
        ("http", {"bind": "127.0.0.1"}, ConfigError, r"http\.bind = '127\.0\.0\.1'.*127\.0\.0\.1:5562"),
        ("http", {"bind": "203.0.113.9:1"}, AddressInUse, r"203\.0\.113\.9:1.*http\.bind"),
    ],
)
def test_an_impossible_address_ends_the_node_by_name(
    section: str, values: dict[str, Any], error: type[Exception], message: str
) -> None:
    settings: dict[str, dict[str, Any]] = {
        "input": {"connect": "tcp://127.0.0.1:9"},
        "output": {"bind": "tcp://127.0.0.1:*"},
        "http": {"bind": ""},
        "engine": {"name": "trivial"},
        "security": {"insecure": True},  # whose own refusal of other addresses comes first
    }
    settings[section] = values
    with pytest.raises(error, match=message):
        RunningNode(load_config(None, settings), None).join()


def test_the_warm_up_may_fail_without_harm(setup: Setup) -> None:
    class Cold(TrivialEstimator):
        warm = False

        def propose(self, *arguments: Any) -> StrainResult:
            if not self.warm:
                self.warm = True
                raise RuntimeError("not yet")
            return super().propose(*arguments)

    _, listener = setup.start(Cold)
    setup.scanner.send_all([0, 1])
    assert listener.strain_of(1).rejection is None


def test_the_configured_precision_is_used_and_stated(setup: Setup) -> None:
    _, listener = setup.start(engine={"name": "eager", "precision": "fp16-trunk"})
    setup.scanner.send_all([0, 1])
    strain = listener.strain_of(1)
    assert (strain.precision, strain.device) == ("float16 trunk", "cpu")
    status = setup.settle(listener)
    assert (status.precision, status.device) == ("float16 trunk", "cpu")
    assert '"precision": "fp16-trunk"' in status.configuration


def test_the_summary_is_plain_enough_for_a_line_of_json(setup: Setup) -> None:
    _, listener = setup.start(scripted(lambda pair: None))
    setup.scanner.send_all([0, 1])
    setup.settle(listener)
    line = json.loads(json.dumps(asdict(setup.finish())))
    assert line["published_valid"] == 1
    assert line["rejected"] == {"first": 1}
    assert line["latency_p50"] > 0
