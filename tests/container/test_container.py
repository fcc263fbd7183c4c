"""The Dockerfile's image is built and runs node, health check and a replay, read-only and unprivileged."""

import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from streamer.curve import write_secret
from tests.container.container import Container, user_id
from tests.container.image import NEEDED, built_image
from tests.docs.dockerfile_reading import command, health_command, stages
from tests.root import ROOT
from tests.tools.programs import write_press

MISSING = [name for name in NEEDED if shutil.which(name) is None]
pytestmark = [
    pytest.mark.alone,
    pytest.mark.long,
    pytest.mark.skipif(bool(MISSING), reason=f"needs {', '.join(MISSING)}"),
    pytest.mark.skipif(os.name == "nt" or os.getuid() != 0, reason="building and running images needs root"),
]

FINAL = stages((ROOT / "Dockerfile").read_text(encoding="utf-8"))[-1]
PATH = FINAL.last("ENV").removeprefix("PATH=").replace("$PATH", "/usr/local/bin:/usr/bin:/bin")
USER = FINAL.last("USER")
FRAMES = 250  # 5 s: the engine is built while the first ones come


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with built_image(tmp_path_factory.mktemp("image")) as mounted:
        yield mounted


@pytest.fixture
def node(root: Path, tmp_path: Path) -> Iterator[Container]:
    keys, recordings = tmp_path / "keys", tmp_path / "recordings"
    keys.mkdir()
    recordings.mkdir()
    write_press(recordings / "press.h5", FRAMES)
    uid = user_id(root, USER)
    write_secret(keys / "musse.key")
    (keys / "musse.allowed").touch()
    for path in (keys, *keys.iterdir()):
        os.chown(path, uid, uid)
    words = [word.replace("host.docker.internal", "127.0.0.1") for word in command(FINAL)]
    folders = {"/keys": keys, "/recordings": recordings}
    with Container(root, USER, PATH, folders, *words, "--json", log=tmp_path / "log") as running:
        yield running
        sys.stderr.write((tmp_path / "log").read_text(encoding="utf-8"))  # shown when the test fails


def published(node: Container) -> float:
    """Results with values so far, by the node's own metrics."""
    asked = (
        "from urllib.request import urlopen; print(urlopen('http://127.0.0.1:5562/metrics').read().decode())"
    )
    text = node.run("python", "-c", asked).stdout
    return sum(map(float, re.findall(r'musse_results_published_total\{.*valid="true".*\} (\S+)', text)))


def until(condition: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not (reached := condition()) and time.monotonic() < end:
        time.sleep(0.2)
    return reached


def test_node_health_check_and_replay_run_read_only_without_root_or_capabilities(node: Container) -> None:
    assert until(lambda: node.run(*health_command(FINAL)).returncode == 0, 60), "never healthy"

    state = dict(re.findall(r"^(\w+):\s+(.+)$", node.run("cat", "/proc/1/status").stdout, re.MULTILINE))
    assert state["Uid"].split() == [str(user_id(node.root, USER))] * 4
    assert {state[name] for name in ("CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb")} == {"0" * 16}
    assert state["NoNewPrivs"] == "1"
    for folder in ("/", "/etc", "/var/cache/musse-stream", "/opt/musse-stream"):
        assert "Read-only file system" in node.run("touch", f"{folder}/written").stderr

    replayed = node.run(
        *("musse-stream", "replay", "/recordings/press.h5", "--wait-subscribers", "1", "--json")
    )
    assert replayed.returncode == 0, replayed.stderr
    assert f'"sent": {FRAMES}' in replayed.stdout
    assert until(lambda: published(node) > 0, 30), "no strain of the frames replayed"

    asked = f"import os, signal; os.kill(1, signal.{FINAL.last('STOPSIGNAL')})"
    assert node.run("python", "-c", asked).returncode == 0
    assert node.process.wait(30) == 0
