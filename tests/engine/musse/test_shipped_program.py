"""The shipped program contains nothing that compilers of graphs cannot handle."""

from collections.abc import Iterator
from typing import Any

import onnx
import pytest
from onnx import TensorProto, helper

from engine.factory import shipped_weights
from engine.musse.program import OPSET

TYPES = {TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL}  # nothing double, half or complex
CONTROL_FLOW = {"If", "Loop", "Scan"}
FORBIDDEN = {"GridSample", "LSTM", "GRU", "RNN", "SplitToSequence", "ConcatFromSequence", *CONTROL_FLOW}
FORBIDDEN |= {"CumSum", "Pow"}  # TensorRT loops over rows, and gives NaN for a negative base


def faults(model: Any) -> Iterator[str]:
    """The faults of a program, in words."""
    imported = [(entry.domain, entry.version) for entry in model.opset_import]
    if imported != [("", OPSET)] or OPSET != 18:
        yield f"opset {imported}"
    if model.functions:
        yield "functions of its own"
    graph = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True).graph
    types = {value.name: value.type for value in (*graph.input, *graph.output, *graph.value_info)}
    for node in graph.node:
        if node.op_type in FORBIDDEN or "Sequence" in node.op_type or node.domain:
            yield f"operator {node.op_type}"
        if any(attribute.name == "ceil_mode" and attribute.i for attribute in node.attribute):
            yield f"ceil_mode in {node.op_type}"
        if any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute):
            yield f"a graph within {node.op_type}"
        for name in filter(None, node.output):
            if name not in types or not types[name].HasField("tensor_type"):
                yield f"{name} is no tensor"
            elif types[name].tensor_type.elem_type not in TYPES:
                yield f"{name} is {TensorProto.DataType.Name(types[name].tensor_type.elem_type)}"
    for constant in graph.initializer:
        if constant.data_type not in TYPES:
            yield f"{constant.name} is {TensorProto.DataType.Name(constant.data_type)}"
        if constant.external_data:
            yield f"{constant.name} lies in another file"


def test_the_shipped_program_holds_nothing_that_compilers_lack() -> None:
    model = onnx.load(str(shipped_weights().with_suffix(".onnx")))
    onnx.checker.check_model(model, full_check=True)
    assert list(faults(model)) == []
    used = {node.op_type for node in model.graph.node}
    assert "GatherElements" in used  # what it warps with
    assert model.graph.initializer


def program(*nodes: Any, kind: int = TensorProto.FLOAT, opset: int = OPSET) -> Any:
    """Two numbers in, "y" out."""
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 1, 2])]
    inputs.append(helper.make_tensor_value_info("at", TensorProto.FLOAT, [1, 1, 1, 2]))
    graph = helper.make_graph(nodes, "control", inputs, [helper.make_tensor_value_info("y", kind, None)])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def choice() -> Any:
    branch = helper.make_graph(
        [helper.make_node("Neg", ["x"], ["z"])],
        "branch",
        [],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, None)],
    )
    truth = helper.make_node(
        "Constant", [], ["c"], value=helper.make_tensor("c", TensorProto.BOOL, [], [True])
    )
    return program(truth, helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch))


CONTROLS = {
    "opset [('', 17)]": program(helper.make_node("Neg", ["x"], ["y"]), opset=17),
    "operator GridSample": program(helper.make_node("GridSample", ["x", "at"], ["y"])),
    "operator If": choice(),
    "a graph within If": choice(),
    "operator Pow": program(helper.make_node("Pow", ["x", "at"], ["y"])),
    "ceil_mode in MaxPool": program(
        helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)
    ),
    "operator SequenceConstruct": program(
        helper.make_node("SequenceConstruct", ["x", "at"], ["s"]),
        helper.make_node("ConcatFromSequence", ["s"], ["y"], axis=0),
    ),
    "y is DOUBLE": program(
        helper.make_node("Cast", ["x"], ["y"], to=TensorProto.DOUBLE), kind=TensorProto.DOUBLE
    ),
    "half is FLOAT16": program(
        helper.make_node("Cast", ["x"], ["half"], to=TensorProto.FLOAT16),
        helper.make_node("Cast", ["half"], ["y"], to=TensorProto.FLOAT),
    ),
    "wave is COMPLEX64": program(
        helper.make_node(
            "Constant", [], ["wave"], value=helper.make_tensor("wave", TensorProto.COMPLEX64, [1], [1.0])
        ),
        helper.make_node("Neg", ["x"], ["y"]),
    ),
}


@pytest.mark.parametrize("fault", CONTROLS)
def test_the_check_notices(fault: str) -> None:
    assert fault in set(faults(CONTROLS[fault]))


def test_the_check_has_nothing_against_a_plain_program() -> None:
    assert list(faults(program(helper.make_node("Neg", ["x"], ["y"])))) == []
