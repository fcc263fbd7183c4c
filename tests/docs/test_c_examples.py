"""The examples in C: compiled without a warning, and run against a node."""

import re
import shutil
import subprocess
from itertools import islice
from pathlib import Path

import pytest

from tests.docs.docs_reading import DOCS
from tests.docs.test_examples import PRESSED, running, sending, summary_of

CC, PKG_CONFIG = shutil.which("cc") or "", shutil.which("pkg-config") or ""
FLAGS = ("-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror")
SOURCES = sorted((DOCS / "examples").glob("*.c"))


def libraries() -> list[str]:
    """Options of the compiler for ZeroMQ and MessagePack; the latter has two names."""
    for name in ("msgpack", "msgpack-c"):
        found = subprocess.run(
            [PKG_CONFIG, "--cflags", "--libs", "libzmq", name], capture_output=True, text=True, check=False
        )
        if found.returncode == 0:
            return found.stdout.split()
    pytest.skip("needs libzmq3-dev and libmsgpack-dev")


@pytest.mark.skipif(
    shutil.which("cc") is None or shutil.which("pkg-config") is None, reason="needs a C compiler"
)
def test_strain_from_a_publisher_in_c_to_a_subscriber_in_c(tmp_path: Path) -> None:
    options = libraries()
    for source in SOURCES:
        assert len(source.read_text().splitlines()) < 60
        program = tmp_path / source.stem
        subprocess.run(
            [CC, *FLAGS, source, "-o", program, *options, "-lm"],
            check=True,
        )
    with sending([str(tmp_path / "publisher")]) as (node, results):
        with running([str(tmp_path / "subscriber"), results]) as lines:
            found = [re.match(r"frames (\d+) to (\d+): strain (\S+)% in", line) for line in islice(lines, 12)]
        summary = summary_of(node)
    pairs = [(int(m[1]), int(m[2]), float(m[3])) for m in found if m]
    assert len(pairs) >= 11
    for pre, post, strain in pairs:
        assert pre == post - 1
        assert strain == pytest.approx((-1 if 1 <= post % 20 <= 10 else 1) * PRESSED, abs=0.01)
    assert summary["refused"] == {}
