"""A recording and its results by the trivial engine."""

from pathlib import Path
from typing import Any

import pytest

from tests.tools.process.processed import contents, process
from tests.tools.programs import write_press


@pytest.fixture(scope="module")
def press(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_press(tmp_path_factory.mktemp("press") / "press.h5")


@pytest.fixture(scope="module")
def trivial(press: Path) -> dict[str, Any]:
    process(press, press.with_name("strain.h5"), "--engine", "trivial")
    return contents(press.with_name("strain.h5"))
