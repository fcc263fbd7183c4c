"""All checks in one order. A check that fails itself is a finding, never a traceback."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from streamer.config import Config
from streamer.errors import ConfigError
from tools.configuration import load_config
from tools.doctor import addresses, computer, engines, services, storage
from tools.doctor.findings import Finding, Level, anonymous
from tools.doctor.recording import check_recording

if TYPE_CHECKING:
    from tools.formats import Recording

SCHEMA: Final = 1
"""Version of the JSON output."""
Check: TypeAlias = Callable[[], Finding | list[Finding]]
MARKS: Final[dict[Level, str]] = {"ok": "[ok]", "attention": "[attention]", "fault": "[FAULT]"}


def examine(
    config_file: Path | None, file: Path | None, open_file: Callable[[Path], "Recording"]
) -> Iterator[Finding]:
    """Every finding, as soon as it is there; nothing in them identifies a patient or a user.

    A configuration that cannot be read is a finding too; the defaults are examined then. Checks that wait for
    others to answer do so in a thread, while this one loads the engines.
    """
    config, finding = _configuration(config_file)
    yield anonymous(finding)
    waiting: dict[str, Check] = {
        "rf": lambda: addresses.check_addresses(config, addresses.LISTEN),
        "http": lambda: services.check_http(config),
        "keep": lambda: services.check_keep(config),
    }
    with ThreadPoolExecutor(1) as thread:
        answers = {name: thread.submit(_safely, name, check) for name, check in waiting.items()}
        for name, check in _computer(config):
            yield from map(anonymous, _safely(name, check))
        loaded = _safely("engines", engines.check_engines)
        for answer in answers.values():
            yield from map(anonymous, answer.result())
        yield from map(anonymous, loaded)
    for name, check in _checks(config, file, open_file):
        for finding in _safely(name, check):
            yield anonymous(finding, file if name == "recording" else None)


def line(finding: Finding) -> str:
    """A finding for people, in one line of ASCII marks and its own text."""
    text = f"{MARKS[finding.level]:<11} {finding.name}: {finding.text}"
    return text if finding.remedy is None else f"{text}. Remedy: {finding.remedy}"


def as_json(findings: Sequence[Finding]) -> dict[str, Any]:
    """The findings for programs."""
    return {"schema": SCHEMA, "healthy": healthy(findings), "findings": [asdict(f) for f in findings]}


def healthy(findings: Sequence[Finding]) -> bool:
    """Whether nothing needs attention."""
    return all(finding.level == "ok" for finding in findings)


def _configuration(file: Path | None) -> tuple[Config, Finding]:
    try:
        config = load_config(file)
    except ConfigError as error:
        remedy = "correct it, then `musse-stream config check`; the other checks used the defaults"
        return Config(), Finding("configuration", "fault", str(error), remedy)
    settings = config.engine
    text = f"{'the defaults' if file is None else file}: engine {settings.name} on the {settings.where}"
    return config, Finding("configuration", "ok", text)


def _computer(config: Config) -> Iterator[tuple[str, Check]]:
    yield "versions", computer.check_versions
    yield "cores", computer.check_cores
    yield "screen", computer.check_screen
    yield "clock", computer.check_clock
    yield "disk", lambda: storage.check_disk(config)
    yield "permissions", lambda: storage.check_permissions(config)
    yield "caches", storage.check_caches


def _checks(
    config: Config, file: Path | None, open_file: Callable[[Path], "Recording"]
) -> Iterator[tuple[str, Check]]:
    yield "compiled-engines", engines.check_compiled_engines
    yield "device", lambda: engines.check_device(config)
    yield "trial-pair", lambda: engines.check_trial(config, engines.TRIAL_SECONDS)
    if file is not None:
        yield "recording", lambda: check_recording(file, open_file)


def _safely(name: str, check: Check) -> list[Finding]:
    try:
        found = check()
    except Exception as error:  # noqa: BLE001 - the other checks still have to run
        text = f"the check itself failed: {type(error).__name__}: {error}"
        return [Finding(name, "fault", text, "report this line to the project")]
    return found if isinstance(found, list) else [found]
