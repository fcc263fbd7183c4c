"""A test runs alone if what it uses is timed, however many definitions lie between."""

import pytest

from tests.timed import reaches_timed
from tests.tools import programs
from tests.tools.programs import program, write_press
from tests.tools.recorder import GRID, Recording

PARAMETERS = [GRID, Recording]


def starts_a_process() -> None:
    program("run")  # a function, whose class uses Popen


def writes_a_file() -> None:
    write_press  # noqa: B018 - of the same module


def takes_a_parameter() -> None:
    PARAMETERS  # noqa: B018 - a thread in a class in a list


def uses_a_module() -> None:
    programs.program("run")


def imports_the_node() -> None:
    from streamer.node import run  # noqa: F401


@pytest.mark.parametrize(
    ("name", "timed"),
    [
        ("starts_a_process", True),
        ("writes_a_file", False),
        ("takes_a_parameter", True),
        ("uses_a_module", True),
        ("imports_the_node", True),
    ],
)
def test_what_a_test_uses_decides(name: str, timed: bool) -> None:
    assert reaches_timed(__name__, name, set()) == timed
