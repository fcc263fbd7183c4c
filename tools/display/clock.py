"""The clock of window and page. It goes on while the computer sleeps, as the wall clock does and
`time.monotonic` on Linux and macOS does not: an image from before lunch is old after it, and times of day,
which are counted from the start, stay right.
"""

import time
from typing import Final

_COUNTS_SLEEP: Final[int | None] = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))


def now() -> float:
    """s since any moment; never goes back, whatever the wall clock is set to."""
    return time.monotonic() if _COUNTS_SLEEP is None else time.clock_gettime(_COUNTS_SLEEP)
