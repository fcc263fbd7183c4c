"""Results as a viewer receives them, read by pyigtl's own client and by a raw socket."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self

import numpy as np
import pyigtl
import pytest
import zmq
from numpy.typing import NDArray

from streamer.errors import AddressInUse
from streamer.headers import Grid
from streamer.stopping import Stop
from streamer.wire import Message, encode
from tests.tools.display.display_messages import bmode_message, fused_message, status_message, strain_message
from tools.igtl.server import IgtlServer
from tools.igtl.stream import MessageStream

PATIENCE = 20.0  # s
STAMP = 1_700_000_000_250_000_000
LINEAR = Grid(
    axial_start=1e-3, axial_step=2e-4, lateral_start=-9e-3, lateral_step=3e-4, probe_type="linear"
)  # fmt: skip
CURVED = Grid(
    axial_start=1e-3, axial_step=2e-4, lateral_start=-0.4, lateral_step=0.01, probe_type="curved",
    probe_radius=0.06,
)  # fmt: skip


class Node:
    """Publishes what a test hands it, again and again until the test has seen its effect."""

    def __init__(self) -> None:
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.XPUB)
        self._socket.linger = 0
        self._port = self._socket.bind_to_random_port("tcp://127.0.0.1")
        self.address = f"tcp://127.0.0.1:{self._port}"

    def send(self, *messages: Message) -> None:
        for message in messages:
            kind = message.header.schema_name.removeprefix("musse.")
            self._socket.send_multipart(encode(kind, message.header, list(message.arrays.values())))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._socket.close()
        self._context.term()


@contextmanager
def serving() -> Iterator[tuple[Node, int]]:
    """A node and the port of a server of its results."""
    stop = Stop()
    with Node() as node:
        server = IgtlServer(node.address, "127.0.0.1:0")
        thread = threading.Thread(target=server.run, args=(stop,))
        thread.start()
        try:
            yield node, int(server.address.rpartition(":")[2])
        finally:
            stop.set()
            thread.join()


class Viewer:
    """pyigtl's client, and the newest message of each device that fulfils a condition."""

    def __init__(self, port: int, node: Node) -> None:
        self._client = pyigtl.OpenIGTLinkClient("127.0.0.1", port)
        self._node = node

    def message(self, device: str, fits: Callable[[Any], bool], *sent: Message) -> Any:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            self._node.send(*sent)
            found = self._client.wait_for_message(device, timeout=0.1)
            if found is not None and fits(found):
                return found
        raise AssertionError(f"no such {device}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._client.stop()
        self._client._client_thread.join(PATIENCE)


def spot(row: int, column: int, shape: tuple[int, int] = (60, 50)) -> NDArray[np.float32]:
    """Soft tissue with one hard place: nothing of it is symmetric."""
    strain = np.full(shape, -0.01, np.float32)
    strain[row - 2 : row + 3, column - 2 : column + 3] = -0.001
    strain[:3, :7] = np.nan
    return strain


def has(shape: tuple[int, int]) -> Callable[[Any], bool]:
    return lambda message: message.image.shape == (1, *shape)


def centre(message: Any, values: NDArray[Any]) -> NDArray[np.float64]:
    """x to the right of the screen and depth, mm, of the places where `values` (j, i) is true."""
    rows, columns = np.nonzero(values)
    world = message.ijk_to_world_matrix @ [columns.mean(), rows.mean(), 0, 1]
    assert message.world_coordinate_system == "ras"
    return -np.asarray(world[:2], np.float64)


@pytest.mark.parametrize("column", [40, 10])
def test_left_stays_left_depth_is_down_and_a_new_size_arrives(column: int) -> None:
    with serving() as (node, port), Viewer(port, node) as viewer:
        for row, shape in ((20, (60, 50)), (30, (80, 55))):
            strain = spot(row, column, shape)
            sent = strain_message(strain, grid=LINEAR, t_acq=STAMP, clock="unix")
            got = viewer.message("PairStrain", has(shape), sent)
            np.testing.assert_array_equal(got.image[0], strain)
            where = centre(got, got.image[0] > -0.005)
            expected = [-9 + 0.3 * column, 1 + 0.2 * row]
            np.testing.assert_allclose(where, expected, atol=1e-3)
            assert np.abs(where - [-expected[0], expected[1]]).max() > 1  # a mirrored one would be noticed
            np.testing.assert_allclose(np.abs(np.diag(got.ijk_to_world_matrix)), [0.3, 0.2, 1, 1], rtol=1e-5)
            assert got.timestamp == pytest.approx(STAMP * 1e-9, abs=1e-6)
            mask = viewer.message("PairStrainMask", has(shape), sent)
            np.testing.assert_array_equal(mask.image[0], np.isfinite(strain))


def test_a_fan_is_scan_converted_to_true_places() -> None:
    strain = spot(30, 60, (120, 80))
    strain[:3, :7] = -0.01
    with serving() as (node, port), Viewer(port, node) as viewer:
        got = viewer.message("PairStrain", lambda m: True, strain_message(strain, grid=CURVED))
    where = centre(got, got.image[0] > -0.005)
    along, angle = 60 + 1 + 0.2 * 30, -0.4 + 0.01 * 60
    np.testing.assert_allclose(where, [along * np.sin(angle), along * np.cos(angle) - 60], atol=0.1)
    assert np.isnan(got.image[0, -1, 0])  # a corner outside the fan


def test_fused_and_bmode_carry_the_acquisition_time_of_their_frame() -> None:
    sent = (
        strain_message(spot(9, 9), grid=LINEAR, t_acq=STAMP, clock="unix", post_index=7),
        fused_message(spot(9, 9), grid=LINEAR, post_index=7),
        bmode_message(frame_index=7),
    )
    with serving() as (node, port), Viewer(port, node) as viewer:
        for device, dtype in (
            ("FusedStrain", np.float32), ("FusedStrainMask", np.uint8), ("FusedSigma", np.float32),
            ("PairSigma", np.float32), ("Bmode", np.uint8),
        ):  # fmt: skip
            got = viewer.message(device, lambda m: True, *sent)
            assert got.image.dtype == dtype
            assert got.timestamp == pytest.approx(STAMP * 1e-9, abs=1e-6)
        other = viewer.message("Bmode", lambda m: m.timestamp == 0, bmode_message(frame_index=8))
        assert other.timestamp == 0  # no strain of frame 8: its time is not known, and none is made up


@pytest.mark.parametrize(
    "after", [strain_message(rejection="no_motion"), status_message(state="STALE")], ids=["rejected", "stale"]
)
def test_an_old_pair_does_not_stay_on_the_screen(after: Message) -> None:
    with serving() as (node, port), Viewer(port, node) as viewer:
        viewer.message("PairStrain", lambda m: True, strain_message(spot(9, 9), grid=LINEAR))
        got = viewer.message("PairStrain", lambda m: bool(np.isnan(m.image).all()), after)
        assert got.image.shape == (1, 60, 50)
        mask = viewer.message("PairStrainMask", lambda m: not m.image.any())
        assert mask.image.shape == (1, 60, 50)


def test_status_is_sent_and_a_lost_node_is_named() -> None:
    with serving() as (node, port), socket.create_connection(("127.0.0.1", port)) as link:
        end = time.monotonic() + PATIENCE
        stream = MessageStream(link, lambda: time.monotonic() > end)
        seen: list[tuple[int, str]] = []
        sent = status_message(state="LIVE", status_interval=0.05)
        first = threading.Event()

        def publish() -> None:
            while not first.wait(0.02):
                node.send(sent)

        publisher = threading.Thread(target=publish)
        publisher.start()
        try:
            while not seen or seen[-1][0] == 1:
                head, body = stream.next()
                assert (head.kind, head.device) == ("STATUS", "Node")
                seen.append((int.from_bytes(body[:2]), bytes(body[10:]).decode()))
                first.set()
        finally:
            first.set()
            publisher.join()
    assert seen[0][0] == 1
    assert seen[0][1].startswith("LIVE\0")
    assert "not stiffness" in seen[0][1]
    assert seen[-1][0] == 7
    assert "does not answer" in seen[-1][1]


def test_a_port_in_use_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(AddressInUse, match=rf"{port}.*--bind"):
            IgtlServer("tcp://127.0.0.1:9", f"127.0.0.1:{port}")
