"""The result of one check, and what is removed from its text before anybody sees it."""

import getpass
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal, TypeAlias

Level: TypeAlias = Literal["ok", "attention", "fault"]
FILE: Final = "FILE"
"""Stands for the name of the recording: hospitals put names and numbers of patients into file names."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    name: str
    """What was checked; part of the JSON output, so it does not change."""
    level: Level
    text: str
    """One sentence."""
    remedy: str | None = None
    """What to do; None where all is well."""


def anonymous(finding: Finding, file: Path | None = None) -> Finding:
    """The finding without home folder (`~`), user name in a path (`USER`) and name of `file` (`FILE`).

    Characters that are not printable are left out too.
    """
    remedy = None if finding.remedy is None else _anonymous(finding.remedy, file)
    return replace(finding, text=_anonymous(finding.text, file), remedy=remedy)


def _anonymous(text: str, file: Path | None) -> str:
    if file is not None:
        for name in (str(file.absolute()), str(file), file.name, file.stem):
            text = re.sub(rf"(?<![^\W_]){re.escape(name)}(?![^\W_])", FILE, text)
        for folder in (file.absolute().parent, file.parent):
            if folder.name:
                text = text.replace(str(folder), "FOLDER")
    home = str(Path("~").expanduser())
    if len(home) > 1:  # neither "/" nor "~"
        text = re.sub(rf"{re.escape(home)}(?=[/\\]|\b)", "~", text)
    text = re.sub(rf"(?<=[/\\]){re.escape(_user())}(?=[/\\\s]|$)", "USER", text)
    # text of a node may hold anything: no line breaks, no commands to the terminal
    return "".join(letter for letter in " ".join(text.split()) if letter.isprintable())


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user without a name
        return "USER"
