"""Both ends of a recording: a sender of arbitrary messages, and a recorder in a thread."""

import threading
from pathlib import Path
from typing import Any

import numpy as np
import zmq

from streamer.headers import ArrayEntry, Grid, StatusHeader, StrainHeader
from streamer.stopping import Stop
from streamer.wire import encode
from tests.echo_frames import STRAIN, echoes, rf_header
from tools.record import RecordSummary, Sources, Until, record

PATIENCE = 20.0
GRID = Grid(axial_start=0.0, axial_step=1e-4, lateral_start=-1e-3, lateral_step=3e-4, probe_type="linear")


class Sender:
    """A scanner bridge or a node that sends arbitrary messages."""

    def __init__(self) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.XPUB)
        self._socket.setsockopt(zmq.XPUB_VERBOSE, 1)
        self._socket.sndhwm = 1000
        self._socket.bind("tcp://127.0.0.1:*")
        self.address = self._socket.getsockopt_string(zmq.LAST_ENDPOINT)

    def wait_for_subscriptions(self, count: int) -> None:
        while count:
            assert self._socket.poll(int(PATIENCE * 1000))
            count -= self._socket.recv()[:1] == b"\x01"  # another recorder may be unsubscribing

    def frame(self, index: int, samples: Any = None, **changes: Any) -> None:
        self.parts(encode("rf", rf_header(index, **changes), (frame(index) if samples is None else samples,)))

    def strain(self, index: int, **changes: Any) -> None:
        header = strain_header(index, **changes)
        self.parts(encode("strain", header, [maps(index, entry.shape) for entry in header.arrays]))

    def status(self, published: int, without_value: int = 0) -> None:
        self.parts(encode("status", status_header(published, without_value)))

    def parts(self, parts: list[Any]) -> None:
        self._socket.send_multipart(parts)

    def close(self) -> None:
        self._socket.close(0)
        self._context.term()


class Recording:
    """A recorder in a thread, subscribed before anything is sent; `what` is rf, strain or both."""

    def __init__(self, what: str, sender: Sender, output: Path, **options: Any) -> None:
        self.stop = Stop()
        self._done: RecordSummary | BaseException | None = None
        overwrite = options.pop("overwrite", False)
        on_progress = options.pop("on_progress", lambda summary: None)
        until = Until(**{"timeout": PATIENCE} | options)
        sources = Sources(
            rf=sender.address if what != "strain" else None, results=sender.address if what != "rf" else None
        )

        def run() -> None:
            try:
                self._done = record(
                    sources, output, self.stop, until, overwrite=overwrite, on_progress=on_progress
                )
            except Exception as error:  # noqa: BLE001 - raised again in the test's thread
                self._done = error

        self._thread = threading.Thread(target=run, name="recorder")
        self._thread.start()
        sender.wait_for_subscriptions({"rf": 1, "strain": 4, "both": 5}[what])

    def end(self, *, stop: bool = False) -> RecordSummary:
        if stop:
            self.stop.set()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "the recorder goes on"
        if isinstance(self._done, BaseException):
            raise self._done
        assert self._done is not None
        return self._done


def frame(index: int) -> Any:
    return echoes(STRAIN * (index % 4))


def maps(index: int, shape: tuple[int, int]) -> Any:
    return np.full(shape, 0.001 * index, np.float32)


def strain_header(index: int, rejection: str | None = None, **changes: Any) -> StrainHeader:
    names = () if rejection else ("axial_strain", "strain_std")
    fields: dict[str, Any] = {
        "source_id": "bridge",
        "session_id": "one",
        "arrays": tuple(ArrayEntry(name=name, dtype="<f4", shape=(6, 5)) for name in names),
        "pre_index": index - 1 if index else None,
        "post_index": index,
        "grid": None if rejection else GRID,
        "interval": 0.02,
        "mean_strain": -0.01,
        "quality": 0.9,
        "predicted_snre": 3.0,
        "median_ncc": 0.99,
        "lateral_motion": 0.0,
        "rejection": rejection,
        "region": None,
        "state_epoch": 0,
        "state_age": index,
        "engine": "trivial",
        "precision": "float32",
        "model_hash": None,
        "axial_window": 2e-3,
        "lateral_window": 1e-3,
        "stage_seconds": {},
        "assumed": (),
    }
    return StrainHeader(**{**fields, **changes})


def status_header(published: int, without_value: int) -> StatusHeader:
    return StatusHeader(
        source_id="bridge", state="LIVE", reasons=(), engine="trivial", engine_note="", pairing="sequential",
        policy="every", frame_rate=50.0, frame_age=0.0, received=published, refused={}, overwritten=0, lost=0,
        published_valid=published, published_no_value=without_value, in_flight=0,
        latency_p50=None, latency_p99=None, status_interval=0.2,
    )  # fmt: skip
