"""Where this user's programs keep what they can make again."""

import os
import sys
from pathlib import Path


def user_cache() -> Path:
    """The folder, which may not exist yet: as the operating system's conventions place it."""
    home = Path("~").expanduser()  # stays "~" for a user without a home
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", home / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    return base / "musse-stream"


def engines_folder() -> Path:
    """Where this user's compiled engines lie."""
    return user_cache() / "engines"
