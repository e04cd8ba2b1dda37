"""What naming a type imports, and that the lazy packages name what their modules hold."""

from __future__ import annotations

import ast
import importlib
import json
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import pytest

import ratatoskr
import ratatoskr.types

TYPES = Path(ratatoskr.types.__file__).parent
WITNESS = """
import sys
before = set(sys.modules)
{}
import json
print(json.dumps(sorted(set(sys.modules) - before - {{"json"}})))
"""
OURS = {"ratatoskr", "ratatoskr.types", "ratatoskr.types.frozen", "ratatoskr.types.plain"}


def imported(statement: str) -> set[str]:
    command = [sys.executable, "-c", WITNESS.format(statement)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    return set(json.loads(done.stdout))


@pytest.mark.parametrize(
    "statement",
    ["from ratatoskr.types.model import Health", "from ratatoskr import Health", "import ratatoskr; ratatoskr.Health"],
)
def test_naming_one_type_imports_its_module_alone(statement: str) -> None:
    modules = imported(statement)
    assert {name for name in modules if name.startswith("ratatoskr")} == OURS | {"ratatoskr.types.model"}
    assert not {"asyncio", "inspect", "dataclasses", "typing_extensions", "decimal", "base64"} & modules


def test_no_type_imports_what_only_some_of_its_methods_use() -> None:
    names = ", ".join(ratatoskr.types.__all__)
    modules = imported(f"from ratatoskr.types import {names}")
    assert not {"asyncio", "inspect", "dataclasses", "mimetypes", "pathlib", "hashlib", "base64"} & modules
    assert not {"ratatoskr.types.codec", "ratatoskr.types.output", "ratatoskr.types.function"} & modules


def checked_names(package: Any) -> dict[str, str]:
    """Return the names that type checkers see in a lazy package, and the modules they come from."""
    names: dict[str, str] = {}
    for node in ast.walk(ast.parse(Path(package.__file__).read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ratatoskr"):
            for alias in node.names:
                assert alias.asname == alias.name, f"write `{alias.name} as {alias.name}`"
                names[alias.name] = node.module or ""
    return names


@pytest.mark.parametrize("package", [ratatoskr, ratatoskr.types], ids=["ratatoskr", "types"])
def test_checkers_and_the_interpreter_find_the_same_names_in_the_same_modules(package: Any) -> None:
    assert checked_names(package) == package._MODULES
    assert [*package.__all__] == sorted(package._MODULES) == dir(package)
    for name, module in package._MODULES.items():
        assert getattr(package, name) is getattr(importlib.import_module(module), name)
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        _ = package.Nothing


def test_the_modules_of_types_import_one_another_in_no_circle() -> None:
    """Imports inside functions count; those that only a type checker sees do not."""
    graph: dict[str, set[str]] = {}
    for path in TYPES.glob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        hidden = {
            id(inner)
            for node in ast.walk(tree)
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
            for inner in ast.walk(node)
        }
        graph[path.stem] = {
            (node.module or "").rpartition(".")[2]
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            and id(node) not in hidden
            and (node.module or "").startswith("ratatoskr.types.")
        }
    order = [*TopologicalSorter(graph).static_order()]
    assert {"model", "chat", "accumulator"} <= set(order)
