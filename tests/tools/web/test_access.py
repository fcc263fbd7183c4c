"""Who may look at the page, by host, origin and token."""

import pytest
from websockets.datastructures import Headers

from streamer.errors import ConfigError
from tools.web.access import Access

EVERYWHERE = "0.0.0.0"  # noqa: S104 - what a token is needed for


@pytest.mark.parametrize(
    ("host", "token", "path", "headers", "allowed"),
    [
        ("127.0.0.1", None, "/", {"Host": "127.0.0.1:5565"}, True),
        ("127.0.0.1", None, "/", {"Host": "localhost:5565"}, True),
        ("127.0.0.1", None, "/", {"Host": "evil.example:5565"}, False),  # a foreign name for this computer
        ("127.0.0.1", None, "/ws", {"Host": "127.0.0.1:5565", "Origin": "http://evil.example"}, False),
        ("127.0.0.1", None, "/ws", {"Host": "127.0.0.1:5565", "Origin": "http://127.0.0.1:5565"}, True),
        (EVERYWHERE, "secret-token", "/", {"Host": "10.0.0.2:5565"}, False),
        (EVERYWHERE, "secret-token", "/?token=secret-token", {"Host": "10.0.0.2:5565"}, True),
        (EVERYWHERE, "secret-token", "/?token=other", {"Host": "10.0.0.2:5565"}, False),
        (EVERYWHERE, "secret-token", "/ws", {"Host": "10.0.0.2", "Cookie": "musse_token=secret-token"}, True),
    ],
)
def test_who_may_look(
    host: str, token: str | None, path: str, headers: dict[str, str], allowed: bool
) -> None:
    assert (Access.of(host, token).refusal(path, Headers(headers)) is None) == allowed


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/", [("Host", "[")]),
        ("/", [("Host", "[zz]")]),
        ("/", [("Host", "127.0.0.1"), ("Host", "127.0.0.1")]),
        ("/", [("Host", "127.0.0.1"), ("Origin", "http://[")]),
        ("/", [("Host", "127.0.0.1"), *[("Origin", "http://127.0.0.1")] * 2]),
        ("//[?token=secret-token", [("Host", "127.0.0.1")]),
    ],
)
def test_a_request_that_is_none_is_refused_like_any_other(path: str, headers: list[tuple[str, str]]) -> None:
    assert Access.of(EVERYWHERE, "secret-token").refusal(path, Headers(headers)) is not None


def test_cookies_that_come_one_by_one_are_all_read() -> None:
    headers = Headers([("Host", "ward"), ("Cookie", "a=b"), ("Cookie", "musse_token=secret-token")])
    assert Access.of(EVERYWHERE, "secret-token").refusal("/ws", headers) is None


@pytest.mark.parametrize(
    "token", ["", " ", "a;b", "a b", "a&b", "a#b", "a%41", "a+b", "\u00fc", "a\nb", 'a"b']
)
def test_a_token_that_would_not_come_back_is_refused(token: str) -> None:
    with pytest.raises(ConfigError, match="--token: give"):
        Access.of("127.0.0.1", token)


def test_other_addresses_than_loopback_get_a_token_of_their_own() -> None:
    made = Access.of(EVERYWHERE, None).token
    assert made is not None
    assert len(made) >= 20
    assert made != Access.of(EVERYWHERE, None).token
    assert Access.of("::1", None).token is None
