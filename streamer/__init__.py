"""The live node: frames in over ZeroMQ, strain out, every loss counted.

from streamer import Subscriber
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from streamer.subscriber import Subscriber

__all__ = ["Subscriber"]


def __getattr__(name: str) -> Any:
    if name == "Subscriber":
        from streamer.subscriber import Subscriber

        return Subscriber
    raise AttributeError(f"module 'streamer' has no attribute {name!r}")
