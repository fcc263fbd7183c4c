"""nginx before a page, with the lines of SECURITY.md."""

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.root import ROOT

_PATHS = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
_PATIENCE = 20.0  # s


@contextmanager
def nginx(plain: int, made: Path, key: Path) -> Iterator[int]:
    """A port of 127.0.0.1 where nginx decrypts and passes everything on to the port `plain`."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    found = re.search(r"```nginx\n(.+?)```", (ROOT / "SECURITY.md").read_text(encoding="utf-8"), re.DOTALL)
    assert found
    server = found[1]
    for documented, here in (
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("/etc/ssl/ward.pem", str(made)),
        ("/etc/ssl/private/ward.key", str(key)),
        ("127.0.0.1:5565", f"127.0.0.1:{plain}"),
    ):
        assert documented in server
        server = server.replace(documented, here)
    folder = made.parent
    paths = "".join(f"{name}_temp_path {folder}/{name};\n" for name in _PATHS)
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/nginx.pid; error_log stderr;\nevents {{}}\nhttp {{\n{paths}{server}}}\n",
        encoding="utf-8",
    )
    program = shutil.which("nginx")
    assert program
    running = subprocess.Popen([program, "-p", str(folder), "-c", str(folder / "nginx.conf")])
    try:
        _wait_for(port, running)
        yield port
    finally:
        running.terminate()
        running.wait(_PATIENCE)


def _wait_for(port: int, running: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + _PATIENCE
    while True:
        assert running.poll() is None, "nginx refused its configuration"
        try:
            socket.create_connection(("127.0.0.1", port), 1.0).close()
        except OSError:
            assert time.monotonic() < end
            time.sleep(0.05)
        else:
            return
