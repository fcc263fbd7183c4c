"""RF images of a PlusServer, published as a scanner bridge publishes RF frames.

Every image that comes is published: the stream is read whole, because a reader that keeps the newest only
would lose frames that a pair needs.
"""

import logging
import socket
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from streamer.addresses import split_host_port
from streamer.headers import RfHeader
from streamer.sockets import Socket, bind_publisher, bound_address, open_context
from streamer.stopping import Stop
from streamer.wire import encode
from tools.formats.acquisition import RecordedAcquisition
from tools.formats.samples import handed_out_dtype
from tools.igtl.acquisition import Constants
from tools.igtl.stream import MessageStream, Stopped
from tools.igtl.wire import Head, Image, NotOpenIgtLink, unpack_image

AGAIN: Final = 0.5  # s between two attempts to connect
HIGH_WATER_MARK: Final = 64  # frames, as of a replay
_WIRE: Final = {"int16": "<i2", "float32": "<f4"}

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSettings:
    """Where RF comes from and how it is published."""

    sender: str
    """HOST:PORT of the PlusServer."""
    bind: str = "tcp://127.0.0.1:5560"
    source_id: str = "plus"
    device: str | None = None
    """Name of the IMAGE to take; None: the first that can be RF."""
    axes: str = "lateral,axial"
    """Order of the samples, slowest first; PLUS sends line after line."""


@dataclass(frozen=True, slots=True)
class LinkSummary:
    """What came and what became of it."""

    published: int
    refused: int
    """Images that were damaged, or no RF of the protocol."""
    ignored: int
    """Messages of other types and images of other devices."""
    connections: int


class IgtlClient:
    """One link. Raises ConfigError for an impossible address of the sender."""

    def __init__(self, settings: LinkSettings, constants: Constants) -> None:
        self._host = split_host_port(settings.sender, "address of the OpenIGTLink sender")
        self._settings, self._constants = settings, constants
        self._device = settings.device
        self._counts: Counter[str] = Counter()
        self._layout: tuple[tuple[int, ...], str, bool] | None = None
        self._acquisition: RecordedAcquisition | None = None
        self._session, self._index = "", 0

    def run(self, stop: Stop, on_ready: Callable[[str], None] = lambda address: None) -> LinkSummary:
        """Publish until `stop` is set; connects again after every hang-up, as a new session.

        Raises AddressInUse, ConfigError, and RecordingError where the images and the options disagree.
        """
        context = open_context()
        publisher = None
        try:
            publisher = bind_publisher(
                context, self._settings.bind, high_water_mark=HIGH_WATER_MARK, setting="--bind"
            )
            on_ready(bound_address(publisher))
            while not stop.is_set():
                try:
                    self._follow(publisher, stop)
                except Stopped:
                    break
                except (OSError, NotOpenIgtLink) as error:
                    log.warning("%s: %s", self._settings.sender, error, extra={"limit_by": "link"})
                stop.wait(AGAIN)
        finally:
            if publisher is not None:
                publisher.close(0)
            context.term()
        count = self._counts
        return LinkSummary(count["published"], count["refused"], count["ignored"], count["connections"])

    def _follow(self, publisher: Socket, stop: Stop) -> None:
        with socket.create_connection(self._host, timeout=1.0) as link:
            log.info("connected to %s", self._settings.sender)
            self._counts["connections"] += 1
            self._session, self._index = uuid.uuid4().hex[:8], 0
            stream = MessageStream(link, stop.is_set)
            while True:
                head, body = stream.next()
                parts = self._frame(head, body)
                if parts is not None:
                    publisher.send_multipart(parts)
                    self._counts["published"] += 1
                while publisher.poll(0):  # requests are not needed, but must not pile up
                    publisher.recv()

    def _frame(self, head: Head, body: memoryview) -> list[bytes | memoryview] | None:
        """The RF message of an image, or None where it is none; it is counted then."""
        if head.kind != "IMAGE" or self._device not in (None, head.device):
            self._counts["ignored"] += 1
            return None
        if self._device is not None:
            self._index += 1  # also where the image is refused: the node counts it as lost
        try:
            samples = self._samples(head, unpack_image(head, body))
            header = self._header(head, samples)
        except (NotOpenIgtLink, ValidationError) as error:
            self._counts["refused"] += 1
            text = str(error).replace("\n", " ")
            log.warning("image refused: %s", text, extra={"limit_by": "image"})
            return None
        if self._device is None:
            self._device, self._index = head.device, 1
        return encode("rf", header, (samples,))

    def _samples(self, head: Head, image: Image) -> NDArray[Any]:
        """(axial, lateral) of a type of the wire. Raises NotOpenIgtLink for an image that is no RF."""
        voxels = image.voxels
        if voxels.ndim != 3 or voxels.shape[0] != 1 or voxels.dtype.itemsize == 1:
            raise NotOpenIgtLink(
                f"{head.device!r} is {voxels.dtype.name} of {voxels.shape}, a B-mode or volume: let the "
                "PlusServer send its RF image, or name it with --device"
            )
        frame = voxels[0].T if self._settings.axes == "lateral,axial" else voxels[0]
        return np.ascontiguousarray(frame, handed_out_dtype(voxels.dtype.newbyteorder("="))[0])

    def _header(self, head: Head, samples: NDArray[Any]) -> RfHeader:
        stamp = head.stamp_ns or time.time_ns()
        layout = samples.shape, samples.dtype.name, head.stamp_ns > 0
        if layout != self._layout or self._acquisition is None:
            self._acquisition = self._constants.of(samples, stamp)
            self._layout = layout
        fields = self._acquisition.header_fields()
        if not head.stamp_ns:
            fields["assumed"] = (*fields["assumed"][:23], "t_acq: time of receipt, the sender gave none")
        return RfHeader(
            **fields,
            source_id=self._settings.source_id,
            session_id=self._session,
            frame_index=max(0, self._index - 1),
            t_acq=stamp,
            shape=(samples.shape[0], samples.shape[1]),
            axes="axial,lateral",
            dtype=_WIRE[samples.dtype.name],  # type: ignore[arg-type]  # one of the two
        )
