"""What can go wrong in the node.

StreamerError
├── ConfigError        the configuration has mistakes; the message lists all of them
├── AddressInUse       a socket or the metrics port cannot be bound
└── MessageRefused     a message from outside breaks the protocol; carries a reason of `REFUSALS`
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the command line imports this module, and NumPy takes a third of a second
    from streamer.reasons import Refusal


class StreamerError(Exception):
    """Base of every error the node raises on purpose."""


class ConfigError(StreamerError, ValueError):
    """The configuration has mistakes; the message lists all of them with their place and remedy."""


class AddressInUse(StreamerError, OSError):
    """An address cannot be bound; the message names it and the option that changes it."""


class MessageRefused(StreamerError, ValueError):
    """A message breaks the protocol; `reason` is one of the closed set that metrics count by."""

    def __init__(self, reason: "Refusal", detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
