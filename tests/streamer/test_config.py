"""Configuration: defaults, files, options on top, and every mistake at once."""

import tomllib
from dataclasses import fields, replace
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.sequence.quality import Thresholds
from streamer.config import Config, QualityConfig
from streamer.config_file import PRESETS, RENAMED, config_toml, load_config
from streamer.errors import ConfigError


def written(folder: Path, text: str) -> Path:
    path = folder / "node.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_printed_defaults_are_the_defaults(tmp_path: Path) -> None:
    text = config_toml(Config())
    assert load_config(written(tmp_path, text)) == Config() == load_config(None)
    for line in text.splitlines():
        if " = " in line and not line.startswith("#"):
            above = text.splitlines()[text.splitlines().index(line) - 1]
            assert above.startswith("# "), f"{line} has no comment"


@given(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(2, 64),
    st.floats(0, 1),
)
def test_any_configuration_survives_being_printed(text: str, lateral: float, mark: int, share: float) -> None:
    config = load_config(
        None,
        {
            "input": {"connect": text},
            "region": {"lateral_from": lateral, "lateral_to": abs(lateral)},
            "output": {"high_water_mark": mark},
            "quality": {"min_ncc": share},
        },
    )
    assert Config.model_validate(tuples(tomllib.loads(config_toml(config)))) == config


def tuples(value: object) -> object:
    if isinstance(value, dict):
        return {key: tuples(item) for key, item in value.items()}
    return tuple(map(tuples, value)) if isinstance(value, list) else value


def test_every_mistake_is_listed_at_once_with_its_place(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """
        [input]
        conect = "tcp://127.0.0.1:1"
        ring_bytes = "64 MiB"
        [pairing]
        stride = 99
        mode = "backward"
        [quality]
        min_ncc = nan
        [region]
        lateral_from = inf
        [enigne]
        name = "auto"
        """,
    )
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    message = str(caught.value)
    for part in (
        str(path),
        "input.conect: unknown key; did you mean 'connect'?",
        "input.ring_bytes: Input should be a valid integer, got '64 MiB'",
        "pairing.stride: Input should be less than or equal to 64, got 99",
        "pairing.mode: Input should be 'time'",
        ", got 'backward'",
        "quality.min_ncc",
        "region.lateral_from",
        "enigne: unknown key; did you mean 'engine'?",
    ):
        assert part in message


def test_a_name_like_nothing_else_is_answered_with_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"http\.zzz: unknown key; known: bind"):
        load_config(written(tmp_path, "[http]\nzzz = 1"))


def test_options_override_the_file_and_the_file_the_defaults(tmp_path: Path) -> None:
    path = written(tmp_path, '[output]\nbind = "tcp://127.0.0.1:7"\nhigh_water_mark = 8')
    config = load_config(path, {"output": {"bind": "tcp://127.0.0.1:8"}, "pairing": {}})
    assert (config.output.bind, config.output.high_water_mark) == ("tcp://127.0.0.1:8", 8)
    assert config.output.status_interval == Config().output.status_interval


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[input", "is not TOML"),
        ("input = 3", "input: Input should be a valid dictionary"),
        ("[[input]]\nconnect = 'x'", "input: Input should be a valid dictionary"),
        ("[pairing]\nstride = true", "pairing.stride: Input should be a valid integer"),
    ],
)
def test_files_that_are_something_else_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_config(written(tmp_path, text), {"input": {"connect": "tcp://127.0.0.1:1"}})


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.toml", tmp_path):
        with pytest.raises(ConfigError, match=f"cannot read {path}"):
            load_config(path)
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="is not UTF-8 text"):
        load_config(binary)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_files_as_windows_editors_and_shells_write_them(tmp_path: Path, encoding: str) -> None:
    """PowerShell 5 redirects as UTF-16 with a mark, editors add a mark; line ends are CR LF."""
    text = "# µ\r\n[region]\r\naxial_from = 3.0\r\n"
    path = tmp_path / "node.toml"
    for mark in ("", "\ufeff"):
        path.write_bytes(
            (mark + text).encode(encoding) if encoding[-2:] in {"le", "be"} else text.encode(encoding)
        )
        assert load_config(path).region.axial_from == 3.0


@pytest.mark.parametrize(
    "raw", ["# µ".encode("cp1252"), "# 日本".encode("cp932"), "[region]".encode("utf-16-le") + b"\x80"]
)
def test_another_encoding_is_named_with_the_remedy(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "node.toml"
    path.write_bytes(raw)
    with pytest.raises(ConfigError, match=r"node\.toml .*(UTF-8|TOML)"):
        load_config(path)


def test_the_version_of_a_file(tmp_path: Path) -> None:
    assert "version = 1" in config_toml(Config())
    load_config(written(tmp_path, "version = 1\n"))
    with pytest.raises(ConfigError, match="version 2; this release reads version 1"):
        load_config(written(tmp_path, "version = 2\n[engine]\nnew_key = 3\n"))


@pytest.mark.parametrize("key", ["axial_window", "lateral_window"])
def test_a_window_in_metres_is_a_mistake_that_names_the_unit(tmp_path: Path, key: str) -> None:
    load_config(written(tmp_path, f"[engine]\n{key} = 2.0\n"))
    with pytest.raises(ConfigError, match=rf"engine\.{key}: .*0\.002.*"):
        load_config(written(tmp_path, f"[engine]\n{key} = 0.002\n"))


def test_a_renamed_key_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RENAMED, "engine.window", "engine.axial_window")
    with pytest.raises(ConfigError, match=r"engine\.window: renamed to 'engine\.axial_window'"):
        load_config(written(tmp_path, "[engine]\nwindow = 2.0\n"))


def test_every_threshold_reaches_the_assessment() -> None:
    names = [field.name for field in fields(Thresholds)]
    assert QualityConfig().thresholds() == Thresholds()
    for name in names:
        other = getattr(Thresholds(), name) / 2
        limits = QualityConfig.model_validate({name: other}).thresholds()
        assert limits == replace(Thresholds(), **{name: other})


def test_presets_come_with_the_package() -> None:
    folder = Path(str(files("streamer"))) / "presets"
    assert sorted(path.stem for path in folder.iterdir()) == sorted(PRESETS)
    for name in PRESETS:
        assert load_config(Path(name)) != Config()
    assert load_config(Path("fine"), {"pairing": {"mode": "time"}}).pairing.mode == "time"


def test_a_word_that_is_no_preset_is_answered_with_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no configuration 'fin': give a TOML file, or one of fine, light"):
        load_config(Path("fin"))
    assert load_config(written(tmp_path, "")) == Config()


@pytest.mark.parametrize("key", ["axial_window", "lateral_window"])
def test_a_window_is_none_or_of_a_sensible_size(key: str) -> None:
    for value in (0.0, 0.05, 2.0):
        load_config(None, {"engine": {key: value}})
    for value in (0.002, -1.0, 4000.0):
        with pytest.raises(ConfigError, match=f"engine.{key}: a strain window of {value:g} mm"):
            load_config(None, {"engine": {key: value}})
