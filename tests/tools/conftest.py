"""Commands that run within the test process take over signals and logging: both are given back."""

import logging
import signal
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def signals_and_logging_as_before() -> Iterator[None]:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    handlers = [signal.getsignal(number) for number in numbers]
    logs, level = list(logging.root.handlers), logging.root.level
    yield
    for number, handler in zip(numbers, handlers, strict=True):
        signal.signal(number, handler)
    logging.root.handlers[:] = logs
    logging.root.setLevel(level)
