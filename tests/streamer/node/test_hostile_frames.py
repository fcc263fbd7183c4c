"""Frames with false headers, protocol errors or no content are refused by name; good ones are processed."""

import zlib
from collections.abc import Callable
from typing import Any

import msgpack
import numpy as np
import pytest

from streamer.wire import encode
from tests.echo_frames import SHAPE, STRAIN, cycle, echoes, rf_header
from tests.streamer.node.node_harness import Setup

Parts = list[bytes | memoryview]


def good(index: int = 2, **changes: Any) -> Parts:
    return encode("rf", rf_header(index, **changes), (cycle(index),))


def with_payload(payload: bytes) -> Callable[[], Parts]:
    return lambda: [*good()[:2], payload]


def with_fields(**fields: Any) -> Callable[[], Parts]:
    """A header with any fields at all, before a payload that is as it should be."""
    described = rf_header(2).model_dump(by_alias=True) | fields
    return lambda: [good()[0], msgpack.packb(described), good()[2]]


def sampled(samples: np.ndarray, **changes: Any) -> Callable[[], Parts]:
    return lambda: encode("rf", rf_header(2, **changes), (samples,))


def broken(value: float) -> np.ndarray:
    samples = cycle(2).astype(np.float32)
    samples[100, 3] = value
    return samples


WHOLE = cycle(2).tobytes()
BARE = msgpack.packb({"schema": "musse.rf", "version": 1})
DEEP = b"\x82" + msgpack.packb("schema") + b"\x91" * 1000 + b"\xc0" + msgpack.packb("version") + b"\x01"

HOSTILE: dict[str, tuple[str, Callable[[], Parts]]] = {
    "truncated payload": ("wrong_size", with_payload(WHOLE[:-2])),
    "overlong payload": ("wrong_size", with_payload(WHOLE + b"\0\0")),
    "empty payload": ("wrong_size", with_payload(b"")),
    "no payload": ("wrong_size", lambda: good()[:2]),
    "two payloads": ("wrong_size", lambda: [*good(), WHOLE]),
    "a thousand payloads": ("wrong_size", lambda: [*good(), *[b"x"] * 1000]),
    "larger shape than payload": ("wrong_size", with_fields(shape=(4096, 1024))),
    "smaller shape than payload": ("wrong_size", with_fields(shape=(256, 16))),
    "shape beyond the ring": ("wrong_size", with_fields(shape=(65536, 4096))),
    "other type than payload": ("wrong_size", with_fields(dtype="<f4")),
    "type and kind disagree": ("malformed", with_fields(dtype="<c8")),
    "unknown type": ("malformed", with_fields(dtype="|O")),
    "negative shape": ("malformed", with_fields(shape=(-512, -16))),
    "three axes": ("malformed", with_fields(shape=(512, 16, 1))),
    "missing field": (
        "malformed",
        lambda: [b"rf/bridge/", msgpack.packb({"schema": "musse.rf", "version": 1})],
    ),
    "topic only": ("malformed", lambda: [b"rf/bridge/"]),
    "empty header": ("malformed", lambda: [b"rf/bridge/", b"", WHOLE]),
    "header of noise": ("malformed", lambda: [b"rf/bridge/", b"\xc1" * 500, WHOLE]),
    "header too long": ("malformed", lambda: [b"rf/bridge/", bytes(200_000), WHOLE]),
    "header promises a huge map": ("malformed", lambda: [b"rf/bridge/", b"\xdf\xff\xff\xff\xff", WHOLE]),
    "pickle as header": ("malformed", lambda: [b"rf/bridge/", b"\x80\x04\x8c\x02os\x94.", WHOLE]),
    "extension type": ("malformed", with_fields(t_acq=msgpack.ExtType(5, b"x"))),
    "time stamp type": ("malformed", with_fields(t_acq=msgpack.Timestamp(1, 2))),
    "time beyond 64 bits": ("malformed", with_fields(t_acq=2**64 - 1)),
    "frame index beyond 63 bits": ("malformed", with_fields(frame_index=2**63)),
    "frequency of nothing": ("malformed", with_fields(sampling_frequency=1e-300, center_frequency=1e-301)),
    "infinite pitch": ("malformed", with_fields(line_pitch=float("inf"))),
    "begins beyond the world": ("malformed", with_fields(initial_time=1e308)),
    "terminal codes in the session": ("malformed", with_fields(session_id="\x1b[2J\nERROR all is lost")),
    "unknown schema": ("unknown_schema", with_fields(schema="musse.rf2")),
    "newer version": ("unknown_schema", with_fields(version=2)),
    "version is true": ("unknown_schema", with_fields(version=True)),
    "schema too deep to print": ("unknown_schema", lambda: [b"rf/bridge/", DEEP, WHOLE]),
    "a result on the RF link": ("malformed", with_fields(schema="musse.status")),
    "checksum of another frame": ("bad_checksum", lambda: good(payload_crc32=zlib.crc32(WHOLE) ^ 1)),
    "marked unusable": ("bad_status", lambda: good(status="INVALID")),
    "all zero": ("no_signal", sampled(np.zeros(SHAPE, np.int16))),
    "all equal": ("no_signal", sampled(np.full(SHAPE, -7, np.int16))),
    "saturated": ("saturated", sampled(np.clip(cycle(2), -300, 300))),
    "not a number": ("not_finite", sampled(broken(np.nan), dtype="<f4")),
    "numbers whose square overflows": ("not_finite", sampled(broken(2e34), dtype="<f4")),
    "infinite": ("not_finite", sampled(broken(-np.inf), dtype="<f4")),
    "not a number in iq": (
        "not_finite",
        sampled((broken(np.nan) * 1j).astype(np.complex64), dtype="<c8", kind="iq"),
    ),
}


@pytest.mark.parametrize(("reason", "message"), HOSTILE.values(), ids=HOSTILE.keys())
def test_it_is_refused_by_name_and_good_frames_go_on(
    setup: Setup, reason: str, message: Callable[[], Parts]
) -> None:
    _, listener = setup.start()
    setup.scanner.send_all([0, 1])
    listener.strain_of(1)  # a larger frame makes a larger ring, which would lose what waits in it
    setup.scanner.send_parts(message())
    setup.scanner.send_all([3, 4])
    setup.settle(listener)
    summary = setup.finish()
    assert summary.refused == {reason: 1}
    assert summary.lost == 0
    assert [header.rejection for header in listener.strain_headers] == ["first", None, "gap", None]
    assert listener.strain_headers[-1].mean_strain == pytest.approx(STRAIN, rel=0.1)


@pytest.mark.parametrize("changes", [{"frame_index": 2**38}, {"session_id": "two"}, {"source_id": "other"}])
def test_a_damaged_frame_with_a_poisoned_header_costs_only_itself(
    setup: Setup, changes: dict[str, Any]
) -> None:
    _, listener = setup.start()
    setup.scanner.send_all([0, 1])
    index = changes.get("frame_index", 2)
    rest = {name: value for name, value in changes.items() if name != "frame_index"}
    setup.scanner.send(index, np.zeros(SHAPE, np.int16), **rest)
    setup.scanner.send_all([2, 3, 4])
    setup.settle(listener)
    posts = [header.post_index for header in listener.strain_headers if not header.rejection]
    assert posts[-1] == 4
    assert setup.finish().received == 6


def test_the_same_frames_with_a_right_checksum_are_accepted(setup: Setup) -> None:
    """The control of the table above: nothing there is refused for being frame 2."""
    _, listener = setup.start()
    setup.scanner.send_all([0, 1])
    setup.scanner.send_parts(good(payload_crc32=zlib.crc32(WHOLE)))
    setup.scanner.send(3)
    setup.settle(listener)
    assert setup.finish().published_valid == 3


def test_fields_of_a_newer_sender_are_ignored(setup: Setup) -> None:
    _, listener = setup.start()
    setup.scanner.send_all([0, 1])
    setup.scanner.send_parts(with_fields(steering={"angle": [1, 2]}, **{"x" * 100: b"\0"})())
    setup.settle(listener)
    assert setup.finish().published_valid == 2


@pytest.mark.parametrize("header_too", [True, False])
def test_good_frames_come_again_after_an_oversize_message(setup: Setup, header_too: bool) -> None:
    """libzmq cuts a subscriber off for good; the node takes a new socket."""
    _, listener = setup.start(input={"connect": setup.scanner.address, "max_frame_bytes": 100_000})
    setup.scanner.send_all([0, 1])
    listener.strain_of(1)
    setup.scanner.send_parts([*good()[:2], bytes(300_000)] if header_too else [b"rf/x/", bytes(300_000)])
    setup.scanner.wait_for_node()
    setup.scanner.send_all([3, 4])
    assert listener.strain_of(4).mean_strain == pytest.approx(STRAIN, rel=0.1)
    setup.settle(listener)
    summary = setup.finish()
    assert (summary.lost, summary.link_resets) == (1, 1)


def test_a_frame_beyond_the_ring_is_refused_and_the_ring_keeps_its_size(setup: Setup) -> None:
    ring = {"connect": setup.scanner.address, "ring_bytes": 2**20}
    _, listener = setup.start(input=ring)
    setup.scanner.send_all([0, 1])
    big = (8192, 16)
    setup.scanner.send(2, np.resize(cycle(0), big), shape=big)
    setup.scanner.send_all([3, 4])
    setup.settle(listener)
    summary = setup.finish()
    assert (summary.refused, summary.published_valid) == ({"too_large": 1}, 2)


def test_frames_that_alternate_between_two_sizes_are_all_accounted_for(setup: Setup) -> None:
    _, listener = setup.start()
    smaller = (400, 12)
    for index in range(10):
        if index % 2:
            setup.scanner.send(index, echoes(0.0, shape=smaller), shape=smaller)
        else:
            setup.scanner.send(index)
    setup.settle(listener)
    reasons = [header.rejection for header in listener.strain_headers]
    assert reasons == ["first"] + ["geometry_changed"] * 9


def test_a_second_source_is_refused_while_the_first_sends(setup: Setup) -> None:
    _, listener = setup.start()
    for index in range(4):
        setup.scanner.send(index)
        setup.scanner.send(index, source_id="intruder")
    setup.settle(listener)
    summary = setup.finish()
    assert (summary.refused, summary.published_valid) == ({"other_source": 4}, 3)
    assert {header.source_id for header in listener.strain_headers} == {"bridge"}


def test_a_flood_of_rubbish_loses_no_good_frame_and_no_count(setup: Setup) -> None:
    _, listener = setup.start()
    rng = np.random.default_rng(5)
    for index in range(20):
        setup.scanner.send(index)
        for _ in range(25):
            setup.scanner.send_parts(
                [b"rf/bridge/", *(rng.bytes(int(rng.integers(0, 400))) for _ in range(2))]
            )
    setup.settle(listener)
    summary = setup.finish()
    assert summary.published_valid == 19
    assert summary.refused.keys() <= {"malformed", "unknown_schema"}


def test_lies_about_the_frame_index_cannot_overflow_the_status(setup: Setup) -> None:
    node, listener = setup.start()
    for session in "abc":
        setup.scanner.send(0, session_id=session)
        setup.scanner.send(2**63 - 1, session_id=session, samples=cycle(1), t_acq=0)
    listener.status(lambda status: status.received == 6 and status.in_flight == 0)
    assert node.stop().lost == 2**62
    setup.scanner.sent += 2**62


def test_an_operator_sees_why_nothing_is_shown(setup: Setup) -> None:
    _, listener = setup.start()
    setup.scanner.send_all([5, 4, 3, 2])
    status = listener.status(lambda status: status.state == "STALE" and bool(status.reasons))
    assert status.reasons == (
        f"no new RF frame from {setup.scanner.address}: the link is up; 4 came, 3 refused",
        "3 of 4 frames refused, most as backwards",
    )
