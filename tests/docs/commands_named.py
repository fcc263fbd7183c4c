"""Holds command lines that documents name against the command line there really is."""

import re
import shlex
from typing import Any

import typer.main

from tools.cli import app

ROOT_COMMAND: Any = typer.main.get_command(app)


def command_lines(text: str) -> list[list[str]]:
    """Every `musse-stream ...` between backticks or at the start of a line of a code block."""
    inline = re.findall(r"`musse-stream ([^`\n]+)`", text)
    blocks = re.findall(r"^```\w*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    lines = [m for block in blocks for m in re.findall(r"^\$? ?musse-stream (.+)$", block, re.MULTILINE)]
    return [shlex.split(line, comments=True) for line in (*inline, *lines)]


def mistakes(arguments: list[str]) -> list[str]:
    """Commands and options among the arguments that do not exist."""
    name, *rest = arguments
    if name.startswith("-"):
        command, rest = ROOT_COMMAND, arguments
    elif name in ROOT_COMMAND.commands:
        command = ROOT_COMMAND.commands[name]
    else:
        return [f"no command {name!r}"]
    if hasattr(command, "commands") and command is not ROOT_COMMAND and rest:  # a group such as igtl
        if rest[0] not in command.commands:
            return [f"{name} has no command {rest[0]!r}"]
        command = command.commands[rest[0]]
    options = {flag for parameter in command.params for flag in parameter.opts} | {"--help"}
    given = [word.split("=")[0] for word in rest if word.startswith("--")]
    return [f"{name} has no option {option}" for option in given if option not in options]
