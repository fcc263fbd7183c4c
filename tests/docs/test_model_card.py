"""docs/model-card.md agrees with the manifest of the shipped weights."""

from pathlib import Path

from engine.factory import shipped_weights
from engine.musse.manifest import read_manifest

CARD = Path(__file__).parents[2] / "docs" / "model-card.md"


def test_the_card_states_what_the_manifest_holds() -> None:
    manifest = read_manifest(shipped_weights())
    text = " ".join(CARD.read_text(encoding="utf-8").split())
    trained = manifest.trained
    network = trained["held_out"]["network"]
    assert manifest.errors.correlation is not None
    for expected in (
        manifest.sha256,
        trained["command"],
        *trained["limits"],
        "| " + " | ".join(str(network[k]) for k in ("nrmse", "typical_nrmse", "contrast_recovery")),
        f"{manifest.errors.shared:g} is common",
        "{:g} cells along and {:g} across".format(*manifest.errors.correlation),
        f"| hours | {trained['hours']}",
        f"| seeds | {trained['recipe']['seed']}",
    ):
        assert expected in text
