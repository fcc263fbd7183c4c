"""The metadata record about the node that made the results of a tape."""

from streamer.headers import StatusHeader


def about_node(status: StatusHeader) -> dict[str, str]:
    """Source, engine and settings of the node that sent this status."""
    return {
        "source_id": status.source_id,
        "engine": status.engine,
        "pairing": status.pairing,
        "policy": status.policy,
        "configuration": status.configuration,
    }
