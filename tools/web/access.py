"""Who may look: loopback by default, a token for every other address, one origin, a limited number."""

import hmac
import ipaddress
import re
import secrets
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import Final
from urllib.parse import parse_qs, urlsplit

from websockets.datastructures import Headers

from streamer.errors import ConfigError

COOKIE = "musse_token"
TOKEN: Final = re.compile(r"[A-Za-z0-9._~-]{1,128}")
"""What is the same in an address and in a cookie."""


def is_loopback(host: str) -> bool:
    """Whether an address is of this computer alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Access:
    """The rules of one server."""

    host: str
    token: str | None = field(default=None)
    encrypted: bool = False

    @classmethod
    def of(cls, host: str, token: str | None, *, encrypted: bool = False) -> "Access":
        """The rules for an address: without a token given, one is made for every address but loopback.

        `encrypted` is whether this server itself speaks TLS. Raises ConfigError for a token that an address
        or a cookie cannot hold, an empty one too: a variable that is not set must not leave the page open.
        """
        if token is not None and not TOKEN.fullmatch(token):
            raise ConfigError("--token: give 1 to 128 of A-Z, a-z, 0-9 and . _ ~ -")
        return cls(host, token or (None if is_loopback(host) else secrets.token_urlsafe(16)), encrypted)

    def refusal(self, path: str, headers: Headers) -> str | None:
        """Why a request is refused; None where it is allowed."""
        try:
            return self._refusal(path, headers)
        except (ValueError, LookupError):  # no address, or a field twice that may come once
            return "this is no request of a browser"

    def _refusal(self, path: str, headers: Headers) -> str | None:
        host = headers.get("Host", "")
        name = urlsplit(f"//{host}").hostname or ""
        if self.token is None and not is_loopback(name):
            return "this page answers on this computer's own address only"  # a foreign name bound to it
        origin = headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != host:
            return "another site may not read this page"
        if self.token is not None and not self._knows(path, headers):
            return "open the page with the address that `musse-stream web` printed: it holds the token"
        return None

    def cookie(self) -> str | None:
        """Set-Cookie of the page, so that its scripts and its socket are allowed too."""
        if self.token is None:
            return None
        secure = "; Secure" if self.encrypted else ""
        return f"{COOKIE}={self.token}; HttpOnly; SameSite=Strict; Path=/{secure}"

    def _knows(self, path: str, headers: Headers) -> bool:
        given = parse_qs(urlsplit(path).query).get("token", [])
        try:
            cookie = SimpleCookie("; ".join(headers.get_all("Cookie")))  # a proxy may pass them on one by one
        except CookieError:
            cookie = SimpleCookie()
        if COOKIE in cookie:
            given.append(cookie[COOKIE].value)
        return any(hmac.compare_digest(token.encode(), (self.token or "").encode()) for token in given)
