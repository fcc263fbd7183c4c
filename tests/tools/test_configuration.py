"""The file that node and display share."""

from pathlib import Path

import pytest

from streamer.errors import ConfigError
from tools.commands import options
from tools.configuration import load_config


def written(folder: Path, text: str) -> Path:
    path = folder / "both.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_both_sections_are_read_and_a_wrong_key_of_either_is_named(tmp_path: Path) -> None:
    config = load_config(written(tmp_path, '[engine]\nname = "onnx"\n[display]\nopacity = 0.25\n'))
    assert (config.engine.name, config.display.opacity) == ("onnx", 0.25)
    with pytest.raises(ConfigError) as caught:
        load_config(written(tmp_path, "[engine]\nnam = 1\n[display]\nopacit = 0.25\n"))
    assert "engine.nam: unknown key; did you mean 'name'?" in str(caught.value)
    assert "display.opacit: unknown key; did you mean 'opacity'?" in str(caught.value)


def test_a_reversed_region_of_the_display_is_a_mistake(tmp_path: Path) -> None:
    load_config(written(tmp_path, "[display]\nregion = [3.0, 8.0, -5.0, 5.0]\n"))
    for region in ([8.0, 3.0, -5.0, 5.0], [3.0, 8.0, 5.0, -5.0], [3.0, 8.0, 0.0, 0.0]):
        with pytest.raises(ConfigError, match="display: region"):
            load_config(written(tmp_path, f"[display]\nregion = {region}\n"))


def test_an_interval_means_time_pairing_and_fits_no_other() -> None:
    pairing = options.configuration(None, interval=0.2).pairing
    assert (pairing.mode, pairing.interval) == ("time", 0.2)
    assert options.configuration(None, stride=3).pairing.mode == "stride"
    with pytest.raises(ConfigError, match="leave it out, or --pairing auto"):
        options.configuration(None, interval=0.2, pairing="auto")
    with pytest.raises(ConfigError, match="leave it out, or --stride"):
        options.configuration(None, interval=0.2, stride=3)
