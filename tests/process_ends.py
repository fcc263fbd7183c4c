"""The end of a process that is not a child of this one."""

import time
from contextlib import suppress

import psutil


def wait_for_end(process: psutil.Process, patience: float = 30.0) -> None:
    """Return as soon as it runs no more; fails after `patience` s.

    What the kernel has begun to take down counts as running for a moment, with its files closed already. What
    has lost its parent may stay a zombie, where the first process of a container collects none.
    """
    end = time.monotonic() + patience
    with suppress(psutil.NoSuchProcess):
        while process.status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < end, f"process {process.pid} runs on"
            time.sleep(0.01)
