"""From two ultrasound RF frames to a map of axial strain.

    from engine import open_estimator

`__version__` is that of the whole package. Nothing heavy is imported until a name is used: `import engine`
costs no torch.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.factory import open_estimator

    __version__: str

__all__ = ["__version__", "open_estimator"]


def __getattr__(name: str) -> Any:
    if name == "open_estimator":
        from engine.factory import open_estimator

        return open_estimator
    if name == "__version__":
        from importlib.metadata import version

        return version("musse-stream")
    raise AttributeError(f"module 'engine' has no attribute {name!r}")
