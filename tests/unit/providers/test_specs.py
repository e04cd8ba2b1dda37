"""The table of providers: each row is complete, and no other file knows its host."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import ratatoskr
from ratatoskr.config.builder import Builder
from ratatoskr.config.provider import ProviderConfig
from ratatoskr.providers.specs import SPECS, ProviderSpec, compatible, example_variables, vendors

PACKAGE = Path(ratatoskr.__file__).parent
MAY_NAME_HOSTS = {
    "providers/specs/": "the table itself",
    "config/builder_providers.py": "a typed method for some rows, which the tests below compare with their rows",
    "models/": "data about models: spellings, rules",
    "wire/": "dialects, and quirks that a vendor's name stands for",
    "testing/": "the scripted upstream, which imitates vendors",
    "types/rules.py": "names of dialects",
    "types/openai_message.py": "files of the vendor whose form of messages it reads",
    "local/store/": "the hub of local models, which has its own token",
    "cli/demo.py": "the scripted provider",
    "config/refresh": "the tables of models that vendors and others publish",
}


def literals(path: Path) -> Iterator[str]:
    """Yield the string literals of a file, without its docstrings."""
    tree = ast.parse(path.read_text("utf-8"))
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            yield node.value


def test_no_other_file_names_a_host_of_the_table() -> None:
    names = set(SPECS)
    parts = {urlsplit(spec.base_url).hostname or "" for spec in SPECS.values()} - {"localhost"}
    parts |= {variable for spec in SPECS.values() for variable in (*spec.key_variables, spec.base_url_variable or "")}
    parts.discard("")
    named: set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        file = str(path.relative_to(PACKAGE))
        if not file.startswith(tuple(MAY_NAME_HOSTS)):
            named |= {f"{file}: {text}" for text in literals(path) if text in names or any(p in text for p in parts)}
    assert named == set()


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_a_row_is_complete(spec: ProviderSpec) -> None:
    assert SPECS[spec.name] is spec
    assert spec.title
    assert spec.example_model
    assert spec.key_variables
    assert spec.base_url_variable
    assert [name for name, _ in spec.placeholders] == re.findall(r"{(\w+)}", spec.base_url)
    if spec.name not in {row.name for row in vendors.ROWS}:
        assert re.search(r"20\d\d-\d\d", spec.source), "a row names the page it was read on, with the date"
    assert urlsplit(spec.base_url).scheme == ("http" if spec.configured_by == "address" else "https")
    assert not spec.base_url.endswith("/")
    assert spec.configured_by == "key" or spec.base_url_variable
    assert spec.key_header[0] == spec.key_header[0].lower()
    for family, package in spec.dialects.items():
        dialect = importlib.import_module(package)
        assert family
        assert spec.refused <= dialect.PARAMETERS or len(spec.dialects) > 1


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_the_builders_method_adds_what_the_row_says(spec: ProviderSpec) -> None:
    method = getattr(Builder, spec.name, None)
    assert (method is not None) == spec.builder_method
    if method is None:
        return
    assert (method.__doc__ or "").startswith(f"Add {spec.title}")
    if spec.api_version_variable:
        assert [*inspect.signature(method).parameters][1:3] == ["endpoint", "key"]
        return
    options = {"base_url": "https://h/v1", "headers": {"a": "b"}, "allow_insecure": True}
    by_method = method(Builder(), "k", **options).recipe().providers
    assert by_method == Builder().provider(spec.name, "k", **options).recipe().providers
    assert isinstance(by_method[0], ProviderConfig)
    assert getattr(Builder(), spec.name)().recipe() == Builder().provider(spec.name).recipe()


def test_a_compatible_host_has_a_row_of_its_own() -> None:
    row = compatible("my-host", "https://h/v1/")
    assert (row.name, row.base_url, row.needs_key) == ("my-host", "https://h/v1", False)


def test_messages_name_some_variables_as_examples() -> None:
    assert example_variables() == "OPENROUTER_API_KEY, ANTHROPIC_API_KEY, OPENAI_API_KEY or GEMINI_API_KEY"
