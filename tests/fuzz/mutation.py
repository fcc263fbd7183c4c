"""Inputs near valid ones: the same number always makes the same one."""

import random
import struct
from typing import Final

NUMBERS: Final = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 2**63 - 1, 2**64 - 1)
LIKELY: Final = 2000  # bytes at the start, where most headers lie
_WORDS: Final = (
    *(b"0 -1 1e400 nan inf true null 9223372036854775808 0x10 1e-320".split(b" ")),
    *(b'"" [] {} [[[[[[[[ "\\u0000" ../outside.raw /etc/passwd'.split(b" ")),
    *(b"\xff\xfe", b"\x00" * 8, b"A" * 300, b"\n\n", b"="),
)


def mutated(seed: bytes, number: int, *, text: bool) -> bytes:
    """The seed with one to four changes; `text` changes words more often than bits."""
    rng = random.Random(number)
    content = bytearray(seed)
    for _ in range(rng.choice((1, 1, 2, 4))):
        _change(content, rng, text=text)
    return bytes(content)


def _change(content: bytearray, rng: random.Random, *, text: bool) -> None:
    reach = len(content) if rng.random() < 0.5 else min(len(content), LIKELY)
    at = rng.randrange(reach + 1)
    kind = rng.randrange(8)
    if text and kind < 4:
        end = at
        while end < len(content) and content[end] not in b" ,:\n\r\t]}\"'=":
            end += 1
        content[at:end] = rng.choice(_WORDS)
    elif kind == 0:
        del content[at:]
    elif kind == 1:
        del content[at : at + rng.randrange(1, 64)]
    elif kind == 2:
        content[at:at] = content[at : at + rng.randrange(1, 64)]
    elif kind == 3:
        size = rng.choice("BHIQ")
        number = rng.choice(NUMBERS) & (256 ** struct.calcsize(size) - 1)
        content[at : at + struct.calcsize(size)] = struct.pack(rng.choice("<>") + size, number)
    elif kind == 4:
        content[at : at + 16] = rng.randbytes(16)
    elif at < len(content):
        content[at] = rng.randrange(256) if kind == 5 else content[at] ^ (1 << rng.randrange(8))
