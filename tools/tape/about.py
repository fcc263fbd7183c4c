"""The metadata record about the node that made the results of a tape."""

from streamer.engine_choice import for_file
from streamer.headers import StatusHeader


def about_node(status: StatusHeader) -> dict[str, str]:
    """Source, engine with the reason for it, and settings of the node that sent this status."""
    return {
        "source_id": status.source_id,
        "engine": status.engine,
        "engine_note": for_file(status.engine_note),
        "device": status.device,
        "pairing": status.pairing,
        "policy": status.policy,
        "configuration": status.configuration,
    }
