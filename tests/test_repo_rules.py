"""Rules of the house that no other tool holds: layers, sizes, a light import, a true stub, words that may not occur.

A rule that hinders good code is changed here, with its reason, in the same commit.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

import ratatoskr
from ratatoskr import _core

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "python" / "ratatoskr"

BOTTOM = frozenset({"types", "errors"})
SEAMS = frozenset({"transport.client", "gateway.protocol", "providers.protocol"})
"""Protocols and plain data, which every layer may name."""
ROOMS: dict[str, frozenset[str]] = {
    # Which rooms a room may import besides itself; the longest name that fits a module is its room. What only the type
    # checker sees (`if TYPE_CHECKING:`) is no dependency at run time and may point upward.
    "errors": frozenset(),
    "version": frozenset(),
    "_extras": frozenset({"errors"}),
    "_files": frozenset({"errors"}),
    "types": frozenset({"errors"}),
    "models": BOTTOM,
    "transport.client": BOTTOM,
    "transport": BOTTOM | {"transport.client", "_core"},
    "gateway.protocol": BOTTOM | {"transport.client"},
    "providers.protocol": BOTTOM,
    "providers.specs": frozenset(),  # data alone
    "routing": BOTTOM | {"models", "providers.specs"},  # pure: tables in, candidates out
    "registry": BOTTOM | {"routing", "models"} | SEAMS,  # no concrete provider
    "wire": BOTTOM | {"models", "_core"},  # the extension's pure functions
    "providers": BOTTOM | {"models", "providers.specs", "transport", "wire"} | SEAMS,
    "local": BOTTOM | {"models", "_core", "_extras", "_files", "transport.client", "providers.protocol"},
    "backend": BOTTOM | {"registry", "routing", "models", "version", "gateway"} | SEAMS,
    "gateway": BOTTOM | {"backend", "registry", "routing"} | SEAMS,
    "sync": BOTTOM | {"gateway"} | SEAMS,
    "config": BOTTOM  # the only one that knows concrete classes
    | {"gateway", "backend", "registry", "routing", "models", "providers.specs", "providers", "local", "transport"}
    | SEAMS,
    "jobs": BOTTOM | {"local", "version", "_extras", "_files"} | SEAMS,
    "testing": BOTTOM | {"", "routing", "sync", "gateway", "backend"} | SEAMS,
    "cli": BOTTOM
    | {"", "local", "jobs", "sync", "gateway", "config", "models", "backend", "testing", "version"}
    | {"providers.specs", "_files", "_extras"}
    | SEAMS,
}
UPWARD = {
    ("gateway", "sync"): "`gateway.sync()` hands out the blocking face, loaded on use",
    ("backend", "gateway"): "the request's own functions and the stream",
}
DOORS = frozenset({"", "sync", "cli", "service", "testing", "config"})
"""Who may import the builder; the package itself ("") hands out public names on use."""

DIALECTS = {path.name for path in (PACKAGE / "wire").iterdir() if path.is_dir() and not path.name.startswith("__")}
WIRE_MAY_NOT_IMPORT = {"asyncio", "anyio", "httpx", "os", "random", "socket", "subprocess", "threading", "time"}
HEAVY = {"click", "grpc", "httpx", "numpy", "onnxruntime", "pydantic", "rich"}
MAX_LINES = 400
LONGER: dict[str, str] = {}
"""Files that may be longer than MAX_LINES, with the reason."""

VAGUE_NAMES = {"common", "handler", "handlers", "helper", "helpers", "manager", "misc", "util", "utils"}
UNFROZEN = {"SseParser": "a parser is the state of one stream; PyO3's borrow check refuses two feeds at once"}
FORBIDDEN_IN_THE_PACKAGE = {
    r"follow_redirects\s*=\s*True": "a redirect would carry a prompt and a key to another host",
    r"verify\s*=\s*False": "certificates are always checked",
}
FORBIDDEN = {
    r"/work/(main|shared|notes)": "paths of one machine",
    r"shared/(design|probes)": "what is not part of the project",
    r"\b(API|ARCHITECTURE|COMPLAINTS|FEATURES|INTEROP|PERFORMANCE|RELIABILITY|STYLE|WIRE)\.md": "not of this project",
    r"--(extra-)?index-url|files\.pythonhosted|pypi\.(org|python)": "where packages come from is the machine's matter",
}


MADE = {"target", "corpus", "artifacts", "out", "__pycache__"}
"""Folders that tools make."""


def files(*folders: str) -> Iterator[Path]:
    """Yield all files below, without what tools made."""
    for folder in folders:
        for where, inner, names in os.walk(ROOT / folder):
            inner[:] = [name for name in inner if name not in MADE and not name.startswith(".")]
            yield from (Path(where, name) for name in names if not name.endswith(".so"))


def python_files(*folders: str) -> list[Path]:
    return sorted(path for path in files(*folders) if path.suffix == ".py")


def texts() -> Iterator[Path]:
    """Yield all files that people of the project write, but the locks of tools."""
    yield from files("python", "rust", "tests", "benches", "contrib", "proto", "requirements", ".ci")
    yield from (path for path in ROOT.iterdir() if path.is_file() and path.suffix in {".md", ".toml", ""})


def module_of(path: Path) -> str:
    """Return a file's module below the package, `""` for the package itself."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module: str) -> str:
    """Return the longest room that holds the module; a module that no room holds is one by itself."""
    parts = module.split(".")
    if parts[0] == "wire" and parts[1:2] and parts[1] in DIALECTS:
        return ".".join(parts[:2])
    names = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((name for name in names if name in ROOMS), parts[0])


def arrows_of(room: str) -> frozenset[str]:
    """Return what a room may import; each dialect is a room that knows `wire` and no other dialect."""
    if room.startswith("wire."):
        return ROOMS["wire"] | {"wire"}
    return ROOMS[room] | {upper for upward, upper in UPWARD if upward == room}


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


@pytest.mark.parametrize("path", PACKAGE_FILES, ids=module_of)
def test_imports_go_downward_only(path):
    room = room_of(module_of(path))
    assert room in ROOMS or room.startswith("wire."), f"give the room {room!r} a line in ROOMS"
    inside = {name.removeprefix("ratatoskr").lstrip(".") for name in imports_of(path) if name.startswith("ratatoskr")}
    allowed = arrows_of(room) | {room}
    wrong = {name or "ratatoskr" for name in inside if not any(fnmatch(room_of(name), one) for one in allowed)}
    assert not wrong, f"{room} may import {sorted(allowed)}"


def test_the_builder_is_imported_by_the_doors_alone():
    importers = {
        room_of(module_of(path)) for path in python_files("python") if "ratatoskr.config.builder" in imports_of(path)
    }
    assert importers <= DOORS | {"builder"}


def test_the_arrows_between_rooms_form_no_circle():
    """What may be imported directly or over others never leads back."""
    order: list[str] = []
    waiting = {room: set(arrows - {""} - {up for one, up in UPWARD if one == room}) for room, arrows in ROOMS.items()}
    waiting["_core"] = set()
    while waiting:
        free = sorted(room for room, arrows in waiting.items() if not arrows & waiting.keys())
        assert free, f"a circle among {sorted(waiting)}"
        order += free
        for room in free:
            del waiting[room]


@pytest.mark.parametrize(
    "path", [path for path in PACKAGE_FILES if module_of(path).split(".")[0] == "wire"], ids=module_of
)
def test_wire_files_are_pure(path):
    foreign = {name.split(".")[0] for name in imports_of(path)}
    assert not foreign & WIRE_MAY_NOT_IMPORT
    assert not [
        node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Await | ast.AsyncFunctionDef)
    ]


def test_files_stay_short_enough_to_be_read_whole():
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines())
        for path in texts()
        if path.suffix in {".py", ".rs", ".pyi"}
    }
    assert {name: length for name, length in lengths.items() if length > MAX_LINES and name not in LONGER} == {}
    assert {name for name in LONGER if lengths.get(name, 0) <= MAX_LINES} == set(), "no longer needed"


def test_a_module_is_named_by_what_it_holds():
    assert not [path for path in python_files("python", "tests", "benches") if path.stem in VAGUE_NAMES]
    assert not [path for path in (ROOT / "rust").glob("*/src/**/*.rs") if path.stem in VAGUE_NAMES]


def places(pattern: str, paths: Iterable[Path]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{number}"
        for path in paths
        if path != Path(__file__).resolve()
        for number, line in enumerate(path.read_text("utf-8", errors="replace").splitlines(), 1)
        if re.search(pattern, line)
    ]


@pytest.mark.parametrize(("pattern", "reason"), FORBIDDEN.items())
def test_some_things_are_never_written(pattern, reason):
    assert not places(pattern, texts()), reason


@pytest.mark.parametrize(("pattern", "reason"), FORBIDDEN_IN_THE_PACKAGE.items())
def test_some_things_are_never_written_in_the_package(pattern, reason):
    assert not places(pattern, files("python")), reason


def test_the_recordings_are_found_in_one_place():
    holders = {
        path.name
        for path in texts()
        if re.search(r"shared.{1,6}recordings|RATATOSKR_RECORDINGS", path.read_text("utf-8", errors="replace"))
    }
    assert holders <= {"recordings.py", "conftest.py", Path(__file__).name}


def test_lock_files_pin_by_hash_and_name_no_host():
    locks = sorted((ROOT / "requirements").glob("*.lock"))
    assert {path.stem for path in locks} == {path.stem for path in (ROOT / "requirements").glob("*.in")}
    for path in locks:
        text = path.read_text()
        assert "://" not in text
        assert not re.search(r"^--", text, re.MULTILINE)
        pins = re.findall(r"^[a-z0-9][^\s=]*==.*(?:\n    .*)*", text, re.MULTILINE)
        assert pins
        assert not [pin for pin in pins if "--hash=sha256:" not in pin]


def public_lists() -> Iterator[tuple[Path, list[str]]]:
    for path in python_files("python"):
        for node in ast.parse(path.read_text("utf-8")).body:
            targets = (
                node.targets
                if isinstance(node, ast.Assign)
                else [node.target]
                if isinstance(node, ast.AnnAssign)
                else []
            )
            if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
                yield path, [ast.literal_eval(item) for item in getattr(node.value, "elts", [])]


def test_public_lists_are_sorted_and_true():
    for path, names in public_lists():
        # Constants, classes, functions: the order that ruff's RUF022 writes.
        assert names == sorted(set(names), key=lambda name: (not name.isupper(), name[:1].islower(), name)), path
        module = importlib.import_module(".".join(filter(None, ["ratatoskr", module_of(path)])))
        assert not [name for name in names if not hasattr(module, name)], path


def test_every_public_name_of_the_package_is_listed():
    shown = {name for name in dir(ratatoskr) if not name.startswith("_")}
    modules = {name for name in shown if inspect.ismodule(getattr(ratatoskr, name))}
    assert shown - modules - {"annotations", "TYPE_CHECKING"} <= set(getattr(ratatoskr, "__all__", []))


IMPORT_WITNESS = """
import sys
seen = []
started = ("socket.", "_thread.start", "subprocess.")
sys.addaudithook(lambda name, _: seen.append(name) if name.startswith(started) else None)
import ratatoskr
import threading
print(sorted(set(sys.argv[1:]) & set(sys.modules)), seen, threading.active_count())
"""


def test_importing_the_package_loads_nothing_heavy_and_starts_nothing():
    command = [sys.executable, "-c", IMPORT_WITNESS, *HEAVY]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.split("\n")[0] == "[] [] 1"


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


def test_classes_of_the_extension_are_frozen():
    for path in (ROOT / "rust" / "py" / "src").glob("*.rs"):
        for options, name in re.findall(
            r"#\[pyclass(?:\((.*?)\))?\]\s*(?:#\[.*?\]\s*)*pub struct (\w+)", path.read_text(), re.DOTALL
        ):
            assert "frozen" in options or name in UNFROZEN, f"{path.name}: {name}"


def test_the_crates_below_the_door_know_nothing_of_python():
    for crate in ("core", "net"):
        assert "pyo3" not in (ROOT / "rust" / crate / "Cargo.toml").read_text()
    assert "#![forbid(unsafe_code)]" in (ROOT / "rust" / "core" / "src" / "lib.rs").read_text()
