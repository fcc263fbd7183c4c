"""CURVE encryption of the ZeroMQ links: keys from files, and who may connect.

CURVE alone fails open: without an authenticator libzmq accepts every client key. Every binding socket here
has a ZAP domain that libzmq enforces, so that nobody gets in while the authenticator is missing or dead.

Public keys are written as 64 hexadecimal digits: ZeroMQ's own form, Z85, holds characters that shells and
TOML take for their own.
"""

import logging
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import zmq
from zmq.auth.thread import ThreadAuthenticator
from zmq.utils import z85

from streamer.errors import ConfigError
from streamer.system import mode_for_others

DOMAIN: Final = "musse"
"""ZAP domain of every binding socket."""
Server: TypeAlias = Literal["node", "rf"]
"""Which pinned key the other end must have: of the node (results, keep), or of the scanner bridge."""
_HEX: Final = re.compile(r"[0-9a-f]{64}")
_NEW: Final = "make one with `musse-stream keys new`"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of this computer, and those of the others that it trusts; 32 bytes each."""

    public: bytes
    secret: bytes = field(repr=False)
    node: bytes
    rf: bytes | None
    """None: RF frames come unencrypted."""
    allowed: Path | None
    """File of the public keys that may connect, read anew for each connection; None: `public` alone."""

    def may_connect(self, public: bytes) -> bool:
        """Whether a client with this key is let in. Raises ConfigError for an allow file that is none."""
        return public == self.public or (self.allowed is not None and public in read_allowed(self.allowed))


@dataclass(frozen=True, slots=True)
class Security:
    """How the links of one process are protected."""

    keys: Keys | None = None
    insecure: bool = False
    """Bind to other addresses than loopback without keys."""


PLAIN: Final = Security()
"""No encryption; binds to loopback alone."""


class Context(zmq.Context["zmq.Socket[bytes]"]):
    """A ZeroMQ context whose sockets use the keys of `security`; `term` ends its authenticator too."""

    security: Security = PLAIN
    authenticator: "Authenticator | None" = None

    def __init__(self, security: Security = PLAIN) -> None:
        super().__init__()
        self.security = security

    def protect_server(self, socket: Any) -> None:
        """Let only allowed clients connect to a socket that is about to be bound. Plain without keys."""
        keys = self.security.keys
        if keys is None:
            return
        if self.authenticator is None:
            self.authenticator = Authenticator(self, keys)
            self.authenticator.start()
        socket.setsockopt_string(zmq.ZAP_DOMAIN, DOMAIN)
        socket.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)
        socket.curve_server = True
        socket.curve_publickey, socket.curve_secretkey = keys.public, keys.secret

    def protect_client(self, socket: Any, server: Server) -> None:
        """Pin the key of the server that a socket is about to connect to. Plain where there is none."""
        keys = self.security.keys
        pinned = None if keys is None else keys.node if server == "node" else keys.rf
        if keys is not None and pinned is not None:
            socket.curve_serverkey = pinned
            socket.curve_publickey, socket.curve_secretkey = keys.public, keys.secret

    def nobody_new(self) -> str:
        """Why nobody new gets in, or the own key alone; "" while clients are let in by the list."""
        if self.authenticator is None:
            return ""
        if not self.authenticator.is_alive():
            return "the authenticator has ended: nobody new can connect until a restart"
        return self.authenticator.trouble

    def term(self) -> None:
        """End the authenticator and close the context; its sockets are closed before."""
        if self.authenticator is not None:
            self.authenticator.stop()
            self.authenticator = None
        super().term()


class Authenticator(ThreadAuthenticator):
    """Answers libzmq's questions about client keys, in a thread of its own."""

    def __init__(self, context: Context, keys: Keys) -> None:
        super().__init__(context)
        self._keys = keys
        self.trouble = ""
        """What is wrong with the allow file, as of the last client that is not in it; "" while it is read."""
        self.configure_curve_callback(DOMAIN, self)

    def callback(self, domain: str, key: bytes) -> bool:
        """Whether the client with this key, in Z85, is let in. An allow file that is none lets nobody in."""
        try:
            admitted = self._keys.may_connect(z85.decode(key))
        except ConfigError as error:
            self.trouble = f"no other computer can connect: {error}"
            log.warning("a client was refused: %s", error, extra={"limit_by": "allow file"})
            return False
        self.trouble = ""
        return admitted

    def stop(self) -> None:
        """End the thread, also one that has ended by itself: sending to that would wait for ever."""
        if self.pipe and not self.is_alive():
            self.pipe.close(0)
            self.pipe = None  # type: ignore[assignment]  # as pyzmq does
        super().stop()


def read_keys(key: Path, *, allowed: Path | None, node: str, rf: str) -> Keys:
    """The keys of the files and of the pinned public keys; an empty `node` is this computer's own.

    Raises ConfigError for a file that cannot be read, holds no keys, or that others than its owner can read.
    """
    secret = _read_secret(key)
    public = public_of(secret)
    if allowed is not None:
        read_allowed(allowed)
    return Keys(
        public=public,
        secret=secret,
        node=parse_public(node) if node else public,
        rf=parse_public(rf) if rf else None,
        allowed=allowed,
    )


def public_of(secret: bytes) -> bytes:
    """The public key of a secret one, 32 bytes each."""
    return z85.decode(zmq.curve_public(z85.encode(secret)))


def parse_public(text: str) -> bytes:
    """The 32 bytes of a public key. Raises ConfigError where it is none."""
    if not _HEX.fullmatch(text.lower()):
        raise ConfigError(
            f"{text[:80]!r} is no public key: it has 64 hexadecimal digits, as `keys show` prints"
        )
    return bytes.fromhex(text)


def read_allowed(file: Path) -> frozenset[bytes]:
    """The public keys of an allow file: one a line, a name after it. Raises ConfigError."""
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()  # Windows editors put a mark first
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise ConfigError(
            f"security.allowed: cannot read {file}: {why}; write it with `musse-stream keys allow`"
        ) from error
    allowed = set()
    for number, line in enumerate(map(str.strip, lines), 1):
        if line and not line.startswith("#"):
            try:
                allowed.add(parse_public(line.split()[0]))
            except ConfigError as error:
                raise ConfigError(f"security.allowed: {file}, line {number}: {error}") from None
    return frozenset(allowed)


def _read_secret(file: Path) -> bytes:
    """The secret key of a file. No message of an error holds any of its text."""
    try:
        mode = mode_for_others(file)
        text = file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError(f"security.key: cannot read {file}: {error.strerror}; {_NEW}") from error
    except UnicodeDecodeError:
        raise ConfigError(f"security.key: {file} holds no secret key; {_NEW}") from None
    if mode is not None:
        raise ConfigError(
            f"security.key: others can read {file} (mode {mode:o}): `chmod 600 {file}`, and make a "
            "new key where that may have happened"
        )
    if not _HEX.fullmatch(text):
        raise ConfigError(f"security.key: {file} holds no secret key; {_NEW}")
    return bytes.fromhex(text)


def write_secret(file: Path) -> bytes:
    """Write a new secret key, readable by its owner alone; returns the public key.

    Raises OSError; nothing is left of the file then, unless it was there.
    """
    _, secret = zmq.curve_keypair()
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            stream.write(z85.decode(secret).hex() + "\n")
    except OSError:
        file.unlink()
        raise
    return public_of(z85.decode(secret))
