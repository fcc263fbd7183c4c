"""The phase passes as an ONNX program, for runtimes without torch."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch.export import Dim

from engine.frontend import FrameInputs, GridInputs, Start
from engine.reference.track import PhasePasses, Track
from engine.spec import FloatArray

OPSET = 18  # parsers of TensorRT trip over later ones
INPUTS = (
    *(f"{frame}_{name}" for frame in ("pre", "post") for name in FrameInputs._fields),
    *(f"start_{name}" for name in Start._fields),  # its outputs are called axial and lateral, too
    *GridInputs._fields,
)
"""Names of the program's inputs, in the order of `PhasePasses`; its outputs are the fields of `Track`."""


LINES, ROWS, FINE_ROWS = Dim("lines", min=4), Dim("rows", min=16), Dim("fine_rows", min=32)
NODE_LINES, NODE_ROWS = Dim("node_lines", min=2), Dim("node_rows", min=2)
SEEN, LEFT = Dim("seen_rows", min=4), Dim("left_rows", min=8)
FRAME = ({1: LINES, 2: FINE_ROWS}, {0: LINES, 1: ROWS})
NODES, SEEN_WINDOW = {0: NODE_LINES, 1: NODE_ROWS}, ({0: NODE_LINES, 1: LINES}, {0: SEEN, 1: NODE_ROWS})
ACROSS_NODES, ALONG_NODES = {0: NODE_LINES, 1: NODE_LINES}, {0: NODE_ROWS, 1: NODE_ROWS}
SIZES: tuple[dict[int, Any], ...] = (
    *FRAME,
    *FRAME,
    *Start(axial=NODES, lateral=NODES, node_radians={0: NODE_ROWS}),
    *GridInputs[dict[int, Any]](
        pitch={},
        carrier={},
        lines={0: LINES},
        seen={0: SEEN},
        left={0: LEFT},
        across={0: LINES, 1: NODE_LINES},
        to_seen={0: NODE_ROWS, 1: SEEN},
        to_left={0: NODE_ROWS, 1: LEFT},
        first_across=SEEN_WINDOW[0],
        first_along=SEEN_WINDOW[1],
        second_across=SEEN_WINDOW[0],
        second_along=SEEN_WINDOW[1],
        smooth_across=ACROSS_NODES,
        smooth_along=ALONG_NODES,
        side_across=ACROSS_NODES,
        side_along=ALONG_NODES,
    ),
)
"""Which axes of every input are free, and which are of one size."""


def export_phase_passes(path: Path, example: Sequence[FloatArray]) -> None:
    """Write the program to `path`; every size is free. `example` holds the inputs of any one pair."""
    tensors = tuple(torch.from_numpy(values) for values in example)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*LeafSpec", FutureWarning)  # torch 2.13 about its own code
        program = torch.export.export(PhasePasses(), tensors, dynamic_shapes=(SIZES,))
        torch.onnx.export(
            program,
            f=path,
            dynamo=True,
            opset_version=OPSET,
            input_names=INPUTS,
            output_names=Track._fields,
            external_data=False,
            verbose=False,
        )
