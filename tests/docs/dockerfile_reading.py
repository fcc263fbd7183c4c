"""Reads a Dockerfile and lists references to things that do not exist. No container engine is needed."""

import json
import re
import tomllib
from dataclasses import dataclass, field
from fnmatch import fnmatch
from itertools import pairwise
from pathlib import Path

from tests.docs.commands_named import mistakes as command_mistakes

BUILD_TOOLS = ("gcc", "g++", "build-essential", "make ", "pip ", "git ", "curl", "wget")


@dataclass
class Stage:
    """One FROM and the instructions below it, (keyword, rest) in order, after those of the stage below."""

    name: str
    image: str
    instructions: list[tuple[str, str]] = field(default_factory=list)

    def all(self, keyword: str) -> list[str]:
        """What follows each instruction of this kind."""
        return [rest for word, rest in self.instructions if word == keyword]

    def last(self, keyword: str) -> str:
        """What follows the last one, which is the one in force; '' where there is none."""
        return (self.all(keyword) or [""])[-1]


def stages(text: str) -> list[Stage]:
    """The stages of a Dockerfile, continuation lines joined."""
    found: list[Stage] = []
    given: dict[str, str] = {}  # arguments before the first stage, which images may be named by
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    for line in re.sub(r"\\\n\s*", " ", "\n".join(lines)).splitlines():
        keyword, _, rest = line.partition(" ")
        if keyword == "FROM":
            image, _, name = rest.partition(" AS ")
            image = given.get(image.lstrip("$"), image)
            below = next((stage for stage in found if stage.name == image), Stage("", image))
            found.append(Stage(name, below.image, list(below.instructions)))
        elif keyword == "ARG" and not found:
            argument, _, default = rest.partition("=")
            given[argument] = default
        else:
            found[-1].instructions.append((keyword, rest.strip()))
    return found


def command(stage: Stage) -> list[str]:
    """What the container runs: ENTRYPOINT and CMD together."""
    return [word for key in ("ENTRYPOINT", "CMD") for word in json.loads(stage.last(key) or "[]")]


def health_command(stage: Stage) -> list[str]:
    """The words of the health check."""
    words: list[str] = json.loads(stage.last("HEALTHCHECK").partition("CMD ")[2] or "[]")
    return words


def mistakes(text: str, root: Path, ignored: str, routes: set[str]) -> list[str]:
    """Everything a Dockerfile names that is not there, and every promise it breaks."""
    parts = stages(text)
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [
        *_copies(parts, root, ignored),
        *_installs(parts, project),
        *(
            mistake
            for target in parts
            if target.last("ENTRYPOINT")
            for mistake in (
                *_final(target, project),
                *command_mistakes(command(target)[1:]),
                *_addresses(target, routes),
            )
        ),
    ]


def _copies(parts: list[Stage], root: Path, ignored: str) -> list[str]:
    found = []
    for stage in parts:
        for rest in stage.all("COPY"):
            *sources, _ = [word for word in rest.split() if not word.startswith("--")]
            origin = re.search(r"--from=(\S+)", rest)
            if origin:
                found += [f"no stage {origin[1]}"] * (origin[1] not in {part.name for part in parts})
                continue
            found += [f"no path {name}" for name in sources if not (root / name).exists()]
            found += [f"{name} is kept from the builder" for name in sources if not _sent(name, ignored)]
    return found


def _sent(name: str, ignored: str) -> bool:
    """Whether .dockerignore lets a path through: the last rule that matches decides."""
    sent = True
    for rule in ignored.splitlines():
        if rule and not rule.startswith("#") and fnmatch(name, rule.lstrip("!")):
            sent = rule.startswith("!")
    return sent


def _installs(parts: list[Stage], project: dict[str, object]) -> list[str]:
    found: list[str] = []
    extras = project.get("optional-dependencies", {})
    for stage in parts:
        runs = [rest for rest in stage.all("RUN") if "pip" in rest and " install " in rest]
        if runs and not re.search(r"\btorch==\d", runs[0]):
            found.append("torch is not installed first and exactly")
        given = dict(rest.split("=", 1) for rest in stage.all("ARG"))
        for names in re.findall(r"\.\[([^\]]+)\]", " ".join(runs)):
            chosen = given.get(names[1:], "") if names.startswith("$") else names
            found += [f"no extra {name}" for name in chosen.split(",") if name not in extras]  # type: ignore[operator]
    return found


def _final(final: Stage, project: dict[str, object]) -> list[str]:
    found = []
    if not final.last("USER") or final.last("USER") in {"root", "0"}:
        found.append("the container runs as root")
    found += [
        f"{tool.strip()} in the final stage"
        for tool in BUILD_TOOLS
        if any(tool in rest for rest in final.all("RUN"))
    ]
    if final.last("STOPSIGNAL") != "SIGTERM":
        found.append("the node ends on SIGTERM")
    version = re.search(r"python:(\d+)\.(\d+)", final.image)
    least = re.fullmatch(r">=(\d+)\.(\d+)", str(project["requires-python"]))
    if not version or not least or tuple(map(int, version.groups())) < tuple(map(int, least.groups())):
        found.append(f"{final.image} does not have the Python that the project requires")
    if command(final)[:1] != ["musse-stream"] or "musse-stream" not in project["scripts"]:  # type: ignore[operator]
        found.append("the command is not the project's own")
    return found


def _addresses(final: Stage, routes: set[str]) -> list[str]:
    words = command(final)
    given = {option: value for option, value in pairwise(words) if option[:2] == "--"}
    found = []
    for option in ("--bind", "--http"):
        address = given.get(option, "")
        if "0.0.0.0:" not in address:
            found.append(f"{option} is not reachable from outside the container")
        elif address.rpartition(":")[2] not in final.last("EXPOSE").split():
            found.append(f"the port of {option} is not exposed")
    asked = re.search(r"http://127\.0\.0\.1:(\d+)(/\w+)", " ".join(health_command(final)))
    if not asked or asked[1] != given.get("--http", "").rpartition(":")[2]:
        found.append("the health check asks another port")
    if not asked or asked[2] not in routes:
        found.append("the health check asks a path that nobody answers")
    return found
