"""The header of an RF image: what OpenIGTLink does not carry comes from options or a preset."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.errors import RecordingError
from tools.formats.acquisition import RecordedAcquisition, checked_probe_type
from tools.formats.completion import Completion
from tools.formats.contents import Contents
from tools.formats.missing import options_for
from tools.formats.presets import presets
from tools.formats.samples import ArrayFrames


class Constants:
    """Options and preset of a link. Raises RecordingError at once, naming everything that is missing."""

    def __init__(self, sender: str, preset: str | None, overrides: Mapping[str, Any]) -> None:
        self._sender, self._preset = Path(sender), preset
        self._overrides = {name: value for name, value in overrides.items() if value is not None}
        needed = ["sampling_frequency", "center_frequency"]
        if preset is None or preset not in presets():  # an unknown name is refused with the first image
            needed += ["probe_type", "line_pitch"]
        stated = self._overrides.get("probe_type")
        if preset is None and stated is not None and checked_probe_type(stated) == "curved":
            needed.append("probe_radius")
        missing = [name for name in needed if name not in self._overrides]
        if missing:
            raise RecordingError(
                f"an IMAGE message does not state {', '.join(missing)}: {options_for(missing)}"
            )

    def of(self, frame: NDArray[Any], stamp_ns: int) -> RecordedAcquisition:
        """The complete constants of images like `frame`, (axial, lateral). Raises RecordingError.

        What was assumed is named in them, and so is a stated frequency that the samples contradict.
        """
        contents = Contents(
            frames=ArrayFrames(frame[None]), t_acq=np.array([stamp_ns], np.int64), carrier_required=False
        )
        return Completion(self._sender, contents, self._preset, self._overrides).acquisition()
