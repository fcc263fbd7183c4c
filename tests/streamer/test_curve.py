"""Encrypted links: who gets in and who does not. Real sockets."""

import dataclasses
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import zmq
from zmq.utils import z85

from streamer.curve import Context, Keys, Security
from streamer.sockets import Socket, bind_publisher, bound_address, connect_subscriber
from tests.streamer.curve_links import (
    ARRIVES_MS,
    EVENTS,
    LOCAL,
    Computer,
    Crowd,
    Tap,
    accepted,
    accepted_and_refused,
    failures,
    gets_in,
    hears,
    null,
    plain,
    unknown,
    with_keys,
)
from tools.keys import allow_key


@pytest.fixture
def node(tmp_path: Path) -> Computer:
    return Computer(tmp_path / "node")


@pytest.fixture
def display(tmp_path: Path, node: Computer) -> Computer:
    """One that the node allows."""
    display = Computer(tmp_path / "display")
    allow_key(display.public.hex(), "ward", node.allowed)
    return display


@pytest.fixture
def publish() -> Iterator[Callable[[Keys], Any]]:
    """Binds a publisher with these keys in a context of its own."""
    with ExitStack() as closing:

        def publisher(keys: Keys) -> Socket:
            context = Context(Security(keys))
            closing.callback(context.term)
            socket = bind_publisher(
                context, LOCAL, high_water_mark=4, setting="output.bind", every_request=True
            )
            closing.callback(socket.close, 0)
            return socket

        yield publisher


@pytest.mark.parametrize("count", [50, pytest.param(1000, marks=pytest.mark.long)])
@pytest.mark.parametrize("kind", ["unknown", "null", "plain"])
def test_strangers_get_nothing_and_the_allowed_one_does(
    kind: str, count: int, node: Computer, display: Computer, publish: Callable[[Keys], Any]
) -> None:
    publisher = publish(node.keys())
    monitor = publisher.get_monitor_socket(EVENTS)
    try:
        with Crowd(bound_address(publisher)) as crowd:
            for _ in range(count):
                crowd.connect({"null": null, "plain": plain}.get(kind) or with_keys(unknown(node)))
            failures(monitor, count)
            assert not publisher.poll(0), "a subscription of a stranger came through"
            publisher.send(b"a/secret")
            assert crowd.heard() == 0
    finally:
        publisher.disable_monitor()
        monitor.close(0)
    assert gets_in(publisher, display.keys(node=node.public))


@pytest.mark.parametrize("count", [20, pytest.param(100, marks=pytest.mark.long)])
@pytest.mark.parametrize("missing", [True, False])
def test_nobody_gets_in_without_the_authenticator(
    count: int, node: Computer, display: Computer, publish: Callable[[Keys], Any], *, missing: bool
) -> None:
    """Its thread dead, handshakes stay open for ever; its socket gone, they are refused."""
    publisher = publish(node.keys())
    context = publisher.context
    keys = display.keys(node=node.public)
    assert gets_in(publisher, keys)
    authenticator = context.authenticator
    assert authenticator is not None
    assert context.nobody_new() == ""
    thread = authenticator.thread
    authenticator.pipe.send(b"TERMINATE")
    thread.join()
    assert "authenticator has ended" in context.nobody_new()
    if missing:
        authenticator.stop()
    assert publisher.poll(ARRIVES_MS)
    assert publisher.recv() == b"\x00a/", "the goodbye of the one that got in"
    monitor = publisher.get_monitor_socket(zmq.EVENT_ACCEPTED | EVENTS)
    try:
        with Crowd(bound_address(publisher)) as crowd:
            for _ in range(count):
                crowd.connect(with_keys(keys))
            if missing:
                accepted_and_refused(monitor, count)
            else:
                accepted(monitor, count)
            publisher.send(b"a/secret")
            assert [publisher.poll(300), crowd.heard()] == [0, 0]
    finally:
        publisher.disable_monitor()
        monitor.close(0)


def test_the_own_key_gets_in_and_others_as_soon_as_they_are_allowed(
    node: Computer, tmp_path: Path, publish: Callable[[Keys], Any]
) -> None:
    publisher = publish(node.keys())
    assert gets_in(publisher, node.keys())
    late = Computer(tmp_path / "late")
    assert not gets_in(publisher, late.keys(node=node.public))
    assert allow_key(late.public.hex(), "late", node.allowed)
    assert gets_in(publisher, late.keys(node=node.public))
    allowed = node.allowed.read_text()
    node.allowed.write_text(f"{allowed}damaged\n")
    assert not gets_in(publisher, late.keys(node=node.public))
    line = len(allowed.splitlines()) + 1
    assert f"{node.allowed}, line {line}: 'damaged' is no public key" in publisher.context.nobody_new()
    node.allowed.write_text(f"\ufeff# as an editor leaves it\n  # kept\n{late.public.hex().upper()}")
    assert gets_in(publisher, late.keys(node=node.public))
    assert publisher.context.nobody_new() == ""


def test_a_subscriber_takes_nothing_from_a_node_with_another_key(
    node: Computer, display: Computer, tmp_path: Path, publish: Callable[[Keys], Any]
) -> None:
    impostor = Computer(tmp_path / "impostor")
    allow_key(display.public.hex(), "", impostor.allowed)
    publisher = publish(impostor.keys())
    assert gets_in(publisher, display.keys(node=impostor.public))
    monitor = publisher.get_monitor_socket(EVENTS)
    try:
        with Crowd(bound_address(publisher)) as crowd:
            crowd.connect(with_keys(display.keys(node=node.public)))
            failures(monitor, 1)
            publisher.send(b"a/false strain")
            assert crowd.heard() == 0
    finally:
        publisher.disable_monitor()
        monitor.close(0)


def test_the_secret_key_is_in_no_log_and_no_text_of_an_object(
    node: Computer, display: Computer, publish: Callable[[Keys], Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    publisher = publish(node.keys())
    assert gets_in(publisher, display.keys(node=node.public))
    assert not gets_in(publisher, unknown(node))
    text = caplog.text + repr(node.keys()) + str(Security(node.keys()))
    assert "zmq.auth" in caplog.text
    assert dataclasses.asdict(node.keys())["public"] == node.public
    for computer in (node, display):
        secret = bytes.fromhex(computer.key.read_text().strip())
        for form in (secret.hex(), z85.encode(secret).decode(), repr(secret)[2:-1]):
            assert form not in text


def test_recorded_ciphertext_that_is_sent_again_is_no_message(
    node: Computer, display: Computer, publish: Callable[[Keys], Any]
) -> None:
    publisher = publish(node.keys())
    with Tap(bound_address(publisher)) as tap:
        context = Context(Security(display.keys(node=node.public)))
        try:
            with connect_subscriber(
                context, tap.address, [b"a/"], high_water_mark=4, setting="connect", watched=EVENTS
            ) as subscriber:
                assert hears(publisher, subscriber)  # the control: through the tap it works
        finally:
            context.term()
    assert publisher.poll(ARRIVES_MS)
    assert publisher.recv() == b"\x00a/"  # the goodbye
    tap.send_again()  # to the publisher: what its client sent
    assert not publisher.poll(500)
