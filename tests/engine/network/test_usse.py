from dataclasses import replace

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from engine.errors import InvalidAcquisition
from engine.musse.net import TRUNK, LiveNet
from engine.network.configuration import PAPER, UsseConfiguration
from engine.network.encoder import Stream
from engine.network.usse import UsseNet
from tests.engine.network.small_networks import RECURRENT, awake, images

FORMS = {
    "paper": PAPER,
    "live": TRUNK,
    "recurrent": RECURRENT,
    "own streams": replace(RECURRENT, attention_kernel=3, shared_encoder=False),
    "no memory": replace(RECURRENT, recurrent="none"),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", [(64, 32), (77, 35)])
def test_output_and_state_have_the_promised_shapes(form: str, size: tuple[int, int]) -> None:
    network = awake(FORMS[form])
    with torch.no_grad():
        output, state = network(*images(FORMS[form], size), network.zero_state(size))
    assert output.shape == (1, FORMS[form].output_channels, *size)
    assert output.abs().max() > 0.0
    assert [tuple(part.shape) for part in state] == network.state_shapes(size)


def maps_of(network: UsseNet) -> dict[str, list[tuple[int, ...]]]:
    """(channels, rows, lines) of what every part gives on 64 x 32 pixels, in the order it is computed."""
    pre, _, mid = images(network.configuration, (64, 32))
    features, skips = network.streams[0](pre)
    f_mid, r_mid = network.mid_stream(mid, features, features)
    coarse = network.bottleneck(f_mid, features[-1], features[-1])
    bottom, fused, heads = coarse, [], [network.decoder.heads[0](coarse)]
    for level, fusion in enumerate(network.decoder.fusions, start=1):
        coarse = fusion(coarse, r_mid[-level], skips[-level], skips[-level])
        fused.append(coarse)
        heads.append(network.decoder.heads[level](coarse))
    found = {"features": features, "skips": skips, "mid": [f_mid], "mid skips": r_mid}
    found |= {"bottleneck": [bottom], "caf": fused, "heads": heads}
    return {part: [tuple(values.shape[1:]) for values in maps] for part, maps in found.items()}


def test_levels_of_the_paper() -> None:
    network = UsseNet(PAPER).eval()
    assert len(network.streams) == 2
    skips = [(8, 64, 32), (16, 32, 16), (32, 16, 8), (64, 8, 4)]
    assert maps_of(network) == {
        "features": [(8, 32, 16), (16, 16, 8), (32, 8, 4), (64, 4, 2)],
        "skips": skips,
        "mid": [(64, 4, 2)],
        "mid skips": skips,
        "bottleneck": [(128, 4, 2)],
        "caf": skips[::-1],
        "heads": [(2, 4, 2), (2, 8, 4), (2, 16, 8), (2, 32, 16), (2, 64, 32)],
    }
    widths = [shape[1:] for shape in network.state_shapes((64, 32))[::2]]
    assert widths == [(128, 4, 2), (64, 8, 4), (32, 16, 8), (16, 32, 16), (8, 64, 32)]


def test_levels_of_the_live_network() -> None:
    net = LiveNet().eval()
    assert net.trunk.configuration == TRUNK
    assert TRUNK.input_channels == (2, 2, 19)
    assert len(net.trunk.streams) == 1  # of pre and post alike
    skips = [(16, 64, 32), (24, 32, 16), (32, 16, 8)]
    assert maps_of(net.trunk) == {
        "features": [(16, 32, 16), (24, 16, 8), (32, 8, 4)],
        "skips": skips,
        "mid": [(32, 8, 4)],
        "mid skips": skips,
        "bottleneck": [(48, 8, 4)],
        "caf": skips[::-1],
        "heads": [(9, 8, 4), (9, 16, 8), (9, 32, 16), (9, 64, 32)],  # six gates, residual, sigma, prior sigma
    }
    assert net.trunk.state_shapes((64, 32)) == []
    assert sum(parameter.numel() for parameter in net.parameters()) == 180_636


def test_size_of_the_paper() -> None:
    """About 3.2 M parameters and 79 kMAC per pixel, as counted from the figure."""
    network = UsseNet(PAPER).eval()
    parameters = sum(parameter.numel() for parameter in network.parameters())
    assert parameters == 3_105_546
    size = (64, 32)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(*images(PAPER, size), network.zero_state(size))
    macs_per_pixel = counter.get_total_flops() / 2 / (size[0] * size[1])
    assert macs_per_pixel == pytest.approx(79e3, rel=0.02)


@pytest.mark.parametrize("form", FORMS)
def test_untrained_moves_nothing_and_every_parameter_learns(form: str) -> None:
    size = (48, 32)
    torch.manual_seed(0)
    untrained = UsseNet(FORMS[form])
    output, state = untrained(*images(FORMS[form], size), untrained.zero_state(size))
    assert torch.equal(output, torch.zeros_like(output))

    network = awake(FORMS[form]).train()
    state = network.zero_state(size)
    total = torch.zeros(())
    for seed in (1, 2):
        output, state = network(*images(FORMS[form], size, seed), state)
        total = total + output.square().sum()
    total.backward()
    still = [
        name
        for name, parameter in network.named_parameters()
        if parameter.grad is None or not parameter.grad.abs().max() > 0.0
    ]
    assert still == []


@pytest.mark.parametrize("form", ["paper", "recurrent"])
def test_memory_is_only_what_is_passed(form: str) -> None:
    """A sequence equals its steps one by one; a lost state does not; buffers and inputs stay as they were."""
    size = (48, 32)
    network = awake(FORMS[form])
    buffers = {name: buffer.clone() for name, buffer in network.named_buffers()}
    frames = [images(FORMS[form], size, seed) for seed in range(4)]
    with torch.no_grad():
        state = network.zero_state(size)
        outputs = []
        for frame in frames:
            before = tuple(part.clone() for part in state)
            output, following = network(*frame, state)
            assert all(torch.equal(a, b) for a, b in zip(before, state, strict=True))
            outputs.append(output)
            state = following
        # a second stream of images in between leaves no trace
        again = network.zero_state(size)
        for frame, expected in zip(frames, outputs, strict=True):
            network(*images(FORMS[form], size, 99), network.zero_state(size))
            output, again = network(*frame, again)
            assert torch.equal(output, expected)
        forgetful, _ = network(*frames[-1], network.zero_state(size))
    assert not torch.allclose(forgetful, outputs[-1], atol=1e-4)
    for name, buffer in network.named_buffers():
        assert torch.equal(buffer, buffers[name])


def test_shared_encoder_is_one_encoder() -> None:
    shared = sum(p.numel() for p in UsseNet(RECURRENT).parameters())
    own = sum(p.numel() for p in UsseNet(replace(RECURRENT, shared_encoder=False)).parameters())
    assert own - shared == sum(p.numel() for p in Stream(3, RECURRENT).parameters())
    storages = [tensor.data_ptr() for tensor in UsseNet(RECURRENT).state_dict().values()]
    assert len(storages) == len(set(storages))  # safetensors refuses weights stored twice


@pytest.mark.parametrize(
    "wrong",
    [
        {"channels": ()},
        {"bottleneck": 0},
        {"convs": 2},
        {"normalisation": "none"},
    ],
)
def test_parts_that_do_not_fit_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidAcquisition):
        UsseConfiguration(**wrong)  # type: ignore[arg-type]


def test_shared_encoder_needs_equal_channels() -> None:
    with pytest.raises(InvalidAcquisition, match="shared encoder"):
        UsseNet(replace(PAPER, input_channels=(1, 2, 3), shared_encoder=True))


@pytest.mark.parametrize("form", ["live", "recurrent"])
def test_odd_sizes_do_not_slide(form: str) -> None:
    """Far from the border, more rows and lines at the end change nothing: features stay on
    their pixels."""
    network = awake(replace(FORMS[form], channels=(6, 8), bottleneck=12))
    small, large = (96, 96), (98, 99)
    frames = images(FORMS[form], large)
    with torch.no_grad():
        whole, _ = network(*frames, network.zero_state(large))
        cut, _ = network(*(frame[..., : small[0], : small[1]] for frame in frames), network.zero_state(small))
    assert torch.allclose(whole[..., :20, :20], cut[..., :20, :20], atol=1e-5)
