"""The source tree as tests of it see it: its files, its modules and what they import."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "python" / "ratatoskr"

MADE = {"target", "corpus", "artifacts", "out", "__pycache__"}
"""Folders that tools make."""


def files(*folders: str) -> Iterator[Path]:
    """Yield all files below, without what tools made."""
    for folder in folders:
        for where, inner, names in os.walk(ROOT / folder):
            inner[:] = [name for name in inner if name not in MADE and not name.startswith(".")]
            yield from (Path(where, name) for name in names if not name.endswith((".so", "_pb2.py", "_pb2.pyi")))


def python_files(*folders: str) -> list[Path]:
    return sorted(path for path in files(*folders) if path.suffix == ".py")


def texts() -> Iterator[Path]:
    """Yield all files that people of the project write, but the locks of tools."""
    yield from files("python", "rust", "tests", "benches", "contrib", "docs", "proto", "requirements", ".ci", ".github")
    yield from (
        path
        for path in ROOT.iterdir()
        if path.is_file() and path.suffix in {".md", ".toml", ".yml", ""} and path.name != ".git"
    )


def module_of(path: Path) -> str:
    """Return a file's module below the package, `""` for the package itself."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


class Imports(ast.NodeVisitor):
    """Collects the modules that a file imports when it runs, in functions too."""

    def __init__(self, module: str, is_package: bool) -> None:
        self._package = module.split(".") if is_package else module.split(".")[:-1]
        self.found: set[str] = set()

    def visit_If(self, node: ast.If) -> None:
        if "TYPE_CHECKING" in ast.unparse(node.test):
            for other in node.orelse:
                self.visit(other)
        else:
            self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        self.found |= {alias.name for alias in node.names}

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        base = node.module or ""
        if node.level:
            above = self._package[: len(self._package) - node.level + 1]
            base = ".".join(["ratatoskr", *filter(None, above), *filter(None, [node.module])])
        for alias in node.names:
            inner = f"{base}.{alias.name}"
            self.found.add(inner if _is_module(inner) else base)


def _is_module(name: str) -> bool:
    path = ROOT / "python" / name.replace(".", "/")
    return path.is_dir() or path.with_suffix(".py").is_file() or name == "ratatoskr._core"


def imports_of(path: Path) -> set[str]:
    visitor = Imports(module_of(path), path.name == "__init__.py")
    visitor.visit(ast.parse(path.read_text("utf-8")))
    return visitor.found


PACKAGE_FILES = [path for path in python_files("python") if module_of(path)]
