"""Files and settings of keys: what they may look like, and what an address needs."""

from pathlib import Path

import pytest

from streamer.addresses import is_loopback
from streamer.config_file import load_config
from streamer.curve import Context, Security, read_keys, write_secret
from streamer.errors import ConfigError
from streamer.sockets import bind_publisher, bind_server
from tests.streamer.curve_links import Computer


@pytest.fixture
def node(tmp_path: Path) -> Computer:
    return Computer(tmp_path / "node")


@pytest.mark.parametrize("address", ["tcp://0.0.0.0:0", "tcp://*:0", "tcp://[::]:0"])
def test_other_computers_are_reached_with_keys_or_on_request_alone(address: str, node: Computer) -> None:
    def bound(security: Security) -> None:
        context = Context(security)
        try:
            bind_publisher(context, address, high_water_mark=4, setting="output.bind").close()
            bind_server(context, address, high_water_mark=4, max_part_bytes=9, setting="keep.bind").close()
        finally:
            context.term()

    with pytest.raises(ConfigError, match=r"output\.bind = .*nothing is encrypted.*--insecure"):
        bound(Security())
    bound(Security(insecure=True))
    bound(Security(node.keys()))


@pytest.mark.parametrize(
    ("address", "local"),
    [
        ("tcp://127.0.0.1:5560", True),
        ("tcp://127.9.9.9:5560", True),
        ("tcp://[::1]:5560", True),
        ("tcp://localhost:5560", True),
        ("ipc:///tmp/link", True),
        ("tcp://0.0.0.0:5560", False),
        ("tcp://*:5560", False),
        ("tcp://[::]:5560", False),
        ("tcp://192.168.0.10:5560", False),
        ("tcp://scanner:5560", False),
        ("tcp://localhost.example:5560", False),
    ],
)
def test_loopback_is_told_from_every_other_address(address: str, *, local: bool) -> None:
    assert is_loopback(address) == local


def test_a_key_file_is_its_owners_alone(node: Computer) -> None:
    assert node.key.stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        write_secret(node.key)
    for mode in (0o640, 0o604, 0o666):
        node.key.chmod(mode)
        with pytest.raises(ConfigError, match=rf"security\.key: others can read .*{mode:o}.*chmod 600"):
            node.keys()


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"ab" * 31, b"xy" * 32, b"ab" * 64])
def test_a_damaged_key_file_is_one_error_without_its_content(node: Computer, content: bytes) -> None:
    node.key.write_bytes(content)
    with pytest.raises(
        ConfigError, match="holds no secret key; make one with `musse-stream keys new`"
    ) as text:
        node.keys()
    assert not content or content.decode("latin-1") not in str(text.value)


def test_a_missing_file_is_named(node: Computer, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"security\.allowed: cannot read .*none"):
        read_keys(node.key, allowed=tmp_path / "none", node="", rf="")
    with pytest.raises(ConfigError, match=r"security\.key: cannot read .*none"):
        read_keys(tmp_path / "none", allowed=None, node="", rf="")


def test_the_configuration_refuses_a_wrong_public_key_and_one_without_an_own() -> None:
    with pytest.raises(ConfigError, match="security: 'abc' is no public key"):
        load_config(None, {"security": {"key": "k", "node": "abc"}})
    with pytest.raises(ConfigError, match="security: allowed, node and rf need key"):
        load_config(None, {"security": {"rf": "ab" * 32}})
