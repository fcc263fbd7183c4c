"""Who may look: loopback by default, a token for every other address, one origin, a limited number."""

import hmac
import ipaddress
import secrets
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from websockets.datastructures import Headers

COOKIE = "musse_token"


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

        `encrypted` is whether this server itself speaks TLS.
        """
        return cls(host, token or (None if is_loopback(host) else secrets.token_urlsafe(16)), encrypted)

    def refusal(self, path: str, headers: Headers) -> str | None:
        """Why a request is refused; None where it is allowed."""
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
            cookie = SimpleCookie(headers.get("Cookie", ""))
        except CookieError:
            cookie = SimpleCookie()
        if COOKIE in cookie:
            given.append(cookie[COOKIE].value)
        return any(hmac.compare_digest(token.encode(), (self.token or "").encode()) for token in given)
