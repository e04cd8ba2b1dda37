"""Every public name has a docstring and a place in the reference."""

from __future__ import annotations

import ast
import importlib
import inspect
import itertools
import re
from pathlib import Path
from typing import Any

import pytest

from docs.pages import DOCS
from source_tree import PACKAGE_FILES

PUBLIC = {
    f"{module}.{name}": getattr(importlib.import_module(module), name)
    for module in ("ratatoskr", "ratatoskr.jobs", "ratatoskr.local", "ratatoskr.middleware", "ratatoskr.testing")
    for name in importlib.import_module(module).__all__
}
SHOWN = [
    name
    for page in sorted((DOCS / "reference").glob("*.md"))
    for name in re.findall(r"^::: (\S+)$", page.read_text("utf-8"), re.MULTILINE)
]


def described_values(path: Path) -> set[str]:
    """Return the names that a module assigns at its top level with a text on the next line."""
    body = ast.parse(path.read_text("utf-8")).body
    return {
        ast.unparse(node.target if isinstance(node, ast.AnnAssign) else node.targets[0])
        for node, following in itertools.pairwise(body)
        if isinstance(node, ast.Assign | ast.AnnAssign)
        and isinstance(following, ast.Expr)
        and isinstance(following.value, ast.Constant)
        and isinstance(following.value.value, str)
    }


DESCRIBED = {name for path in PACKAGE_FILES for name in described_values(path)}


def methods_of(cls: type) -> list[tuple[str, Any]]:
    """Return the public methods and properties that a class defines itself."""
    members = ((name, getattr(value, "__func__", value)) for name, value in vars(cls).items() if name[0] != "_")
    return [(name, value) for name, value in members if inspect.isfunction(value) or isinstance(value, property)]


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_has_a_docstring(name: str) -> None:
    value = PUBLIC[name]
    if inspect.isclass(value):
        assert vars(value).get("__doc__"), name
        assert [method for method, function in methods_of(value) if not inspect.getdoc(function)] == []
    elif inspect.isfunction(value):
        assert value.__doc__
    elif not name.endswith("__"):
        assert name.rpartition(".")[2] in DESCRIBED, "write a text below its assignment"


def test_the_reference_shows_every_public_name_once() -> None:
    assert len(SHOWN) == len(set(SHOWN))
    assert set(SHOWN) <= set(PUBLIC)
    shown = {name.rpartition(".")[2] for name in SHOWN}
    assert {name for name in PUBLIC if name.rpartition(".")[2] not in shown} == set()


def test_every_page_is_in_the_menu_and_every_entry_has_a_page() -> None:
    menu = re.findall(r": (\S+\.md)$", (DOCS.parent / "mkdocs.yml").read_text("utf-8"), re.MULTILINE)
    assert sorted(menu) == sorted(str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md"))
