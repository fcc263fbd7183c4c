"""How far apart the frames of a pair should be, learnt from the pairs themselves. Pure: no clock, no frames.

A pair of stride n has the predicted SNRe |e| n / s_n, with e the strain per frame and s_n the strain's
standard deviation at that stride. The hand's speed e scales all strides alike, so the best one maximises
n / s_n: more strain, until decorrelation costs more than it brings. A stride not tried yet takes the value of
its nearest neighbour, so it is tried; values expire, so it is tried again.
"""

from streamer.config import PairingConfig
from streamer.headers import StrainHeader
from streamer.reasons import MISMATCH

LEARNING = 0.2  # weight of the newest pair in the running s_n of its stride
EXPIRES_AFTER = 40  # pairs after which a stride that was not used is forgotten: 2 s at 20 frames/s
REJECTED_COSTS = 2.0  # times the last s_n: a stride whose pairs decorrelate gets worse quickly
MAX_STRAIN = 0.015  # |mean strain| that a pair should not exceed, as for key frames


class StrideChoice:
    """The stride of the next pair. One thread."""

    def __init__(self, config: PairingConfig) -> None:
        self._most = config.max_stride
        self._std: dict[int, float] = {}
        self._used: dict[int, int] = {}
        self._pairs = 0
        self._strain_per_frame = 0.0
        self.stride = 1

    def update(self, stride: int, header: StrainHeader) -> None:
        """Take in how a pair of this stride went and choose the next one."""
        self._pairs += 1
        if header.rejection in MISMATCH:
            if self._std:
                estimated = {n: self._estimated(n) for n in range(1, self._most + 1)}
                # larger strides decorrelate at least as much, so penalise them too; smaller ones keep their
                # estimate
                self._std = {n: s * (REJECTED_COSTS if n >= stride else 1.0) for n, s in estimated.items()}
                self._used = dict.fromkeys(self._std, self._pairs)
        elif header.mean_strain is not None and header.predicted_snre:
            measured = abs(header.mean_strain) / header.predicted_snre
            before = self._std.get(stride, measured)
            self._std[stride] = before + LEARNING * (measured - before)
            self._strain_per_frame = abs(header.mean_strain) / stride
        self._used[stride] = self._pairs
        for old in [n for n, last in self._used.items() if self._pairs - last > EXPIRES_AFTER]:
            self._std.pop(old, None)
            del self._used[old]
        self.stride = self._best()

    def _best(self) -> int:
        if not self._std:
            return 1
        allowed = [n for n in range(1, self._most + 1) if n == 1 or n * self._strain_per_frame <= MAX_STRAIN]
        reachable = [n for n in allowed if n in self._std or n - 1 in self._std or n + 1 in self._std]
        return max(reachable or [1], key=lambda n: n / self._estimated(n))

    def _estimated(self, stride: int) -> float:
        """s_n, measured or that of the nearest stride that was."""
        nearest = min(self._std, key=lambda n: (abs(n - stride), n))
        return self._std[nearest]
