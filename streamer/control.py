"""What a display may set at the node: the time constant of fusion.

The request goes up the results link, to which every display is connected: the same address, keys and limits,
and the node reads it in its main thread between two pairs. It is one part, 0x02 and a JSON object such as
{"time_constant": 0.5}. Nothing answers; the next fused and status messages carry the new value.
"""

from types import TracebackType
from typing import Annotated, Final, Self

import zmq
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from streamer.curve import PLAIN, Security
from streamer.sockets import connect_control, open_context

REQUEST: Final = b"\x02"
TIME_CONSTANTS: Final = (0.0, 0.25, 0.5, 1.0, 2.0)
"""s that displays offer; 0 turns fusion off."""


class FusionRequest(BaseModel):
    """A checked request."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    time_constant: Annotated[float, Field(ge=0, le=30, allow_inf_nan=False)]
    """s; 0: off."""


def read_request(message: bytes) -> FusionRequest | None:
    """The request in a message that a peer sent up the results link; None where it is none."""
    if not message.startswith(REQUEST):
        return None
    try:
        return FusionRequest.model_validate_json(message.removeprefix(REQUEST))
    except ValidationError:
        return None


class Control:
    """Sends requests to one node. One thread; close it. Raises ConfigError for an impossible address."""

    def __init__(self, address: str, security: Security = PLAIN) -> None:
        self._context = open_context(security)
        try:
            self._socket = connect_control(self._context, address, setting="address of the results")
        except BaseException:
            self._context.term()
            raise

    def set_time_constant(self, seconds: float) -> None:
        """Ask for this time constant of fusion in s, 0 for none; returns at once."""
        request = FusionRequest(time_constant=seconds)
        self._socket.send(REQUEST + request.model_dump_json().encode(), zmq.NOBLOCK)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close(0)
        self._context.term()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
