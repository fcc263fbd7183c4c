"""The quality bar in vivo: at settings that image the forearm as noise it is not green."""

from pathlib import Path

import pytest

from streamer.config import Config
from tools.formats import open_recording
from tools.measure.offline import image_frames

NOISY = {"axial_window": 2.0, "lateral_window": 1.0}


@pytest.mark.parametrize("engine", ["reference", "onnx"])
@pytest.mark.parametrize("name", ["rf0300_25", "rf0304_86"])
def test_an_image_of_noise_is_not_green_however_well_its_echoes_match(
    arm_dir: Path, name: str, engine: str
) -> None:
    config = Config.model_validate({"pairing": {"mode": "sequential"}, "engine": {"name": engine, **NOISY}})
    with open_recording(arm_dir / f"{name}.mhd") as recording:
        images = list(image_frames(recording, config))
    assert len(images) >= 3
    assert all((image.median_ncc or 0.0) > 0.6 for image in images)  # what was green before
    assert all(image.quality < 0.6 for image in images)
