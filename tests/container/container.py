"""Runs an image's root as a container: read-only, its own network, the image's user without capabilities."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Self

PRIVILEGES = ("--clear-groups", "--no-new-privs", "--inh-caps=-all", "--bounding-set=-all")


class Container:
    """A command as the first program of a container, from start to the end of a `with` block; needs root.

    `user` is one of the image's own, `folders` are laid at their paths, read-only.
    """

    def __init__(
        self, root: Path, user: str, path: str, folders: Mapping[str, Path], *command: str, log: Path
    ) -> None:
        self.root = root
        uid = str(user_id(root, user))
        self._as_user = (
            *("setpriv", f"--reuid={uid}", f"--regid={uid}", *PRIVILEGES),
            *("env", "-i", f"PATH={path}", f"USER={user}"),
        )
        for place in folders:
            (root / place.lstrip("/")).mkdir(parents=True, exist_ok=True)
        reading, writing = os.pipe()
        laid = [word for place, folder in folders.items() for word in ("--ro-bind", str(folder), place)]
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [
                    *("bwrap", "--ro-bind", str(root), "/", "--proc", "/proc", "--dev", "/dev", *laid),
                    *(
                        "--unshare-net",
                        "--unshare-pid",
                        "--unshare-ipc",
                        "--unshare-uts",
                        "--die-with-parent",
                        "--as-pid-1",
                    ),
                    *("--info-fd", str(writing), "--", *self._as_user, *command),
                ],
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=[writing],
            )
        os.close(writing)
        with os.fdopen(reading, encoding="utf-8") as information:
            self._inside = json.load(information)["child-pid"]

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Another command in the running container, as the same user: its exit code and what it printed."""
        join = (
            "nsenter",
            f"--target={self._inside}",
            "--mount",
            "--net",
            "--pid",
            "--ipc",
            "--root",
            "--wd=/",
        )
        return subprocess.run(
            [*join, *self._as_user, *command], check=False, capture_output=True, text=True, timeout=120
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.process.kill()
        self.process.wait()


def user_id(root: Path, user: str) -> int:
    """The number of a user of an image."""
    users = (root / "etc/passwd").read_text(encoding="utf-8").splitlines()
    return next(int(line.split(":")[2]) for line in users if line.startswith(f"{user}:"))
