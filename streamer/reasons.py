"""Why a frame is refused or a pair is rejected: the closed sets that metrics, displays and files share."""

from typing import Final

REFUSALS: Final[dict[str, str]] = {
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

REJECTIONS: Final[dict[str, str]] = {
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
