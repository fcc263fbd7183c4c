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
    from tools.formats.acquisition import Acquisition
    from tools.formats.opening import open_recording
    from tools.formats.recording import Recording
    from tools.formats.writer import RecordingWriter, write_recording

__all__ = ["Acquisition", "Recording", "RecordingWriter", "open_recording", "write_recording"]

_HOMES = {
    "Acquisition": "acquisition",
    "Recording": "recording",
    "RecordingWriter": "writer",
    "open_recording": "opening",
    "write_recording": "writer",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f"tools.formats.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'tools.formats' has no attribute {name!r}")
