"""The folder of the checkout, for tests that read its files or start programs in it."""

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
