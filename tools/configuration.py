"""The whole configuration file: the node's sections, and those of the programs beside it."""

from pathlib import Path

from streamer import config_file
from streamer.config import Config
from tools.display.config import DisplayConfig


class FullConfig(Config):
    """Every section that a file may have."""

    display: DisplayConfig = DisplayConfig()


def load_config(path: Path | None, overrides: config_file.Overrides | None = None) -> FullConfig:
    """`streamer.config_file.load_config` of a file with all sections. Raises ConfigError."""
    return config_file.load_config(path, overrides, FullConfig)
