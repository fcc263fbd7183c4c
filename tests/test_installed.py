"""The package as users have it: a built wheel, run in a folder whose files have our packages' names."""

import json
import os
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.root import ROOT

SHADOWS = ("tools/__init__.py", "engine/__init__.py", "streamer/__init__.py", "queue.py")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the packages of the wheel; dependencies are those of this environment."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    wheel = [
        *pip,
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        str(folder),
        str(_source(folder)),
    ]
    subprocess.run(wheel, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    site = folder / "site"
    subprocess.run([*pip, "install", "--no-deps", "--target", str(site), str(built)], check=True)
    return site


def _source(folder: Path) -> Path:
    """The checkout as pip would build it, without leaving build/ behind in it."""
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "engine", "streamer", "tools"):
        (source / name).symlink_to(ROOT / name)
    return source


@pytest.fixture
def beside_others(tmp_path: Path) -> Path:
    """A folder that holds tools/, engine/, streamer/ and queue.py, each of which fails when imported."""
    for name in SHADOWS:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("raise ImportError('this is the folder of the user')\n", encoding="utf-8")
    return tmp_path


def musse(site: Path, folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """The installed command, as its script runs it, in `folder`."""
    command = site / "bin" / "musse-stream"
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environment |= {"PYTHONPATH": str(site), "XDG_CACHE_HOME": str(site.parent / "cache")}
    return subprocess.run(
        [sys.executable, str(command), *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


def test_the_metadata_names_both_packages_for_cards(installed: Path) -> None:
    (about,) = distributions(name="musse-stream", path=[str(installed)])
    named = [Requirement(text) for text in about.requires or ()]
    for extra, package in (("tensorrt", "torch-tensorrt"), ("tensorrt-rtx", "torch-tensorrt-rtx")):
        computer = {"extra": extra, "sys_platform": "linux", "platform_machine": "x86_64"}
        computer |= {"python_version": "3.12"}
        wanted = {entry.name for entry in named if entry.marker and entry.marker.evaluate(computer)}
        assert wanted == {package}
        assert extra in about.metadata.get_all("Provides-Extra", [])


def test_help_and_info_run_beside_folders_of_the_same_names(installed: Path, beside_others: Path) -> None:
    shown = musse(installed, beside_others, "--help")
    assert shown.returncode == 0, shown.stderr
    assert "musse-stream demo" in " ".join(shown.stdout.split())
    recording = str(beside_others / "a.h5")
    small = ("--samples", "512", "--lines", "32", "--frames", "4", "--uniform")
    assert musse(installed, beside_others, "simulate", "--output", recording, *small).returncode == 0
    about = musse(installed, beside_others, "info", recording, "--json")
    assert about.returncode == 0, about.stderr
    assert json.loads(about.stdout)


@pytest.mark.long
def test_children_start_beside_folders_of_the_same_names(installed: Path, beside_others: Path) -> None:
    """`bench` starts a node, a receiver and a display: each would import the folder's `tools` without -P."""
    recording = str(beside_others / "a.h5")
    small = ("--samples", "512", "--lines", "32", "--frames", "12", "--uniform")
    assert musse(installed, beside_others, "simulate", "--output", recording, *small).returncode == 0
    options = ("--engine", "trivial", "--seconds", "1", "--displays", "1", "--json")
    ended = musse(installed, beside_others, "bench", "--file", recording, *options)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["results_published"] > 0


def test_the_folder_does_hide_the_packages_from_a_plain_python(installed: Path, beside_others: Path) -> None:
    """The control, and what docs/operation.md describes: -c puts the folder first, -P does not."""
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    for flag, code in (("", 1), ("-P", 0)):
        command = [sys.executable, *filter(None, [flag]), "-c", "import engine"]
        ended = subprocess.run(command, cwd=beside_others, env=environment, capture_output=True, check=False)
        assert ended.returncode == code


def test_the_wheel_has_weights_presets_and_recipes(installed: Path) -> None:
    for pattern in (
        "engine/musse/weights/*.safetensors",
        "engine/musse/weights/*.onnx",
        "tools/formats/presets.toml",
        "streamer/presets/fine.toml",
        "tools/train/recipes/live.toml",
    ):
        assert list(installed.glob(pattern)), pattern
    assert not (installed / "tests").exists()
