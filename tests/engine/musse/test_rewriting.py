"""The rewritten program computes the same, and holds what ONNX Runtime is fast at."""

from collections import Counter
from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, checker, helper, numpy_helper

from engine.musse.rewriting import rewrite

FloatArray = np.ndarray[Any, np.dtype[np.float32]]
SIZES = [(9, 8), (8, 9), (7, 7)]
RNG = np.random.default_rng(0)
WEIGHTS = {
    "first": RNG.normal(size=(8, 11, 3, 3)).astype(np.float32),  # 8 channels and 3
    "second": RNG.normal(size=(8, 16, 1, 1)).astype(np.float32),  # of two maps
    "bias": RNG.normal(size=8).astype(np.float32),
}


def model(pads: tuple[int, ...] = (0, 0, 0, 0, 0, 0, 1, 1)) -> Any:
    """Convolution of 11 channels, of a concatenation, and a pool behind a padding."""
    nodes = [
        helper.make_node("Conv", ["x", "first", "bias"], ["a"], "one", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Concat", ["a", "b"], ["c"], axis=1),
        helper.make_node("Conv", ["c", "second", "bias"], ["d"], "two"),
        helper.make_node("Pad", ["d", "pads"], ["e"], mode="edge"),
        helper.make_node("MaxPool", ["e"], ["y"], kernel_shape=[2, 2], strides=[2, 2], pads=[0, 0, 0, 0]),
    ]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, channels, f"{name}0", f"{name}1"])
        for name, channels in (("x", 11), ("y", 8))
    ]
    constants: dict[str, Any] = {**WEIGHTS, "pads": np.array(pads, np.int64)}
    graph = helper.make_graph(
        nodes, "g", ends[:1], ends[1:], [numpy_helper.from_array(v, k) for k, v in constants.items()]
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def run(program: Any, image: FloatArray) -> FloatArray:
    session = onnxruntime.InferenceSession(program.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"x": image})[0])


@pytest.mark.parametrize("size", SIZES)
def test_a_rewritten_program_computes_the_same(size: tuple[int, int]) -> None:
    image = RNG.normal(size=(1, 11, *size)).astype(np.float32)
    program = model()
    before = run(program, image)
    rewrite(program.graph)
    checker.check_model(program, full_check=True)
    used = Counter(node.op_type for node in program.graph.node)
    assert used == {"Conv": 4, "Add": 2, "Relu": 1, "Split": 1, "MaxPool": 1}
    assert {tensor.name for tensor in program.graph.initializer}.isdisjoint({"first", "second", "pads"})
    assert np.abs(run(program, image) - before).max() < 1e-5 * np.abs(before).max()
    assert np.abs(run(program, 1.001 * image) - before).max() > 1e-5 * np.abs(before).max()  # the control


def test_a_padding_that_a_pool_cannot_do_stays() -> None:
    program = model(pads=(0, 0, 1, 1, 0, 0, 0, 0))  # in front: a pool would begin elsewhere
    rewrite(program.graph)
    assert "Pad" in {node.op_type for node in program.graph.node}
