"""Files around frames that are RF by construction."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.tools.formats.rf_samples import MetaWriter, band_noise


@pytest.fixture
def rf() -> NDArray[np.int16]:
    """5 frames of (256, 32) int16 RF at 0.12 cycles/sample."""
    return (band_noise((5, 256, 32)) * 800).astype(np.int16)


@pytest.fixture
def write_mhd(tmp_path: Path) -> MetaWriter:
    """Writes blocks (frames, n_y, n_x) as MetaImage; `fields` change or (None) remove header lines."""

    def write(
        blocks: NDArray[Any],
        *,
        name: str = "sequence.mhd",
        times: list[str] | None = None,
        numbers: list[int] | None = None,
        data: bytes | None = None,
        tail: str = "",
        **fields: str | None,
    ) -> Path:
        element = {"i1": "CHAR", "u1": "UCHAR", "i2": "SHORT", "u2": "USHORT", "f4": "FLOAT", "f8": "DOUBLE"}
        n_frames, n_y, n_x = blocks.shape
        header: dict[str, str | None] = {
            "ObjectType": "Image",
            "NDims": "3",
            "DimSize": f"{n_x} {n_y} {n_frames}      ",  # SUPRA leaves room behind the number
            "ElementType": f"MET_{element[blocks.dtype.str[1:]]}",
            "ElementSpacing": "0.3 0.02 1",
            "BinaryData": "True",
            "ElementByteOrderMSB": str(blocks.dtype.str[0] == ">"),
            "UltrasoundImageOrientation": "MFA",
            "UltrasoundImageType": "BRIGHTNESS",
        }
        header |= fields
        lines = [f"{key} = {value}" for key, value in header.items() if value is not None]
        numbers = list(range(n_frames)) if numbers is None else numbers
        stamps = [f"{100 + 0.05 * k:.9f}" for k in range(n_frames)] if times is None else times
        for number, stamp in zip(numbers, stamps, strict=False):
            lines += [f"Seq_Frame{number:04d}_ImageStatus = OK", f"Seq_Frame{number:04d}_Timestamp = {stamp}"]
        local = name.endswith(".mha")
        raw = blocks.tobytes() if data is None else data
        place = "LOCAL" if local else Path(name).with_suffix(".raw").name
        text = "\n".join([*lines, f"ElementDataFile = {place}"]) + "\n" + tail
        path = tmp_path / name
        path.write_bytes(text.encode() + (raw if local else b""))
        if not local:
            path.with_suffix(".raw").write_bytes(raw)
        return path

    return write
