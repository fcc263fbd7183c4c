"""The generated files in configs/ agree with the code."""

from pathlib import Path

from streamer.config_file import config_toml
from tools.configuration import FullConfig, load_config

CONFIGS = Path(__file__).parent.parent / "configs"


def test_default_toml_agrees_with_the_model() -> None:
    assert (CONFIGS / "default.toml").read_text(encoding="utf-8") == config_toml(FullConfig()), (
        "run `make configs`"
    )


def test_every_example_is_accepted() -> None:
    examples = sorted(CONFIGS.glob("*.toml"))
    assert len(examples) > 1
    for example in examples:
        load_config(example)
