"""Every path, extra, command, option and address in the Dockerfile exists; its command and check run."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from engine.user_cache import engines_folder
from tests.docs.dockerfile_reading import command, health_command, mistakes, stages
from tests.root import ROOT
from tests.tools.programs import program

TEXT = (ROOT / "Dockerfile").read_text(encoding="utf-8")
IGNORED = (ROOT / ".dockerignore").read_text(encoding="utf-8")
ROUTES = {"/metrics", "/livez", "/readyz"}
STAGES = {stage.name: stage for stage in stages(TEXT)}
FINAL = stages(TEXT)[-1]
TARGETS = (("cpu", "build"), ("nvidia", "build-nvidia"))


def test_everything_named_exists() -> None:
    assert mistakes(TEXT, ROOT, IGNORED, ROUTES) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("COPY engine engine", "COPY motor motor", "no path motor"),
        ("LICENSE ./", "LICENSE tests ./", "tests is kept from the builder"),
        ("--from=build", "--from=bild", "no stage bild"),
        ("torch==2.13.0", "numpy==2.0.0", "torch is not installed first and exactly"),
        ("--no-cache-dir .", "--no-cache-dir '.[gpu]'", "no extra gpu"),
        ("USER musse", "USER root", "the container runs as root"),
        ("install -y libgl1", "install -y gcc libgl1", "gcc in the final stage"),
        ("STOPSIGNAL SIGTERM", "STOPSIGNAL SIGKILL", "the node ends on SIGTERM"),
        ('"--bind"', '"--bound"', "run has no option --bound"),
        ('"run"', '"serve"', "no command 'serve'"),
        ("tcp://0.0.0.0:5561", "tcp://127.0.0.1:5561", "--bind is not reachable from outside the container"),
        ("EXPOSE 5561 5562", "EXPOSE 5561", "the port of --http is not exposed"),
        ("5562/livez", "5563/livez", "the health check asks another port"),
        ("5562/livez", "5562/health", "the health check asks a path that nobody answers"),
        ("TENSORRT=tensorrt-rtx", "TENSORRT=tensorrt-fast", "no extra tensorrt-fast"),
        ("FROM runtime AS nvidia", "FROM python:3.11-slim AS nvidia", "the container runs as root"),
    ],
)
def test_a_wrong_dockerfile_is_noticed(old: str, new: str, expected: str) -> None:
    assert old in TEXT
    assert expected in mistakes(TEXT.replace(old, new), ROOT, IGNORED, ROUTES)


def test_an_old_python_is_noticed() -> None:
    assert any(
        "Python" in found for found in mistakes(TEXT.replace(":3.11-", ":3.9-"), ROOT, IGNORED, ROUTES)
    )


def test_torch_is_the_one_that_make_installs() -> None:
    pins = [
        re.findall(r"torch==([\d.]+)", (ROOT / name).read_text("utf-8"))
        for name in ("Makefile", "Dockerfile", ".github/workflows/ci.yml")
    ]
    assert {pin for found in pins for pin in found} == set(pins[0])
    assert len(pins[1]) == len(TARGETS)


def test_only_the_image_for_cards_has_what_cards_need() -> None:
    assert FINAL.name == "cpu"  # what `docker build .` makes
    on_cpu, on_card = (str((STAGES[name], STAGES[build])) for name, build in TARGETS)
    for word in ("tensorrt", "NVIDIA", "nvidia", "VOLUME"):
        assert word not in on_cpu
        assert word in on_card


def test_compiled_engines_lie_in_the_volume(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = STAGES["nvidia"]
    for word in " ".join(stage.all("ENV")).split():
        name, _, value = word.partition("=")
        if name != "PATH":
            monkeypatch.setenv(name, value)
    assert Path(stage.last("VOLUME")) in engines_folder().parents
    assert f"chown musse {stage.last('VOLUME')}" in " ".join(stage.all("RUN"))


def test_the_command_runs_and_its_health_check_distinguishes_alive_from_dead() -> None:
    replaced = {
        "tcp://0.0.0.0:5561": "tcp://0.0.0.0:0",  # free ports
        "0.0.0.0:5562": "0.0.0.0:0",
        "tcp://host.docker.internal:5560": "tcp://127.0.0.1:9",  # nobody sends
        "/etc/musse-stream.toml": str(ROOT / "configs" / "container.toml"),
    }
    words = command(FINAL)[1:]
    assert replaced.keys() <= set(words)
    with program(
        *(replaced.get(word, word) for word in words), "--engine", "trivial", "--insecure", "--json"
    ) as node:
        http = node.event("ready")["http"]
        port = http.rpartition(":")[2]
        check = [word.replace("5562", port) for word in health_command(FINAL)]
        assert check[0] == "python"
        alive = subprocess.run([sys.executable, *check[1:]], check=False, capture_output=True)
        code = node.end(signal.SIGTERM)
        assert node.event("summary")
    dead = subprocess.run([sys.executable, *check[1:]], check=False, capture_output=True)
    assert (alive.returncode, code) == (0, 0)
    assert dead.returncode != 0


def test_without_keys_the_container_ends_at_once_and_names_what_is_missing() -> None:
    """No volume is mounted: it must not run unencrypted unless that is asked for."""
    words = [word.replace("/etc/", f"{ROOT}/configs/") for word in command(FINAL)[1:]]
    words = [word.replace("musse-stream.toml", "container.toml") for word in words]
    ended = subprocess.run(
        [sys.executable, "-m", "tools", *words], check=False, capture_output=True, text=True, cwd=ROOT
    )
    assert ended.returncode == 3
    assert "security.key: cannot read /keys/musse.key" in ended.stderr
    assert "COPY configs/container.toml /etc/musse-stream.toml" in TEXT


def test_the_libraries_are_those_that_continuous_integration_installs() -> None:
    packages = {"libgl1", "libglib2.0-0", "libxcb1"}  # ldd of cv2's own library, beyond what Debian slim has
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    installed = re.search(r"apt-get install (.+?) &&", " ".join(FINAL.all("RUN")))
    assert installed
    assert {word for word in installed[1].split() if not word.startswith("-")} == packages
    assert packages <= set(re.findall(r"[\w.+-]+", ci))
