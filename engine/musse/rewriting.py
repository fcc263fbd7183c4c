"""The exported program rewritten for ONNX Runtime on a CPU: the same sums, without copies between kernels.

ONNX Runtime keeps maps of convolutions in a layout of its own, eight channels side by side. What has no
kernel for it (padding, concatenation, maps of unknown size) costs a conversion there and back, often as long
as the convolution beside it. Other runtimes compile the network as it stands in PyTorch.
"""

from collections import Counter
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, helper, numpy_helper

BLOCK: Final = 8
"""Channels side by side on a CPU with AVX2; with AVX-512 there are 16."""


def rewrite(graph: Any) -> None:
    """Rewrite the program in place; results differ by rounding only."""
    pools_that_pad(graph)
    convolutions_of_parts(graph)
    remainders_apart(graph)
    _drop_unused_constants(graph)
    _keep_sizes_of_convolutions(graph)


def pools_that_pad(graph: Any) -> None:
    """Let pools of 2 x 2 pad themselves where the last row and line were repeated for them.

    A repeated value changes no maximum, and nor does the minus infinity that a pool pads with.
    """
    constants, users = _constants(graph), _users(graph)
    pads = {node.output[0]: node for node in graph.node if node.op_type == "Pad"}
    for pool in (node for node in graph.node if node.op_type == "MaxPool"):
        pad = pads.get(pool.input[0])
        if pad is None or users[pad.output[0]] > 1 or _attribute(pad, "mode") != b"edge":
            continue
        amount = constants[pad.input[1]].tolist()
        before, after = amount[: len(amount) // 2], amount[len(amount) // 2 :]
        sides = [list(_attribute(pool, name)) for name in ("kernel_shape", "strides")]
        if any(before) or any(after[:2]) or max(after) > 1 or sides != [[2, 2], [2, 2]]:
            continue
        for attribute in pool.attribute:
            if attribute.name == "pads":
                attribute.ints[:] = [0, 0, *after[2:]]
        pool.input[0] = pad.input[0]
        graph.node.remove(pad)


def convolutions_of_parts(graph: Any) -> None:
    """Sum the convolutions of parts instead of convolving their concatenation."""
    constants, users = _constants(graph), _users(graph)
    channels = _channels(graph, constants)
    joins = {node.output[0]: node for node in graph.node if node.op_type == "Concat"}
    for conv in _plain_convolutions(graph):
        join = joins.get(conv.input[0])
        if join is None or users[join.output[0]] > 1 or _attribute(join, "axis") != 1:
            continue
        sizes = [channels.get(name, 0) for name in join.input]
        weight = constants[conv.input[1]]
        if sum(sizes) != weight.shape[1] or any(size == 0 or size % BLOCK for size in sizes):
            continue
        _sum_of_parts(graph, conv, weight, list(join.input), sizes)
        graph.node.remove(join)


def remainders_apart(graph: Any) -> None:
    """Convolve what exceeds a multiple of `BLOCK` channels apart: together they take a slower kernel."""
    constants = _constants(graph)
    for conv in _plain_convolutions(graph):
        weight = constants[conv.input[1]]
        whole = weight.shape[1] // BLOCK * BLOCK
        if whole in (0, weight.shape[1]):
            continue
        names = [f"{conv.name}_{part}" for part in ("blocks", "rest")]
        sizes = [whole, weight.shape[1] - whole]
        graph.initializer.append(numpy_helper.from_array(np.array(sizes, np.int64), f"{conv.name}_sizes"))
        split = helper.make_node("Split", [conv.input[0], f"{conv.name}_sizes"], names, names[0], axis=1)
        graph.node.insert(list(graph.node).index(conv), split)
        _sum_of_parts(graph, conv, weight, names, sizes)


def _drop_unused_constants(graph: Any) -> None:
    users = _users(graph)
    for constant in [tensor for tensor in graph.initializer if not users[tensor.name]]:
        graph.initializer.remove(constant)


def _keep_sizes_of_convolutions(graph: Any) -> None:
    """Of all sizes that the exporter states: maps of one size are added and multiplied in that layout."""
    made = {node.output[0] for node in graph.node if node.op_type in ("Conv", "Relu")}
    kept = [value for value in graph.value_info if value.name in made]
    del graph.value_info[:]
    graph.value_info.extend(kept)


def _sum_of_parts(
    graph: Any, conv: NodeProto, weight: NDArray[np.float32], parts: list[str], sizes: list[int]
) -> None:
    """Replace a convolution by the sum of those of `parts` of its input, each of so many channels."""
    place, first, total = list(graph.node).index(conv), 0, ""
    size_of = {value.name: value for value in graph.value_info}
    nodes: list[NodeProto] = []
    for number, (part, size) in enumerate(zip(parts, sizes, strict=True)):
        name = f"{conv.name}_part_{number}"
        slab = np.ascontiguousarray(weight[:, first : first + size])
        graph.initializer.append(numpy_helper.from_array(slab, f"{name}_weight"))
        made = NodeProto()
        made.CopyFrom(conv)
        made.name, made.output[0] = name, name
        made.input[:] = [part, f"{name}_weight", *(() if number else conv.input[2:])]
        nodes.append(made)
        if conv.output[0] in size_of:
            graph.value_info.add().CopyFrom(size_of[conv.output[0]])
            graph.value_info[-1].name = name
        if total:
            last = number == len(parts) - 1
            output = conv.output[0] if last else f"{name}_sum"
            nodes.append(helper.make_node("Add", [total, name], [output], f"{name}_sum"))
            total = output
        else:
            total = name
        first += size
    graph.node.remove(conv)
    for node in reversed(nodes):
        graph.node.insert(place, node)


def _plain_convolutions(graph: Any) -> list[Any]:
    """Those with constant weights and one group, in order."""
    constants = _constants(graph)
    return [
        node
        for node in graph.node
        if node.op_type == "Conv" and node.input[1] in constants and _attribute(node, "group") in (None, 1)
    ]


def _channels(graph: Any, constants: dict[str, NDArray[Any]]) -> dict[str, int]:
    """Channels of every map that a convolution made, through what keeps their number."""
    found: dict[str, int] = {}
    for node in graph.node:
        if node.op_type in ("Conv", "ConvTranspose") and node.input[1] in constants:
            found[node.output[0]] = constants[node.input[1]].shape[0 if node.op_type == "Conv" else 1]
        elif node.op_type in ("Relu", "Sigmoid", "Mul", "Slice", "Resize", "MaxPool"):
            sizes = {found[name] for name in node.input if name in found}
            if len(sizes) == 1:
                found[node.output[0]] = sizes.pop()
    return found


def _constants(graph: Any) -> dict[str, NDArray[Any]]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}


def _users(graph: Any) -> Counter[str]:
    return Counter(name for node in graph.node for name in node.input)


def _attribute(node: Any, name: str) -> Any:
    for attribute in node.attribute:
        if attribute.name == name:
            return helper.get_attribute_value(attribute)
    return None
