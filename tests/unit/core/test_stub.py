"""The stub of the extension: it names what the extension has, in the same words."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator

from ratatoskr import _core
from source_tree import PACKAGE

STUB = ast.parse((PACKAGE / "_core.pyi").read_text("utf-8"))


def members(nodes: list[ast.stmt]) -> dict[str, ast.FunctionDef | ast.ClassDef]:
    kinds = (ast.FunctionDef, ast.ClassDef)
    return {node.name: node for node in nodes if isinstance(node, kinds) and not node.name.startswith("_")}


def test_the_stub_names_what_the_extension_has():
    assert members(STUB.body).keys() == {name for name in dir(_core) if not name.startswith("_")} == set(_core.__all__)
    for name, node in members(STUB.body).items():
        if isinstance(node, ast.ClassDef):
            has = {member for member in vars(getattr(_core, name)) if not member.startswith("_")}
            assert members(node.body).keys() == has, name


def stubbed() -> Iterator[tuple[str, ast.FunctionDef | ast.ClassDef, object]]:
    for name, node in members(STUB.body).items():
        owner = getattr(_core, name)
        yield name, node, owner
        if isinstance(node, ast.ClassDef):
            for inner, inner_node in members(node.body).items():
                yield f"{name}.{inner}", inner_node, getattr(owner, inner)


def test_the_stub_says_what_the_extension_says():
    for name, node, thing in stubbed():
        stub = ast.get_docstring(node)
        assert stub, f"{name} has no docstring in the stub"
        assert stub == inspect.cleandoc(getattr(thing, "__doc__", None) or ""), name
