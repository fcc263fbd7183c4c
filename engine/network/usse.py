"""USSE-Net, one stage: pre, post and both of them in, displacement and the new state out."""

import torch
from torch import Tensor, nn

from engine.errors import InvalidAcquisition
from engine.network.attention import TriCrossAttention
from engine.network.configuration import UsseConfiguration
from engine.network.decoder import Decoder, State
from engine.network.encoder import MidStream, Stream


class UsseNet(nn.Module):
    """Three encoder streams, tri-cross attention in the bottleneck, a decoder that remembers.

    The parts are `streams` (pre and post, or one for both), `mid_stream`, `bottleneck` and `decoder`. No
    buffer changes outside training: what is remembered goes in and comes out as `State`.

    Raises InvalidAcquisition where pre and post are to share an encoder and differ in channels.
    """

    def __init__(self, configuration: UsseConfiguration) -> None:
        super().__init__()
        self.configuration = configuration
        n_pre, n_post, n_mid = configuration.input_channels
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

        `pre`, `post` and `mid` are (b, `input_channels`, rows, lines), float32, at least 16 x 16 for
        four levels; `state` is that of the pair before, or `zero_state`.
        """
        f_pre, s_pre = self.streams[0](pre)
        f_post, s_post = self.streams[-1](post)
        f_mid, r_mid = self.mid_stream(mid, f_pre, f_post)
        y = self.bottleneck(f_mid, f_post[-1], f_pre[-1])
        output: Tensor
        output, state = self.decoder(y, r_mid, s_post, s_pre, state)
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
        rows, lines = size
        for width in reversed(self.configuration.hidden):
            shapes += [(batch, width, rows, lines)] * 2
            rows, lines = -(-rows // 2), -(-lines // 2)
        return shapes[::-1]
