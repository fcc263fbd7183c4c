"""Closed sets that metrics, displays and files share: refusals, rejections and the node's states."""

from typing import Final, Literal, TypeAlias

from engine.spec import QualityRejection

Refusal: TypeAlias = Literal[
    "malformed",
    "unknown_schema",
    "wrong_size",
    "too_large",
    "bad_checksum",
    "other_source",
    "duplicate",
    "backwards",
    "bad_status",
    "not_finite",
    "saturated",
    "no_signal",
]
"""Why a frame or message is refused."""

PairingRejection: TypeAlias = Literal["first", "new_session", "gap", "geometry_changed"]
"""Why a post frame has no pre frame."""

Rejection: TypeAlias = PairingRejection | QualityRejection | Literal["engine_error"]
"""Why a pair is published as no value."""

StateName: TypeAlias = Literal[
    "STARTING", "BUILDING", "WAITING", "LIVE", "DEGRADED", "STALE", "FAULT", "REPLAY", "STOPPING"
]
"""State of the node, as status messages, metrics and the health server report it."""

Restart: TypeAlias = Literal["hung", "died"]
"""Why a node was started again by the process that watches it."""

REFUSALS: Final[dict[Refusal, str]] = {
    "malformed": "message breaks the protocol",
    "unknown_schema": "schema or version this node does not speak",
    "wrong_size": "payload is shorter or longer than its header states",
    "too_large": "frame is too large for the ring: raise input.ring_bytes",
    "bad_checksum": "payload does not match its checksum",
    "other_source": "a second source sends on the same link",
    "duplicate": "frame index came twice",
    "backwards": "frame index went backwards within a session",
    "bad_status": "the scanner marked the frame unusable",
    "not_finite": "NaN, infinity or absurdly large numbers among the samples",
    "saturated": "samples clipped at the converter's limits",
    "no_signal": "all samples are equal",
}

REJECTIONS: Final[dict[Rejection, str]] = {
    "first": "no earlier frame to pair with yet",
    "new_session": "the earlier frame belongs to another session",
    "gap": "the frame to pair with was lost or refused",
    "geometry_changed": "the acquisition's geometry changed",
    "decorrelated": "frames do not match: out-of-plane or fast motion",
    "no_motion": "too little compression",
    "too_much_motion": "too much compression",
    "sliding": "the probe slides sideways or tissue moves in parts",
    "engine_error": "the engine failed on this pair",
}

RESTARTS: Final[dict[Restart, str]] = {
    "hung": "the node gave no sign of life within the time that it had promised",
    "died": "the node ended by itself",
}

MISMATCH: Final[tuple[Rejection, ...]] = ("decorrelated", "sliding")
"""The two frames do not show the same tissue."""

FRESH_SCENE: Final[tuple[Rejection, ...]] = ("first", "new_session", "geometry_changed")
"""No earlier pair shows what this one shows."""


def rejection_named(name: str | None) -> Rejection | None:
    """The rejection of that name, None for None. Raises ValueError for a reason that this release lacks."""
    found = next((reason for reason in REJECTIONS if reason == name), None)
    if name is not None and found is None:
        raise ValueError(
            f"{name!r} is a reason that this release lacks; its reasons: {', '.join(REJECTIONS)}"
        )
    return found


def describe_rejection(reason: str) -> str:
    """The reason of a strain message as a phrase; a newer node may send one that is not listed here."""
    return next((text for name, text in REJECTIONS.items() if name == reason), reason.replace("_", " "))
