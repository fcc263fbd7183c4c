"""Recordings of RF frames: any readable file becomes frames with headers.

    from tools.formats import open_recording

    with open_recording("arm.mhd") as recording:
        for header, samples in recording.frames(source_id="replay", session_id="1"):
            ...

docs/formats.md lists what is read and written, and under which names constants are looked for. Nothing
heavy is imported until a name is used.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tools.formats.acquisition import RecordedAcquisition as Acquisition
    from tools.formats.opening import open_recording
    from tools.formats.recording import Recording
    from tools.formats.writer import RecordingWriter, write_recording

__all__ = ["Acquisition", "Recording", "RecordingWriter", "open_recording", "write_recording"]

_HOMES = {
    "Acquisition": ("acquisition", "RecordedAcquisition"),
    "Recording": ("recording", "Recording"),
    "RecordingWriter": ("writer", "RecordingWriter"),
    "open_recording": ("opening", "open_recording"),
    "write_recording": ("writer", "write_recording"),
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        from importlib import import_module

        module, own_name = _HOMES[name]
        return getattr(import_module(f"tools.formats.{module}"), own_name)
    raise AttributeError(f"module 'tools.formats' has no attribute {name!r}")
