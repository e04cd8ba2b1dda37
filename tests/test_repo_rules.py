"""Rules that no other tool checks: layers, sizes, names, a light import, a true stub, words that may not occur.

A rule that hinders good code is changed here, with its reason, in the same commit.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from fnmatch import fnmatch
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import ratatoskr
from source_tree import PACKAGE, PACKAGE_FILES, ROOT, files, imports_of, module_of, python_files, texts

BOTTOM = frozenset({"types", "errors"})
SEAMS = frozenset({"transport.client", "providers.protocol"})
"""Protocols and plain data that any layer above may name."""
MESSAGES = BOTTOM | {"service.methods", "service.pb"}
LAYERS: dict[str, frozenset[str]] = {
    # What a layer may import besides itself; the longest name that fits is a module's. `TYPE_CHECKING` does not count.
    "errors": frozenset(),
    "version": frozenset({"_extras"}),
    "_extras": frozenset({"errors"}),
    "_files": frozenset({"errors"}),
    "_fork": frozenset(),
    "_log": frozenset({"types"}),
    "types": frozenset({"errors"}),
    "models": BOTTOM,
    "ledger": BOTTOM | {"_files", "_fork"},
    "transport.client": BOTTOM,
    "transport": BOTTOM | {"transport.client", "_core", "_fork"},
    "providers.protocol": BOTTOM,
    "providers.specs": frozenset(),  # data alone
    "providers.error_rows": frozenset({"errors"}),  # data alone
    "routing": BOTTOM | {"models", "providers.specs"},  # pure: tables in, candidates out
    "registry": BOTTOM | {"routing", "providers.protocol", "_fork"},  # no concrete provider
    "wire": BOTTOM | {"models", "_core"},  # the extension's pure functions
    "providers": BOTTOM
    | {"models", "version", "providers.specs", "providers.error_rows", "transport", "wire", "_log", "_fork"}
    | SEAMS,
    "local": BOTTOM | {"models", "_core", "_extras", "_files", "_fork", "providers.protocol"},
    "backend": BOTTOM | {"registry", "routing", "version", "providers.protocol", "models"},
    "middleware": BOTTOM | {"backend", "ledger", "models", "registry", "providers.protocol", "_fork"},
    "gateway": BOTTOM | {"middleware", "backend"},
    "sync": BOTTOM | {"gateway", "_fork"},
    "config": BOTTOM
    | {"gateway", "middleware", "registry", "models", "config.assemble", "providers", "providers.specs", "transport"}
    | {"local", "ledger", "_files", "service.address", "service.client", "transport.client", "routing"},  # it fetches
    "config.assemble": (BOTTOM | SEAMS)  # the only one that names concrete classes
    | {"gateway", "middleware", "backend", "registry", "routing", "config", "models", "providers"}
    | {"providers.specs", "local", "transport", "_log"},
    "jobs": BOTTOM | {"local", "gateway", "version", "_core", "_extras", "_files"},  # the extension's search
    "testing": BOTTOM | {"", "sync", "gateway", "backend", "version"},
    "service": frozenset(),
    "service.pb": frozenset({"_extras"}),
    "service.address": BOTTOM,
    "service.methods": frozenset({"service.pb"}),
    "service.convert": MESSAGES,
    "service.client": MESSAGES | {"service.convert", "service.address", "gateway", "backend", "version", "_fork"},
    "service.server": MESSAGES | {"service.convert", "gateway", "backend", "version"},
    "service.daemon": MESSAGES
    | {"service.server", "service.address", "config", "config.assemble", "gateway", "local", "version"}
    | {"_files", "_extras"},
    "cli": BOTTOM
    | {"", "local", "jobs", "sync", "gateway", "config", "models", "routing", "testing", "version"}
    | {"providers.specs", "service.address", "service.client", "_files", "_extras", "_log"},
}
UPWARD = {
    ("gateway", "sync"): "`gateway.sync()` returns the blocking gateway, imported on use",
    ("service.client", "config"): "a closed client prices by the tables of this machine, which it finds on use",
    ("config", "config.assemble"): "`build()` assembles what it has collected",
}
DOORS = frozenset({"", "sync", "cli", "service.daemon", "testing", "config"})
"""What may import the builder; the package itself ("") resolves public names on use."""

TOP_LEVEL_MODULES = 8
DIALECT_FILES = {"__init__.py", "decode.py", "encode.py", "errors.py", "history.py", "shapes.py", "stream.py"}
"""The files that every dialect has, each with the same role."""
TOPICS = {"assistant.py", "citations.py", "finish.py", "media.py", "thinking.py", "tokens.py", "tools.py", "usage.py"}
"""Further files that a dialect may have, each with the same topic wherever it occurs."""
SHARED_BY_DIALECTS = {"schema"}  # folders in `wire` that are no dialect: every dialect may import them
TASKS = {"classify", "embed"}  # a module for each form of the task's APIs
DIALECTS = {path.parent.name for path in (PACKAGE / "wire").glob("*/__init__.py")} - SHARED_BY_DIALECTS - TASKS

WIRE_MAY_NOT_IMPORT = {"asyncio", "anyio", "httpx", "os", "random", "socket", "subprocess", "threading", "time"}
HEAVY = {"click", "grpc", "httpx", "numpy", "onnxruntime", "pydantic", "rich"}
MAX_LINES = 400
LONGER: dict[str, str] = {"python/ratatoskr/_core.pyi": "the stub of one module"}
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


def layer_of(module: str) -> str:
    """Return the longest layer that holds the module; a module that no layer holds is one by itself."""
    parts = module.split(".")
    if parts[0] == "wire" and parts[1:2] and parts[1] in DIALECTS:
        return ".".join(parts[:2])
    names = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((name for name in names if name in LAYERS), parts[0])


def allowed_imports(layer: str) -> frozenset[str]:
    """Return what a layer may import; each dialect is a layer that may import `wire` and no other dialect."""
    if layer.startswith("wire."):
        return LAYERS["wire"] | {"wire"}
    return LAYERS[layer] | {upper for upward, upper in UPWARD if upward == layer}


@pytest.mark.parametrize("path", PACKAGE_FILES, ids=module_of)
def test_imports_go_downward_only(path):
    layer = layer_of(module_of(path))
    assert layer in LAYERS or layer.startswith("wire."), f"add the layer {layer!r} to LAYERS"
    inside = {name.removeprefix("ratatoskr").lstrip(".") for name in imports_of(path) if name.startswith("ratatoskr")}
    allowed = allowed_imports(layer) | {layer}
    wrong = {name or "ratatoskr" for name in inside if not any(fnmatch(layer_of(name), one) for one in allowed)}
    assert not wrong, f"{layer} may import {sorted(allowed)}"


def test_the_builder_is_imported_by_the_doors_alone():
    importers = {
        layer_of(module_of(path)) for path in python_files("python") if "ratatoskr.config.builder" in imports_of(path)
    }
    assert importers <= DOORS | {"builder"}


def test_the_layers_form_no_cycle():
    """No layer may import itself over others."""
    order: list[str] = []
    waiting = {
        layer: set(arrows - {""} - {up for one, up in UPWARD if one == layer}) for layer, arrows in LAYERS.items()
    }
    waiting["_core"] = set()
    while waiting:
        free = sorted(layer for layer, arrows in waiting.items() if not arrows & waiting.keys())
        assert free, f"a circle among {sorted(waiting)}"
        order += free
        for layer in free:
            del waiting[layer]


@pytest.mark.parametrize(
    "path", [path for path in PACKAGE_FILES if module_of(path).split(".")[0] == "wire"], ids=module_of
)
def test_wire_files_are_pure(path):
    foreign = {name.split(".")[0] for name in imports_of(path)}
    assert not foreign & WIRE_MAY_NOT_IMPORT
    assert not [
        node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Await | ast.AsyncFunctionDef)
    ]


def import_graph() -> dict[str, set[str]]:
    """Return what each module of the package imports of the package when it runs."""
    modules = {module_of(path) for path in PACKAGE_FILES}
    found = {}
    for path in PACKAGE_FILES:
        inside = {name.removeprefix("ratatoskr.") for name in imports_of(path) if name.startswith("ratatoskr.")}
        found[module_of(path)] = (inside & modules) - {module_of(path)}
    return found


def cycles_in(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the groups of modules that import one another, directly or over others."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return [error.args[1]]
    return []


def test_no_modules_import_one_another():
    upward = {(upper, lower) for lower, upper in UPWARD}
    graph = {
        module: {name for name in names if (layer_of(name), layer_of(module)) not in upward}
        for module, names in import_graph().items()
    }
    assert cycles_in(graph) == []


def test_the_top_level_has_few_modules():
    assert len(list(PACKAGE.glob("*.py"))) <= TOP_LEVEL_MODULES


def type_names(path: Path) -> set[str]:
    """Return the classes and type aliases that a file defines at its top level or within a branch."""
    tree = ast.parse(path.read_text("utf-8"))
    classes = {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    aliases = {
        node.target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and "TypeAlias" in ast.unparse(node.annotation)
    }
    return classes | aliases


SHARED_TYPE_NAMES = {"StreamDecoder": "part of the interface of every dialect"}


def test_no_type_name_is_defined_twice():
    """Wire shapes carry the names that their vendors use, so they are left out."""
    places_of: dict[str, set[str]] = {}
    for path in PACKAGE_FILES:
        if path.name != "shapes.py":
            for name in type_names(path):
                places_of.setdefault(name, set()).add(module_of(path))
    twice = {name: found for name, found in places_of.items() if len(found) > 1 and name not in SHARED_TYPE_NAMES}
    assert twice == {}


IRREGULAR_PARTICIPLES = re.compile(
    "begun|broken|brought|built|caught|chosen|drawn|found|given|gone|grown|heard|held|kept|known|laid|lame|lost|"
    "made|met|normal|odd|paid|plain|quoted|said|seen|sent|shown|sold|sought|spent|spoken|stood|taken|taught|thought|"
    "thrown|told|whole|worn|written"
)
VERBS_IN_ED = frozenset({"embed", "feed", "need", "proceed", "seed", "succeed"})


def is_bare_participle(name: str) -> bool:
    """Return whether a name is one participle or adjective, which does not say what a function does.

    `done` is asyncio's word.
    """
    word = name.strip("_")
    regular = re.fullmatch(r"[a-z]+ed", word) is not None and word not in VERBS_IN_ED
    return regular or IRREGULAR_PARTICIPLES.fullmatch(word) is not None


def test_functions_are_called_by_verbs_or_nouns():
    """Properties and `asyncio`-like predicates (`is_…`, `has_…`) may be adjectives; plain functions may not."""
    wrong = [
        f"{module_of(path)}.{node.name}"
        for path in PACKAGE_FILES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and is_bare_participle(node.name)
        and not any("property" in ast.unparse(decorator) for decorator in node.decorator_list)
    ]
    assert wrong == []


@pytest.mark.parametrize("dialect", sorted(DIALECTS))
def test_every_dialect_has_the_same_files(dialect):
    names = {path.name for path in (PACKAGE / "wire" / dialect).glob("*.py")}
    assert names >= DIALECT_FILES
    assert names - DIALECT_FILES <= TOPICS


def test_frozen_objects_are_written_by_their_own_constructor_alone():
    for path in set(PACKAGE_FILES) - {PACKAGE / "types" / "frozen.py"}:  # which makes the constructors
        tree = ast.parse(path.read_text("utf-8"))
        inside = {
            id(call)
            for function in ast.walk(tree)
            if isinstance(function, ast.FunctionDef) and function.name in {"__init__", "__post_init__", "__setstate__"}
            for call in ast.walk(function)
        }
        wrong = [
            node.lineno
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "object.__setattr__" and id(node) not in inside
        ]
        assert wrong == [], path


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
