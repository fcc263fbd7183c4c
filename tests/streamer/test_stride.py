"""The stride that auto pairing chooses, against hands and tissues with a known best one."""

import pytest

from streamer.config import PairingConfig
from streamer.stride import StrideChoice
from tests.streamer.strain_headers import strain_header


def settle(
    std_of: dict[int, float] | None, *, strain_per_frame: float = 0.001, pairs: int = 60
) -> StrideChoice:
    """A choice after so many pairs on tissue whose strain has this standard deviation at each stride."""
    choice = StrideChoice(PairingConfig(mode="auto", max_stride=6))
    for _ in range(pairs):
        stride = choice.stride
        std = std_of[stride] if std_of else 0.002
        mean = strain_per_frame * stride
        choice.update(stride, strain_header(mean_strain=mean, predicted_snre=mean / std))
    return choice


def test_noise_alone_asks_for_the_largest_stride() -> None:
    assert settle(None).stride == 6


def test_decorrelation_that_outgrows_strain_asks_for_neighbours() -> None:
    assert settle({n: 0.001 * n**1.5 for n in range(1, 7)}).stride == 1


def test_the_best_stride_lies_between() -> None:
    # n / s_n with s_n = 1 + (n / 3)^4: best where the derivative vanishes, n = 3 / 3^(1/4) = 2.3
    assert settle({n: 0.001 * (1 + (n / 3) ** 4) for n in range(1, 7)}).stride == 2


def test_strain_that_grows_too_large_limits_the_stride() -> None:
    assert settle(None, strain_per_frame=0.004).stride == 3  # 4 x 0.4 % would exceed 1.5 %


def test_pairs_that_decorrelate_make_it_smaller() -> None:
    choice = settle(None)
    for _ in range(4):
        choice.update(choice.stride, strain_header(mean_strain=None, rejection="decorrelated"))
    assert choice.stride < 6


def test_what_was_learnt_fades() -> None:
    choice = settle({n: 0.001 * n**2 for n in range(1, 7)})
    assert choice.stride == 1
    tried = set()
    for _ in range(100):  # now large strides are good: they must be found again
        tried.add(choice.stride)
        mean = 0.001 * choice.stride
        choice.update(choice.stride, strain_header(mean_strain=mean, predicted_snre=mean / 0.001))
    assert max(tried) == 6


@pytest.mark.parametrize("rejection", ["no_motion", "engine_error"])
def test_nothing_is_learnt_of_decorrelation_from_other_rejections(rejection: str) -> None:
    choice = settle(None)
    choice.update(choice.stride, strain_header(mean_strain=None, rejection=rejection))
    assert choice.stride == 6
