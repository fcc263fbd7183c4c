"""Strain headers as a step makes them, for tests of pairing and stride."""

from typing import Any

from streamer.headers import StrainHeader


def strain_header(**changes: Any) -> StrainHeader:
    fields: dict[str, Any] = {
        "source_id": "bridge", "session_id": "one", "arrays": (), "pre_index": 0, "post_index": 1,
        "grid": None, "interval": None, "mean_strain": 0.001, "quality": 1.0, "predicted_snre": None,
        "median_ncc": 0.99,
        "lateral_motion": 0.0, "rejection": None, "region": None, "state_epoch": 0, "state_age": 0,
        "engine": "trivial", "precision": "float32", "model_hash": None, "axial_window": 1e-3,
        "lateral_window": 1e-3, "stage_seconds": {}, "assumed": (),
    }  # fmt: skip
    return StrainHeader(**{**fields, **changes})
