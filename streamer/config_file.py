"""Configurations as TOML files: read with every mistake at once, and written with every key explained."""

import codecs
import difflib
import json
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar, get_args, overload

from pydantic import BaseModel, ValidationError

from streamer.config import CONFIG_VERSION, Config, Section
from streamer.errors import ConfigError

PRESETS: Final = ("fine", "light")
"""Names of the configurations that come with the package: for a probe in a holder, and for a light hand."""
RENAMED: dict[str, str] = {}
"""Keys of earlier releases, as section.key, and their present names."""

Overrides: TypeAlias = dict[str, dict[str, Any]]
"""Values by section and key."""
AnyConfig = TypeVar("AnyConfig", bound=Config)


@overload
def load_config(path: Path | None, overrides: Overrides | None = None) -> Config: ...


@overload
def load_config(path: Path | None, overrides: Overrides | None, model: type[AnyConfig]) -> AnyConfig: ...


def load_config(
    path: Path | None, overrides: Overrides | None = None, model: type[Config] = Config
) -> Config:
    """The configuration from a TOML file (None: defaults), with `overrides[section][key]` on top.

    `model` is `Config` with the sections of the programs that share the file, whose keys are checked too. A
    path of one word without a suffix is the name of a preset of `PRESETS`, unless a file has this name.
    Raises ConfigError with every mistake at once: its place, the mistake, and the nearest valid name.
    """
    fields: dict[str, Any] = {}
    if path is not None:
        try:
            fields = tomllib.loads(_decoded(_file_of(path).read_bytes()))
        except OSError as error:
            raise ConfigError(f"cannot read {path}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise ConfigError(
                f"{path} is not UTF-8 text (byte {error.start}): save it as UTF-8, or write it with "
                "`musse-stream config show --output FILE`"
            ) from error
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"{path} is not TOML: {error}") from error
        if fields.get("version", CONFIG_VERSION) != CONFIG_VERSION:
            raise ConfigError(
                f"{path} is a configuration of version {fields['version']!r}; this release reads version "
                f"{CONFIG_VERSION}"
            )
    for section, values in (overrides or {}).items():
        given = fields.get(section, {})
        if values and isinstance(given, dict):  # anything else is a mistake that is reported below
            fields[section] = {**given, **values}
    try:
        return model.model_validate(_tuples(fields))
    except ValidationError as error:
        mistakes = "\n".join(f"  {explain(mistake, model)}" for mistake in error.errors())
        raise ConfigError(f"{path or 'configuration'} has mistakes:\n{mistakes}") from error


def _file_of(path: Path) -> Path:
    """The file that `path` stands for. Raises ConfigError for a word that is neither file nor preset."""
    if path.suffix or len(path.parts) > 1 or path.is_file():
        return path
    if path.name not in PRESETS:
        raise ConfigError(f"no configuration {path.name!r}: give a TOML file, or one of {', '.join(PRESETS)}")
    return Path(str(files("streamer"))) / "presets" / f"{path.name}.toml"


def _decoded(raw: bytes) -> str:
    """The text of a file: UTF-8 with or without a byte order mark, or UTF-16 as PowerShell 5 redirects it."""
    encoding = next((encoding for mark, encoding in _ENCODINGS.items() if raw.startswith(mark)), "utf-8")
    if encoding == "utf-8" and 0 in raw[:2]:  # no TOML begins with a null character
        encoding = "utf-16-be" if raw[0] == 0 else "utf-16-le"
    return raw.decode(encoding).replace("\r\n", "\n")


_ENCODINGS: Final = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose mark it begins with
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def config_toml(config: Config) -> str:
    """The configuration as commented TOML: every key with its meaning, unit, limits and default."""
    lines = [
        "# Configuration of musse-stream. Every key may be left out; the values here are in force then.",
        f"version = {config.version}",
    ]
    for section_name, section in config:
        if not isinstance(section, Section):
            continue
        lines += ["", f"# {(type(section).__doc__ or '').splitlines()[0]}", f"[{section_name}]"]
        for key, field in type(section).model_fields.items():
            choices = get_args(field.annotation) if "Literal" in str(field.annotation) else ()
            hint = f" ({' | '.join(map(str, choices))})" if choices else ""
            lines += [f"# {field.description}{hint}", f"{key} = {_toml_value(getattr(section, key))}"]
    return "\n".join(lines) + "\n"


def _toml_value(value: str | float | tuple[float, ...]) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")  # all else is TOML already
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_toml_value, value)) + "]"
    return str(value)


def _tuples(value: Any) -> Any:
    """TOML arrays as tuples: the models are strict and frozen."""
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def explain(mistake: Any, model: type[BaseModel]) -> str:
    """One of pydantic's `errors()` as a line: its place, the mistake, the nearest name of `model`."""
    place = ".".join(map(str, mistake["loc"]))
    if mistake["type"] == "value_error":
        return f"{place}: {mistake['ctx']['error']}"
    if mistake["type"] != "extra_forbidden":
        return f"{place}: {mistake['msg']}, got {mistake['input']!r}{_meaning(mistake['loc'], model)}"
    if place in RENAMED:
        return f"{place}: renamed to {RENAMED[place]!r}"
    *parents, key = mistake["loc"]
    names = list(model.model_fields) if not parents else _section_keys(model, str(parents[0]))
    near = difflib.get_close_matches(str(key), names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names)}"
    return f"{place}: unknown key; {hint}"


def _meaning(place: tuple[Any, ...], model: type[BaseModel]) -> str:
    """What the key at `place` means, with its unit; '' where it has no description."""
    section = model.model_fields[str(place[0])].annotation if place[0] in model.model_fields else None
    if len(place) < 2 or not (isinstance(section, type) and issubclass(section, BaseModel)):
        return ""
    field = section.model_fields.get(str(place[1]))
    return f" ({field.description})" if field is not None and field.description else ""


def _section_keys(model: type[BaseModel], section: str) -> list[str]:
    inner = model.model_fields[section].annotation
    return list(inner.model_fields) if isinstance(inner, type) and issubclass(inner, BaseModel) else []
