"""CRC-64 as OpenIGTLink uses it: polynomial of ECMA-182, not reflected, initial value 0.

An image has a megabyte and Python takes a second for its bytes one by one. The sum is linear, so blocks are
summed side by side and then combined in pairs, each shifted by the length of its right neighbour.
"""

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

_POLYNOMIAL: Final = 0x42F0E1EBA9EA3693
_WORDS: Final = 32  # of 8 bytes in a block

Sums = NDArray[np.uint64]


def crc64(data: bytes | memoryview) -> int:
    """The check sum of `data`, 64 bits."""
    size, block = len(data), 8 * _WORDS
    levels = (max(0, size - 1) // block).bit_length()
    padded = np.zeros(block << levels, np.uint8)  # zeros in front change nothing
    padded[padded.size - size :] = np.frombuffer(data, np.uint8)
    words = padded.view(">u8").reshape(-1, _WORDS).T.astype("<u8", order="C")
    sums: Sums = np.zeros(1 << levels, "<u8")
    for word in words:
        sums = _shifted(sums ^ word, _by_word())
    for level in range(levels):
        sums = _shifted(sums[0::2], _by_blocks(level)) ^ sums[1::2]
    return int(sums[0])


def _shifted(sums: Sums, table: Sums) -> Sums:
    """What sums become when zeros follow; `table` (8, 256) has it for each of their bytes."""
    parts = np.ascontiguousarray(sums).view(np.uint8).reshape(-1, 8)
    result: Sums = np.take(table[0], parts[:, 0])
    for byte in range(1, 8):
        result ^= np.take(table[byte], parts[:, byte])
    return result


@cache
def _by_word() -> Sums:
    """(8, 256): the shift by one word."""
    table = np.zeros((8, 256), "<u8")
    for byte in range(8):
        for value in range(256):
            total = value << (8 * byte)
            for _ in range(64):
                total = ((total << 1) ^ (_POLYNOMIAL if total >> 63 else 0)) & (2**64 - 1)
            table[byte, value] = total
    return table


@cache
def _by_blocks(level: int) -> Sums:
    """(8, 256): the shift by 2**level blocks."""
    if level:
        half = _by_blocks(level - 1)
        return _shifted(half.ravel(), half).reshape(8, 256)
    table = _by_word()
    for _ in range(_WORDS - 1):
        table = _shifted(table.ravel(), _by_word()).reshape(8, 256)
    return table
