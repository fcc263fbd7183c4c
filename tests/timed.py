"""Which tests are timed, derived from what they use: these run alone, all others in two workers."""

import ast
import functools
import inspect
import sys
from types import ModuleType

import pytest

# runs beside a process, opens sockets or windows, or reads a clock: a second worker would disturb it.
# A test that only waits for the end of a command is not timed, unless it marks itself
TIMED = {"Popen", "zmq", "threading", "perf_counter", "monotonic", "Xvfb", "chromium"}
TIMED_MODULES = ("tests.soak", "streamer.node")
WATCHES_EVERY_TEST = "nothing_left_behind"


def is_timed(item: pytest.Function) -> bool:
    """Whether the test, one of its fixtures, or what these use of `tests/`, is timed."""
    group = item.getparent(pytest.Class)
    used = [(item.module.__name__, group.name if group else item.originalname)]
    for definitions in item._fixtureinfo.name2fixturedefs.values():
        used += [(fixture.func.__module__, fixture.func.__name__) for fixture in definitions]
    seen: set[tuple[str, str]] = set()
    return any(reaches_timed(module, name, seen) for module, name in used if name != WATCHES_EVERY_TEST)


def reaches_timed(module: str, name: str, seen: set[tuple[str, str]]) -> bool:
    """Whether a definition of `tests/` is timed, or one that its global names lead to; skips those `seen`."""
    if module.startswith(TIMED_MODULES):
        return True
    if not module.startswith("tests.") or (module, name) in seen:
        return False
    seen.add((module, name))
    scope = vars(sys.modules[module])
    names = _names(module).get(name)
    if names is not None:
        return bool(names & TIMED) or any(
            reaches_timed(module, other, seen) for other in names & scope.keys()
        )
    value = scope.get(name)  # imported
    if isinstance(value, ModuleType):
        inside = _names(value.__name__) if value.__name__.startswith("tests.") else {"": frozenset()}
        return any(reaches_timed(value.__name__, other, seen) for other in inside)
    origin, own_name = getattr(value, "__module__", None), getattr(value, "__name__", None)
    return isinstance(origin, str) and isinstance(own_name, str) and reaches_timed(origin, own_name, seen)


@functools.cache
def _names(module: str) -> dict[str, frozenset[str]]:
    """For each definition at the top of a module: names, attributes and words of strings in its source."""
    found: dict[str, frozenset[str]] = {}
    for node in ast.parse(inspect.getsource(sys.modules[module])).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found[node.name] = _within(node)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                for part in ast.walk(target):
                    if isinstance(part, ast.Name):
                        found[part.id] = _within(node) - {part.id}
    return found


def _within(definition: ast.AST) -> frozenset[str]:
    names: set[str] = set()
    for node in ast.walk(definition):
        if isinstance(node, ast.Name):
            names.add(node.id)
        elif isinstance(node, ast.Attribute):
            names.add(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            names.update(node.value.split())
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(TIMED_MODULES):
            names |= TIMED
    return frozenset(names)
