"""A display sets the node's time constant of fusion over the results link."""

import json

import zmq

from streamer.control import REQUEST, Control, read_request
from streamer.headers import FusedHeader, StatusHeader
from tests.streamer.node.node_harness import Setup


def time_constant(status: StatusHeader) -> float:
    return float(json.loads(status.configuration)["fusion"]["time_constant"])


def test_the_next_images_and_the_status_have_the_time_constant_that_a_display_set(setup: Setup) -> None:
    node, listener = setup.start(engine={"name": "reference"})
    images = setup.listen(b"fused/", b"status/", b"strain/")
    setup.scanner.send_all(range(3))
    fused = images.next(FusedHeader).header
    assert isinstance(fused, FusedHeader)
    assert fused.time_constant == 0.5
    with Control(node.results) as control:
        control.set_time_constant(2.0)
        listener.status(lambda status: time_constant(status) == 2.0)
        setup.scanner.send_all(range(3, 6))
        images.next(FusedHeader, lambda header: header.time_constant == 2.0)
        control.set_time_constant(0.0)
        listener.status(lambda status: time_constant(status) == 0.0)
        setup.scanner.send_all(range(6, 10))
        listener.strain_of(9)  # its fused image would have followed before the next result
        control.set_time_constant(0.25)
        listener.status(lambda status: time_constant(status) == 0.25)
        setup.scanner.send_all(range(10, 13))
        again = images.next(FusedHeader, lambda header: header.post_index > 5).header
        assert isinstance(again, FusedHeader)
        assert (again.time_constant, again.post_index >= 10) == (0.25, True)


def test_what_is_no_request_changes_nothing(setup: Setup) -> None:
    node, listener = setup.start()
    with zmq.Context() as context, context.socket(zmq.XSUB) as peer:
        peer.linger = 0
        peer.connect(node.results)
        bodies = (b"", b"{", b"[1]", b'{"time_constant": -1}', b'{"time_constant": 1e999}')
        for wrong in (b"", b'{"time_constant": 1}', *(REQUEST + body for body in bodies)):
            peer.send(wrong)
            assert read_request(wrong) is None
        peer.send(REQUEST + b'{"time_constant": 1.0}')  # the control: it comes behind them
        assert time_constant(listener.status(lambda status: time_constant(status) != 0.5)) == 1.0
