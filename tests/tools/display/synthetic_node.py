"""A node that needs no engine: publishes synthetic results at a steady rate.

For the display's tests, and for looking at the window by hand:
    python tests/display/synthetic_node.py [tcp://127.0.0.1:5561]
"""

import json
import math
import sys
import threading
from types import TracebackType

import numpy as np
import zmq

from streamer.control import read_request
from streamer.headers import StrainHeader
from streamer.wire import Message, encode
from tests.tools.display.display_messages import (
    bmode_message,
    fused_message,
    phantom,
    status_message,
    strain_message,
)


class SyntheticNode:
    """Binds an XPUB and publishes hand-held presses and releases from a thread of its own."""

    def __init__(
        self,
        address: str = "tcp://127.0.0.1:*",
        rate: float = 25.0,
        *,
        strain: bool = True,
        steady: bool = False,
        fused: bool = False,
        source: str = "arm",
    ) -> None:
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.XPUB)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.XPUB_VERBOSE, 1)
        self._socket.bind(address)
        self.address = self._socket.getsockopt_string(zmq.LAST_ENDPOINT)
        self.subscribed = threading.Event()
        """Set once a display has subscribed to anything."""
        self.subscriptions = 0
        """How many came from all displays together."""
        self._time_constant = 0.5
        self.silent = threading.Event()
        """While it is set, nothing is sent."""
        self.source = source
        """The source that sends from now on."""
        self._rate, self._strain, self._steady, self._fused = rate, strain, steady, fused
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="synthetic-node")

    def _run(self) -> None:
        number = 0
        while not self._stop.wait(1 / self._rate):
            while self._socket.poll(0):
                message = self._socket.recv()
                self.subscriptions += message[:1] == b"\x01"
                request = read_request(message)
                self._time_constant = request.time_constant if request else self._time_constant
                self.subscribed.set()
            number += 1
            if self.silent.is_set():
                continue
            settings = json.dumps({"fusion": {"time_constant": self._time_constant}})
            self._send("status", status_message(frame_rate=self._rate, configuration=settings))
            self._send("bmode", bmode_message(seed=number % 8, frame_index=number))
            if self._strain:
                result = self._result(number)
                self._send("strain", result)
                if (
                    self._fused
                    and self._time_constant > 0
                    and isinstance(result.header, StrainHeader)
                    and result.header.rejection is None
                ):
                    self._send("fused", self._image(number))
        self._socket.close()

    def _image(self, number: int) -> Message:
        relative = phantom(1.0, 0.05, seed=number)
        relative[:3], relative[240:] = np.nan, -1.0
        return fused_message(relative, std=0.08, post_index=number, time_constant=self._time_constant)

    def _result(self, number: int) -> Message:
        mean = -0.006 if self._steady else 0.006 * math.cos(2 * math.pi * number / self._rate / 2.2)
        if abs(mean) < 0.0005:
            return strain_message(rejection="no_motion", post_index=number)
        std = np.full((250, 128), 0.0006, np.float32)
        std[160:] = np.linspace(0.0006, 0.005, 90)[:, None]
        strain = phantom(mean, 0.0004, seed=number)
        strain[:, :3] = np.nan
        return strain_message(
            strain, mean=mean, std=std, post_index=number, predicted_snre=abs(mean) / 0.0006
        )

    def _send(self, kind: str, message: Message) -> None:
        header = message.header.model_copy(update={"source_id": self.source})
        self._socket.send_multipart(encode(kind, header, list(message.arrays.values())))

    def __enter__(self) -> "SyntheticNode":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End it at once, as a killed node ends; again does nothing."""
        self._stop.set()
        self._thread.join()
        self._context.term()


if __name__ == "__main__":
    with SyntheticNode(sys.argv[1] if len(sys.argv) > 1 else "tcp://127.0.0.1:5561") as node:
        sys.stdout.write(f"publishing at {node.address}; Enter ends it\n")
        sys.stdin.readline()
