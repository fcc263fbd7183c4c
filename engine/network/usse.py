"""USSE-Net, one stage: pre, post and both of them in, displacement and the new state out."""

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from engine.errors import InvalidAcquisition
from engine.network.attention import TriCrossAttention
from engine.network.configuration import UsseConfiguration
from engine.network.decoder import Decoder, State
from engine.network.encoder import MidStream, Stream
from engine.network.layers import cropped, size_of


class UsseNet(nn.Module):
    """Three encoder streams, tri-cross attention in the bottleneck, a decoder that remembers.

    The parts are `streams` (pre and post, or one for both), `mid_stream`, `bottleneck` and `decoder`. No
    buffer changes outside training: what is remembered goes in and comes out as `State`.

    Raises InvalidAcquisition where pre and post are to share an encoder and differ in channels.
    """

    def __init__(self, configuration: UsseConfiguration) -> None:
        super().__init__()
        self.configuration = configuration
        rows, lines = configuration.stem
        n_pre, n_post, n_mid = (count * rows * lines for count in configuration.input_channels)
        if configuration.shared_encoder and n_pre != n_post:
            raise InvalidAcquisition(
                f"input_channels = {configuration.input_channels}: "
                "a shared encoder needs as many channels of pre as of post"
            )
        # one entry serves both streams: registered twice, shared weights could not be saved as safetensors
        inputs = (n_pre,) if configuration.shared_encoder else (n_pre, n_post)
        self.streams = nn.ModuleList(Stream(count, configuration) for count in inputs)
        self.mid_stream = MidStream(n_mid, configuration)
        self.bottleneck = TriCrossAttention(
            configuration.channels[-1], configuration.bottleneck, configuration
        )
        self.decoder = Decoder(configuration)

    def forward(self, pre: Tensor, post: Tensor, mid: Tensor, state: State) -> tuple[Tensor, State]:
        """(output (b, output_channels, rows, lines), new state).

        `pre`, `post` and `mid` are (b, `input_channels`, rows, lines), float32, at least 16 x 16 pixels of
        the stem for four levels; `state` is that of the pair before, or `zero_state`.
        """
        stem = self.configuration.stem
        f_pre, s_pre = self.streams[0](space_to_depth(pre, stem))
        f_post, s_post = self.streams[-1](space_to_depth(post, stem))
        f_mid, r_mid = self.mid_stream(space_to_depth(mid, stem), f_pre, f_post)
        y = self.bottleneck(f_mid, f_post[-1], f_pre[-1])
        output: Tensor
        output, state = self.decoder(y, r_mid, s_post, s_pre, state)
        if stem != (1, 1):
            # by the stem's exact factors: pixel centres of the stem lie in the middle of what they hold
            scale = [float(factor) for factor in stem]
            fine = interpolate(output, scale_factor=scale, mode="bilinear", align_corners=False)
            output = cropped(fine, size_of(pre))
        return output, state

    def zero_state(
        self, size: tuple[int, int], *, batch: int = 1, device: torch.device | str = "cpu"
    ) -> State:
        """The state before the first pair of images of `size` = (rows, lines); empty without memory."""
        return tuple(torch.zeros(shape, device=device) for shape in self.state_shapes(size, batch=batch))

    def state_shapes(self, size: tuple[int, int], *, batch: int = 1) -> list[tuple[int, int, int, int]]:
        """Shapes of the state's tensors, in its order."""
        if self.configuration.recurrent == "none":
            return []
        shapes = []
        rows, lines = (-(-n // factor) for n, factor in zip(size, self.configuration.stem, strict=True))
        for width in reversed(self.configuration.hidden):
            shapes += [(batch, width, rows, lines)] * 2
            rows, lines = -(-rows // 2), -(-lines // 2)
        return shapes[::-1]


def space_to_depth(image: Tensor, stem: tuple[int, int]) -> Tensor:
    """(b, c, rows, lines) -> (b, c * stem rows * stem lines, ceil(rows / stem rows), ...).

    What is missing to a whole stem at the end repeats the last row and line.
    """
    if stem == (1, 1):
        return image
    b, c = image.shape[:2]
    # not -(-n // factor): in an exported graph the division of a negative number rounds towards zero
    whole = [(n + factor - 1) // factor for n, factor in zip(size_of(image), stem, strict=True)]
    for dim, (count, factor) in enumerate(zip(whole, stem, strict=True), start=2):
        last = image.shape[dim] - 1
        image = image.index_select(dim, torch.arange(count * factor, device=image.device).clamp(max=last))
    cells = image.reshape(b, c, whole[0], stem[0], whole[1], stem[1])
    return cells.permute(0, 1, 3, 5, 2, 4).reshape(b, c * stem[0] * stem[1], whole[0], whole[1])
