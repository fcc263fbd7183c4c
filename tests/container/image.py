"""Builds the Dockerfile's image without a registry of images: on a Debian of mmdebstrap, with buildah."""

import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.root import ROOT

NEEDED = ("mmdebstrap", "buildah", "bwrap", "nsenter")
"""Programs of the Debian packages mmdebstrap, buildah, bubblewrap and util-linux."""

BASE = ("bookworm", "python-is-python3,python3-venv,python3-pip,ca-certificates")
"""Release of Debian, and what the Dockerfile expects of its BASE beyond the smallest system."""

PYTHON = "3.11"  # of that release


@contextmanager
def built_image(folder: Path) -> Iterator[Path]:
    """The root of the image for the CPU, mounted while the block runs, built in an empty folder."""
    base, wheels, settings = folder / "base.tar", folder / "wheels", folder / "pip.conf"
    _run("mmdebstrap", "--variant=minbase", f"--include={BASE[1]}", BASE[0], base)
    _fetch_wheels(wheels)
    settings.write_text("[global]\nno-index = true\nfind-links = /wheels\n", encoding="utf-8")
    (folder / "Dockerfile").write_text(f"FROM scratch\nADD {base.name} /\n", encoding="utf-8")
    buildah = ("buildah", "--root", folder / "storage", "--runroot", folder / "state")
    build = (*buildah, "bud", "--isolation", "chroot")
    try:
        _run(*build, "--tag", "base", "--file", folder / "Dockerfile", folder)
        given = ("--build-arg", "BASE=localhost/base", "--target", "cpu", "--tag", "node")
        pip = ("--volume", f"{wheels}:/wheels:ro", "--volume", f"{settings}:/etc/pip.conf:ro")
        _run(*build, *given, *pip, ROOT)
        container = _run(*buildah, "from", "localhost/node").strip()
        yield Path(_run(*buildah, "mount", container).strip())
    finally:
        _run(*buildah, "rm", "--all")
        _run(*buildah, "rmi", "--all", "--force")


def _fetch_wheels(folder: Path) -> None:
    """What the build installs, through the pip that these tests were installed with, and its registry."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    torch = makefile.partition("TORCH := ")[2].split()[0]
    wanted = (torch, *project["build-system"]["requires"], *project["project"]["dependencies"])
    only = ("--only-binary", ":all:", "--python-version", PYTHON)
    _run(sys.executable, "-m", "pip", "download", "--quiet", "--dest", folder, *only, *wanted)


def _run(*words: str | Path) -> str:
    """What it prints; an error names what went wrong."""
    ended = subprocess.run([str(word) for word in words], check=False, capture_output=True, text=True)
    assert ended.returncode == 0, f"{words}: {ended.stderr[-4000:]}"
    return ended.stdout
