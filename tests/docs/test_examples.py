"""The examples are pasted by people who never ran this project: here they run as they stand."""

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from streamer import Subscriber
from streamer.headers import StatusHeader
from tests.docs.docs_reading import DOCS, python_blocks
from tools.children import Child, child

EXAMPLES = DOCS / "examples"
PUBLISHER = EXAMPLES / "publisher.py"
PRESSED = 0.2  # % per frame, as the publisher states


@contextmanager
def running(command: list[str]) -> Iterator[Iterator[str]]:
    """Run a program; yields the lines it prints."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield iter(process.stdout.readline, "")
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def script(path: Path, address: str) -> AbstractContextManager[Iterator[str]]:
    """Run an example in Python."""
    return running([sys.executable, str(path), address])


@contextmanager
def sending(publisher: list[str]) -> Iterator[tuple[Child, str]]:
    """A publisher and a node that listens to it; yields the node and the address of its results."""
    with running([*publisher, "tcp://127.0.0.1:*"]) as lines:
        rf = re.fullmatch(r"sending on (tcp://\S+)\n", next(lines))
        assert rf
        arguments = ("--connect", rf[1], "--bind", "tcp://127.0.0.1:0", "--http", "", "--engine", "trivial")
        with child("run", "--no-keep", "--config", "fine", *arguments, "--policy", "every", "--json") as node:
            yield node, node.wait_for("ready")["results"]


def status_when(address: str, reached: Callable[[StatusHeader], bool], seconds: float = 20.0) -> StatusHeader:
    """The first status message for which `reached` holds."""
    end = time.monotonic() + seconds
    with Subscriber(address, kinds=["status"]) as subscriber:
        while time.monotonic() < end:
            for message in subscriber.poll(0.5).messages:
                assert isinstance(message.header, StatusHeader)
                if reached(message.header):
                    return message.header
    raise AssertionError("the node did not come to this in time")


def summary_of(node: Child) -> dict[str, Any]:
    node.ask_to_stop()
    summary = node.wait_for("summary")
    assert summary["unaccounted"] == 0
    return summary


def changed(folder: Path, old: str, new: str) -> Path:
    """The publisher with one thing made different."""
    text = PUBLISHER.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path = folder / "changed.py"
    path.write_text(text.replace(old, new), encoding="utf-8")
    return path


def test_a_pasted_stream_becomes_strain_that_pasted_viewers_read(capsys: pytest.CaptureFixture[str]) -> None:
    """The example subscriber, and the block of docs/api.md."""
    block = next(text for text in python_blocks((DOCS / "api.md").read_text("utf-8")) if "Subscriber" in text)
    with sending([sys.executable, str(PUBLISHER)]) as (node, results):
        with script(EXAMPLES / "subscriber.py", results) as lines:
            reported = [re.match(r"frames (\d+) to (\d+): strain (\S+)%", line) for line in islice(lines, 30)]
        local = block.replace("tcp://127.0.0.1:5561", results)
        assert local != block
        printed = ""
        end = time.monotonic() + 30.0
        while not printed and time.monotonic() < end:  # the first answers may hold a status message only
            exec(compile(local, "docs/api.md", "exec"), {})  # noqa: S102 - runs the project's own document
            printed = capsys.readouterr().out
        summary = summary_of(node)
    pairs = [(int(m[1]), int(m[2]), float(m[3])) for m in reported if m]
    assert len(pairs) >= 29  # all but a first pair, which has no pre frame
    for pre, post, strain in pairs:
        direction = -1 if 1 <= post % 20 <= 10 else 1  # ten frames pressed, ten let go
        assert pre == post - 1
        assert strain == pytest.approx(direction * PRESSED, abs=0.01)
    assert abs(float(printed.split()[-1])) == pytest.approx(PRESSED / 100, rel=0.05)
    assert summary["refused"] == {}
    assert summary["lost"] == 0


def test_tissue_that_is_not_pressed_gives_no_value(tmp_path: Path) -> None:
    with sending([sys.executable, str(changed(tmp_path, "0.002 *", "0.0 *"))]) as (node, results):
        status_when(results, lambda status: status.published_no_value > 5)
        summary = summary_of(node)
    assert summary["published_valid"] == 0
    assert summary["rejected"]["no_motion"] >= 4


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [('"kind": "rf"', '"kind": "iq"', "malformed"), ('.astype("<i2")', '.astype("<f4")', "wrong_size")],
)
def test_a_broken_stream_is_refused_by_name(tmp_path: Path, old: str, new: str, reason: str) -> None:
    with sending([sys.executable, str(changed(tmp_path, old, new))]) as (node, results):
        status = status_when(results, lambda status: status.refused.get(reason, 0) > 2)
        summary = summary_of(node)
    assert status.state == "WAITING"
    assert set(summary["refused"]) == {reason}
    assert summary["published_valid"] == 0


ALLOWED = {"sys", "time", "msgpack", "numpy", "zmq"}
BRIDGES = {"clarius_publisher": {"pyclariuscast", "pathlib", "itertools"}, "us4us_publisher": {"arrus"}}


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_an_example_is_short_and_needs_nothing_of_this_project(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) < (60 if path.stem in BRIDGES else 31)
    imported = set(re.findall(r"^import (\w+)|^from (\w+)", text, re.MULTILINE))
    names = {name for pair in imported for name in pair if name}
    assert names <= ALLOWED | BRIDGES.get(path.stem, set())
