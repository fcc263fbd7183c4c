"""A node with its scanner and a listener, checked for a full account whatever the test does."""

from collections.abc import Iterator

import pytest

from tests.streamer.node.node_harness import Setup


@pytest.fixture
def setup() -> Iterator[Setup]:
    """At the end of every test: each received frame has exactly one end, and sent = received + lost."""
    setup = Setup()
    try:
        yield setup
        if setup.running:
            setup.finish()
    finally:
        setup.close()
