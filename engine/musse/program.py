"""The live network as one program of tensors, from normalised frames to strain, and as an ONNX file.

Phase passes, cells, evidence, trunk and fusion in one graph whose sizes are all free: one file serves every
acquisition, and a runtime needs nothing of torch.
"""

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim

from engine.errors import EngineError
from engine.musse.cells import CellMatrices
from engine.musse.net import LiveNet
from engine.musse.program_io import HASH, INPUTS, OUTPUTS, PROGRAM_VERSION, VERSION, LiveOutputs
from engine.musse.tracking_features import tracking_features
from engine.spec import FloatArray
from engine.tracking.phase import PhaseZeroTracker

OPSET = 18  # parsers of TensorRT trip over later ones
PHASE_INPUTS = INPUTS.index("radians")


class LiveProgram(nn.Module):
    """`INPUTS` in, `LiveOutputs` out; batch 1, no memory."""

    def __init__(self, net: LiveNet) -> None:
        super().__init__()
        self.passes = PhaseZeroTracker()
        self.net = net

    def forward(self, *inputs: Tensor) -> LiveOutputs[Tensor]:
        """Strain of one pair; see `engine.musse.program_io`."""
        track = self.passes(*inputs[:PHASE_INPUTS])
        cells = tracking_features(track, inputs[PHASE_INPUTS], CellMatrices(*inputs[PHASE_INPUTS + 1 :]))
        fused = self.net(cells)
        return LiveOutputs(
            strain=fused.strain[0],
            strain_std=fused.strain_std[0],
            axial=fused.axial[0],
            lateral=cells.lateral[0],
            ncc=fused.coherence[0],
            coverage=cells.coverage[0],
        )


def export(net: LiveNet, path: Path, example: Sequence[FloatArray], *, weights_hash: str) -> None:
    """Write the program of `net` to `path`, a minute or two; `example` holds the inputs of any one pair.

    The file appears only when complete. `weights_hash` is the SHA-256 of the weights, kept in the file.
    """
    from engine.musse.rewriting import rewrite  # needs onnx, which only training installs

    tensors = tuple(torch.from_numpy(values) for values in example)
    # all but pairs and single numbers are free; which ones are equal follows from the products they enter
    sizes = tuple({axis: Dim.AUTO for axis, n in enumerate(values.shape) if n > 2} for values in example)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*LeafSpec", FutureWarning)  # torch 2.13 about its own code
        program = torch.export.export(LiveProgram(net), tensors, dynamic_shapes=(sizes,))
        exported = torch.onnx.export(
            program,
            dynamo=True,
            opset_version=OPSET,
            input_names=INPUTS,
            output_names=OUTPUTS,
            verbose=False,
        )
    if exported is None:
        raise EngineError("the exporter gave no program")
    model = exported.model_proto
    _without_notes(model.graph)
    rewrite(model.graph)
    model.metadata_props.add(key=HASH, value=weights_hash)
    model.metadata_props.add(key=VERSION, value=str(PROGRAM_VERSION))
    part = path.with_name(f"{path.stem}.{os.getpid()}.onnx.part")  # another process may write here as well
    try:
        part.write_bytes(model.SerializeToString())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _without_notes(graph: Any) -> None:
    """Drop what the exporter wrote for people who read graphs: more bytes than the weights have."""
    for node in graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
        for attribute in node.attribute:
            if attribute.HasField("g"):
                _without_notes(attribute.g)
    for constant in graph.initializer:
        del constant.metadata_props[:]
    del graph.metadata_props[:]
