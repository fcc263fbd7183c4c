"""A certificate of this computer for a test, and a proxy that speaks TLS for a program that does not."""

import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_MADE = (
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost "
    "-addext subjectAltName=DNS:localhost,IP:127.0.0.1"
)


def certificate(folder: Path) -> tuple[Path, Path]:
    """Files of a new certificate, which is its own authority, and of its key."""
    made, key = folder / "certificate.pem", folder / "key.pem"
    command = [*_MADE.split(), "-out", str(made), "-keyout", str(key)]
    subprocess.run(command, check=True, capture_output=True)
    return made, key


def trusting(made: Path) -> ssl.SSLContext:
    """What a client takes this certificate with, and no other."""
    return ssl.create_default_context(cafile=str(made))


def encrypted_key(key: Path) -> None:
    """Replace the key by one that needs a password."""
    other = key.with_suffix(".encrypted")
    command = ["openssl", "pkey", "-aes256", "-passout", "pass:secret"]
    subprocess.run([*command, "-in", str(key), "-out", str(other)], check=True, capture_output=True)
    other.replace(key)


@contextmanager
def tls_proxy(plain: int, made: Path, key: Path) -> Iterator[int]:
    """A port of 127.0.0.1 that decrypts and passes everything on to the port `plain`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made, key)
    threads: list[threading.Thread] = []

    def passed(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def answer(link: socket.socket) -> None:
        with (
            link,
            suppress(OSError),
            context.wrap_socket(link, server_side=True) as outside,
            socket.create_connection(("127.0.0.1", plain), 20) as inside,
        ):
            back = threading.Thread(target=passed, args=(inside, outside))
            back.start()
            passed(outside, inside)
            back.join()

    def listen() -> None:
        with suppress(OSError):
            while True:
                link, _ = listener.accept()
                link.settimeout(20)
                threads.append(threading.Thread(target=answer, args=(link,)))
                threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threads.append(threading.Thread(target=listen))
        threads[-1].start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join()
