"""From two ultrasound RF frames to a map of axial strain.

    from engine import open_estimator

Nothing heavy is imported until a name is used: `import engine` costs no torch.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.factory import open_estimator

__all__ = ["open_estimator"]


def __getattr__(name: str) -> Any:
    if name == "open_estimator":
        from engine.factory import open_estimator

        return open_estimator
    raise AttributeError(f"module 'engine' has no attribute {name!r}")
