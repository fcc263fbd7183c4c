"""Compilation of a program by TensorRT, through torch-tensorrt: one engine for the whole graph, or an error.

torch-tensorrt accepts unknown settings without a warning, leaves what it cannot convert to PyTorch, and uses
TF32 by default. `compiled` allows none of that. It needs no card; an engine file runs only on a card of the
kind that it was compiled for, and computes what PyTorch computes only if that card shows it (`artefact`).
"""

import inspect
import logging
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import torch
from torch import Tensor, nn

from engine.errors import EngineError, EngineUnavailable
from engine.musse.runtimes.tensorrt_package import require_package

SETTINGS: Final[dict[str, Any]] = {
    "min_block_size": 1,  # a graph with fewer operators would stay with PyTorch
    "require_full_compilation": True,
    "disable_tf32": True,
    "truncate_double": False,
    "immutable_weights": True,
    "offload_module_to_cpu": False,
    # its cache ignores arguments and edges of the graph: x - y and y - x share an engine
    "cache_built_engines": False,
    "reuse_cached_engines": False,
}
ONE_SEGMENT: Final = ["_run_on_acc_0"]
"""Children of a lowered graph that TensorRT takes whole."""


@dataclass(frozen=True, slots=True, eq=False)
class CompiledEngine:
    """An engine as TensorRT serialises it, and how its bindings belong to the program."""

    data: bytes
    inputs: dict[str, int]
    """Name of each input binding -> index of the program's input; inputs that nothing uses are missing."""
    outputs: tuple[str, ...]
    """Names of the output bindings, in the order of the program's outputs."""


def torch_tensorrt() -> Any:
    """The package torch_tensorrt, imported; takes seconds. Raises EngineUnavailable."""
    require_package()
    try:
        with redirect_stdout(sys.stderr), _quiet():  # it prints notes while it is imported
            import torch_tensorrt
    except (ImportError, OSError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise EngineUnavailable(f"engine 'tensorrt': torch-tensorrt cannot be imported: {reason}") from error
    return torch_tensorrt


def settings_for(function: Callable[..., Any], **changes: Any) -> dict[str, Any]:
    """`SETTINGS` with `changes`, as keywords of a function of torch-tensorrt.

    Raises EngineError for a setting that the function does not name: it would be ignored.
    """
    settings = {**SETTINGS, **changes}
    named = {
        name for name, kind in inspect.signature(function).parameters.items() if kind.kind != kind.VAR_KEYWORD
    }
    if unknown := sorted(set(settings) - named):
        raise EngineError(f"torch-tensorrt's {function.__name__} has no setting {', '.join(unknown)}")
    return settings


def exported(module: nn.Module, inputs: Sequence[Tensor]) -> torch.export.ExportedProgram:
    """`module` as a graph of static shapes. No two `inputs` may be one tensor: the graph would read one."""
    if len({tensor.data_ptr() for tensor in inputs}) != len(inputs):
        raise EngineError("inputs of a program to export share memory: give each its own tensor")
    with torch.no_grad(), _quiet():
        return torch.export.export(module, tuple(inputs))


def lowered(module: nn.Module, inputs: Sequence[Tensor], **changes: Any) -> nn.Module:
    """The graph that TensorRT is given, run by PyTorch: without a card its values can be compared.

    Raises EngineError where TensorRT would not take the whole graph as one segment.
    """
    graph: nn.Module = _partitioned(module, inputs, dryrun=True, **changes)
    return graph


def compiled(module: nn.Module, inputs: Sequence[Tensor]) -> CompiledEngine:
    """The engine of `module` for inputs of these shapes; takes tens of seconds.

    `inputs` are example values, each its own tensor. Raises EngineError where the compiler refuses the graph
    or splits it, EngineUnavailable where torch-tensorrt is missing.
    """
    with TemporaryDirectory(prefix="musse-tensorrt-") as folder:  # never times that another user measured
        graph = _partitioned(
            module, inputs, lazy_engine_init=True, timing_cache_path=str(Path(folder) / "timing.bin")
        )
    ((_, engine),) = graph.named_children()
    (call,) = (node for node in graph.graph.nodes if node.op == "call_module")
    order = [node for node in graph.graph.nodes if node.op == "placeholder"]
    results = graph.graph.output_node().args[0]
    if any(node.op == "placeholder" for node in results):
        raise EngineError("an input of the program is also an output: TensorRT computes no such output")
    taken = [0 if node is call else node.args[1] for node in results]  # an item of what the engine returns
    return CompiledEngine(
        data=bytes(engine.serialized_engine),
        inputs=dict(zip(engine.input_binding_names, map(order.index, call.args), strict=True)),
        outputs=tuple(engine.output_binding_names[index] for index in taken),
    )


def _partitioned(module: nn.Module, inputs: Sequence[Tensor], **changes: Any) -> Any:
    """What torch-tensorrt makes of a module: a graph with one child for each segment."""
    compile_graph = torch_tensorrt().dynamo.compile
    settings = settings_for(compile_graph, **changes)
    program = exported(module, inputs)
    try:
        with torch.no_grad(), redirect_stdout(StringIO()), _quiet():  # a dry run prints the whole graph
            graph = compile_graph(program, arg_inputs=list(inputs), **settings)
    except Exception as error:  # converters and the compiler have exception classes of their own
        raise EngineError(f"TensorRT does not take the graph: {_first_line(error)}") from error
    segments = [name for name, _ in graph.named_children()]
    if settings["require_full_compilation"] and segments != ONE_SEGMENT:
        raise EngineError(f"TensorRT takes the graph in segments {segments}: it must be one")
    return graph


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the notes that torch and torch-tensorrt write about themselves."""
    logging.getLogger("torch_tensorrt").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*LeafSpec", FutureWarning)
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        yield


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
