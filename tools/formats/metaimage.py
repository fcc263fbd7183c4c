"""Reading MetaImage sequences (.mhd with a data file, .mha with local data) as PLUS and SUPRA record them.

In the file x is the fastest axis. `UltrasoundImageOrientation` gives the meaning of x and y: M or U is
lateral, F or N axial (PLUS user manual); without it the axis that has a carrier is axial. ElementSpacing is
in mm.
"""

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tools.errors import RecordingError
from tools.formats.acquisition import OPTIONS, PartialAcquisition
from tools.formats.carrier import measure_carrier
from tools.formats.contents import Contents, Layout
from tools.formats.damage import cut_note
from tools.formats.metaimage_data import Blocks, IqBlocks, open_blocks
from tools.formats.metaimage_header import ASSUMED, PROBE_ORIENTATION, UNKNOWN, MetaHeader, parse_header
from tools.formats.missing import LayoutUnclear
from tools.formats.names import stated_in
from tools.formats.samples import handed_out_dtype
from tools.formats.spacing import plausible_spacing

_ELEMENT_TYPES: Final = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}


def read_metaimage(path: Path, layout: Layout) -> Contents:
    """The sequence or single frame at `path`; frames are read one by one unless they are compressed.

    Raises RecordingError for a file that is no MetaImage, is damaged, or holds what is no RF frame sequence.
    """
    header = parse_header(path)
    n_x, n_y, n_frames = _size(header)
    dtype = _dtype(header)
    spacing = header.numbers("ElementSpacing") or header.numbers("ElementSize")
    blocks, surplus = open_blocks(header, dtype, (n_frames, n_y, n_x))
    described = len(header.frames) or n_frames
    if described < blocks.shape[0]:
        blocks.close()
        raise RecordingError(
            f"{path}: DimSize states {n_frames} frames, the Seq_Frame lines describe {described}: "
            "correct DimSize, or add the lines that are missing"
        )
    cut = "" if surplus == 0 else f"frames: {surplus} bytes behind the last whole frame were left alone"
    if blocks.shape[0] < max(n_frames, described):
        wanted = max(n_frames, described)
        cut = cut_note(blocks.shape[0], wanted)
        header = header.first(blocks.shape[0])
    try:
        times = header.times() if layout.times_wanted else None
        blocks, conversion = _as_iq(header, blocks)
        stated = stated_in(path, header.fields)
        axial_is_y, reversed_, orientation, notes = _orientation(header, blocks, layout)
    except BaseException:
        blocks.close()
        raise
    axial, lateral = None, None
    if len(spacing) >= 2:
        axial, lateral = plausible_spacing(*(spacing[1::-1] if axial_is_y else spacing[:2]))
    status = tuple(fields.get("ImageStatus", "OK")[:32] for fields in header.frames.values())
    if own := header.text(PROBE_ORIENTATION)[:16]:
        orientation = own.removeprefix(UNKNOWN)
    if orientation:
        stated["orientation"] = orientation
    if angles := header.numbers("steering_angles"):
        stated["steering_angles"] = tuple(angles)
    recorded = tuple(note for note in header.text(ASSUMED).split(" | ") if note)
    return Contents(
        frames=MetaFrames(blocks, axial_is_y=axial_is_y, reversed_=reversed_),
        stated=PartialAcquisition(**stated),
        t_acq=times,
        frame_index=np.array(list(header.frames), np.int64) if header.frames else None,
        status=status or None,
        axial_spacing=axial,
        lateral_spacing=lateral,
        notes=tuple(note for note in (*recorded, *notes, conversion, cut) if note),
    )


class MetaFrames:
    """Blocks of the file, turned so that rows are depth and the probe is at the top."""

    def __init__(self, blocks: Blocks, *, axial_is_y: bool, reversed_: bool) -> None:
        self._blocks, self._axial_is_y, self._reversed = blocks, axial_is_y, reversed_
        self.n_frames, n_y, n_x = blocks.shape
        self.shape: tuple[int, int] = (n_y, n_x) if axial_is_y else (n_x, n_y)
        self.dtype = handed_out_dtype(blocks.dtype)[0]

    def read(self, index: int) -> NDArray[Any]:
        """Frame `index`: see `Frames.read`."""
        block = self._blocks.read(index)
        block = block if self._axial_is_y else block.T
        block = block[::-1] if self._reversed else block
        return np.ascontiguousarray(block, self.dtype)

    def close(self) -> None:
        """Close the data file."""
        self._blocks.close()


def _size(header: MetaHeader) -> tuple[int, int, int]:
    """(n_x, n_y, n_frames); a frame axis is the last one."""
    size = [int(number) if number.is_integer() else 0 for number in header.numbers("DimSize")]
    if len(size) == 4 and size[2] == 1:  # PLUS may write x, y, 1, frames
        size = [size[0], size[1], size[3]]
    if len(size) == 2:
        size.append(1)
    if len(size) != 3 or min(size) < 1 or header.text("Kinds").split()[2:3] == ["domain"]:
        raise RecordingError(
            f"{header.path}: DimSize = {header.text('DimSize')!r} is not a sequence of two-dimensional "
            "frames (x, y, frames): channel data and volumes have to be beamformed and cut into planes first"
        )
    channels = header.text("ElementNumberOfChannels", default="1")
    if channels not in {"1", "2"}:
        raise RecordingError(f"{header.path} holds colour: ElementNumberOfChannels = {channels}")
    return size[0] * int(channels), size[1], size[2]


def _as_iq(header: MetaHeader, blocks: Blocks) -> tuple[Blocks, str]:
    """The blocks, complex where the header states that they are IQ, and a note on the sample type.

    PLUS: RF_IQ_LINE holds I1, Q1, I2, Q2 along a line, RF_I_LINE_Q_LINE a line of I and then one of Q. ITK
    has two channels per pixel.
    """
    kind = header.text("UltrasoundImageType").upper()
    in_turn = kind == "RF_I_LINE_Q_LINE"
    if not in_turn and kind != "RF_IQ_LINE" and header.text("ElementNumberOfChannels", default="1") != "2":
        return blocks, handed_out_dtype(blocks.dtype)[1]
    if blocks.shape[1 if in_turn else 2] % 2:
        raise RecordingError(
            f"{header.path}: UltrasoundImageType = {kind} needs an even number of "
            f"{'lines' if in_turn else 'samples'}, DimSize is {header.text('DimSize')}"
        )
    return IqBlocks(blocks, in_turn=in_turn), f"samples: {blocks.dtype.name} I and Q in the file"


def _dtype(header: MetaHeader) -> np.dtype[Any]:
    name = header.text("ElementType")
    if name not in _ELEMENT_TYPES:
        raise RecordingError(
            f"{header.path}: ElementType = {name!r}; RF is one of {', '.join(_ELEMENT_TYPES)}"
        )
    orders = {
        header.flag(key) for key in ("ElementByteOrderMSB", "BinaryDataByteOrderMSB") if key in header.fields
    }
    if len(orders) == 2:
        raise RecordingError(
            f"{header.path}: ElementByteOrderMSB and BinaryDataByteOrderMSB contradict: delete the wrong line"
        )
    if not header.flag("BinaryData") and "BinaryData" in header.fields:
        raise RecordingError(f"{header.path}: BinaryData = False; samples written as text are not read")
    return np.dtype((">" if orders == {True} else "<") + _ELEMENT_TYPES[name])


def _orientation(header: MetaHeader, blocks: Blocks, layout: Layout) -> tuple[bool, bool, str, list[str]]:
    """(axial is y, deepest sample first, orientation handed out, notes)."""
    code = header.text("UltrasoundImageOrientation").upper()
    lateral = [letter for letter in code[:2] if letter in "MU"]
    axial = [letter for letter in code[:2] if letter in "FN"]
    both_given = len(lateral) == len(axial) == 1
    notes = []
    if layout.axes is not None:
        axial_is_y = layout.axes == "axial,lateral"
    elif both_given:
        axial_is_y = code[1] in "FN"
    elif blocks.dtype.kind == "c":
        raise LayoutUnclear(
            f"{header.path} holds IQ and does not state which axis is along the beam "
            f"(UltrasoundImageOrientation = {code!r}): give {OPTIONS['axes']} (slowest axis first)",
            "axes",
        )
    else:
        picked = [blocks.read(index) for index in _some(blocks.shape[0])]
        along_x = measure_carrier([block.T for block in picked])
        along_y = measure_carrier(picked)
        if (along_x is None) == (along_y is None):
            raise RecordingError(
                f"{header.path} does not state which axis is along the beam (UltrasoundImageOrientation = "
                f"{code!r}) and its samples have "
                f"{'no carrier' if along_x is None else 'carriers along both'}: "
                f"give {OPTIONS['axes']} if this is RF (slowest axis first)"
            )
        axial_is_y = along_y is not None
        notes.append(f"axes: the carrier lies along {'y' if axial_is_y else 'x'}")
    reversed_ = axial == ["N"]
    if reversed_:
        notes.append("samples: stored from deep to shallow, turned round")
    return axial_is_y, reversed_, (lateral[0] + "F" + code[2:3]) if both_given else "", notes


def _some(n_frames: int) -> list[int]:
    return sorted({0, n_frames // 2, n_frames - 1})
