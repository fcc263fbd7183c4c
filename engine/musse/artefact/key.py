"""The key's facts about a graph and a machine."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.export import ExportedProgram

from engine.musse.artefact.facts import operating_system, versions
from engine.musse.runtimes.tensorrt import SETTINGS
from engine.spec import Policy
from engine.tracking.torch_device import has_card


def facts_of(
    program: ExportedProgram, inputs: Sequence[Tensor], policy: Policy, sha256: str
) -> dict[str, Any]:
    """Facts about an engine of `program`, exported on the CPU, for this machine."""
    return {
        "graph": graph_digest(program),
        "weights": sha256,
        "shapes": [[str(tensor.dtype), *tensor.shape] for tensor in inputs],
        "policy": policy,
        "settings": dict(SETTINGS),
        "versions": versions(),
        "system": operating_system(),
        **card(),
    }


def card() -> dict[str, Any]:
    """Name, capability and driver of the card; each None without one."""
    if not has_card():
        return {"card": None, "capability": None, "driver": None}
    return {
        "card": torch.cuda.get_device_name(),
        "capability": list(torch.cuda.get_device_capability()),
        "driver": torch._C._cuda_getDriverVersion(),  # type: ignore[attr-defined]
    }


def graph_digest(program: ExportedProgram) -> str:
    """SHA-256 of operators with their arguments and edges, shapes, and the values of every constant."""
    graph = hashlib.sha256()
    number = {node: index for index, node in enumerate(program.graph.nodes)}
    for node in program.graph.nodes:
        target = node.target if node.op == "call_function" else ""
        value = node.meta.get("val")
        shape = f"{tuple(value.shape)} {value.dtype}" if isinstance(value, Tensor) else ""
        line = (node.op, str(target), _text(node.args, number), _text(node.kwargs, number), shape)
        graph.update(repr(line).encode())
    for spec in program.graph_signature.input_specs:
        if spec.target is None:
            continue
        constant = program.state_dict.get(spec.target, program.constants.get(spec.target))
        if isinstance(constant, Tensor):
            values = constant.detach().cpu().contiguous().reshape(-1)
            graph.update(values.view(torch.uint8).numpy().tobytes())
    return graph.hexdigest()


def _text(value: Any, number: Mapping[Any, int]) -> str:
    """An argument, with nodes by their order: their names are no part of a graph."""
    if isinstance(value, torch.fx.Node):
        return f"%{number[value]}"
    if isinstance(value, (list, tuple)):
        return f"[{','.join(_text(item, number) for item in value)}]"
    if isinstance(value, Mapping):
        return f"{{{','.join(f'{name}:{_text(item, number)}' for name, item in sorted(value.items()))}}}"
    return repr(value)
