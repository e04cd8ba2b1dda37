"""The tables that the pages get from the code, and those that are written by hand, say what the code says."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from types import ModuleType

import click
import pytest

import ratatoskr
from docs.pages import DOCS, PAGES
from ratatoskr.cli.rat import rat
from ratatoskr.config.provider import ProviderConfig, resolve_base_url
from ratatoskr.config.section import Section
from ratatoskr.config.sections import ConfigFile
from ratatoskr.errors import RatatoskrError
from ratatoskr.local.store.architecture import MODEL_TYPES
from ratatoskr.local.store.catalog import CATALOG
from ratatoskr.providers.specs import QUIRKS, SPECS, ProviderSpec
from ratatoskr.types.chat import PARAM_NAMES, ChatParams
from source_tree import PACKAGE_FILES, ROOT

MARKED = [
    (page.name, *marker)
    for page in PAGES
    for marker in re.findall(r"^<!-- (generated|included): (\S+) -->$", page.read_text("utf-8"), re.MULTILINE)
]


def first_cells(table: str) -> list[str]:
    return re.findall(r"^\| (?:&emsp;)*`([^`]+)`", table, re.MULTILINE)


def test_every_marker_is_replaced_and_every_table_is_used(tables: ModuleType) -> None:
    assert {name for _, kind, name in MARKED if kind == "generated"} == set(tables.TABLES)
    for page in PAGES:
        assert not tables.MARKER.search(tables.on_page_markdown(page.read_text("utf-8")))
    with pytest.raises(KeyError):
        tables.on_page_markdown("<!-- generated: nothing -->")


def test_every_provider_is_in_the_table(tables: ModuleType) -> None:
    assert first_cells(tables.providers()) == list(SPECS)
    assert first_cells(tables.quirks()) == list(QUIRKS)


def test_every_local_model_and_every_model_type_is_in_a_table(tables: ModuleType) -> None:
    embedding = [entry for entry in CATALOG if entry.task == "embed"]
    assert first_cells(tables.local_models()) == [entry.name for entry in embedding]
    for entry, line in zip(embedding, tables.local_models().splitlines()[2:], strict=True):
        assert f"`{entry.repository}`" in line
        assert ("allow_unpinned" in line) == entry.needs_digests
    assert {*re.findall(r"`([a-z0-9_-]+)`", tables.families().split("\n", 1)[1])} == {*MODEL_TYPES}
    assert [line for line in tables.families().splitlines() if "refused" in line] == [
        line for line in tables.families().splitlines() if "`qwen3`" in line
    ]


@pytest.mark.parametrize("spec", SPECS.values(), ids=lambda spec: spec.name)
def test_the_row_of_a_provider_names_its_variables(
    spec: ProviderSpec, tables: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = next(line for line in tables.providers().splitlines() if line.startswith(f"| `{spec.name}`"))
    assert all(f"`{variable}`" in row for variable in spec.key_variables)
    assert f"`{spec.base_url}`" in row
    if spec.base_url_variable is not None:
        monkeypatch.setenv(spec.base_url_variable, "http://127.0.0.1:1")
        is_read = resolve_base_url(ProviderConfig(spec.name))[0].startswith("http://127.0.0.1:1")
        assert (f"`{spec.base_url_variable}`" in row) == is_read


def test_every_parameter_of_a_chat_has_a_line(tables: ModuleType) -> None:
    assert set(ChatParams.__annotations__) == set(PARAM_NAMES)
    lines = tables.parameters().splitlines()[2:]
    assert first_cells("\n".join(lines)) == list(ChatParams.__annotations__)
    assert all(len(line.rsplit(" | ", 1)[1]) > len(" |x") for line in lines)


def keys_of(model: type[Section], place: str, tables: ModuleType) -> Iterator[str]:
    """Yield the keys of a table and of those within."""
    for name, kind in tables.fields_of(model):
        inner, key = tables.section_of(kind), f"{place}{name}"
        if inner is None:
            yield key
        else:
            yield from keys_of(inner, f"{key}.", tables)


def test_every_key_of_the_configuration_has_a_line(tables: ModuleType) -> None:
    shown = first_cells(tables.config_keys())
    for key in keys_of(ConfigFile, "", tables):
        assert any(cell.replace(".NAME", "") == key for cell in shown), key
    assert len(shown) == len(set(shown))


def test_options_in_the_prose_of_a_command_are_code(tables: ModuleType) -> None:
    @click.command(help="With --json, or by `rat chat -m MODEL`; well-known.")
    def command() -> None: ...

    paragraphs = [*tables.describe_commands(command, click.Context(command, info_name="rat"))]
    assert "With `--json`, or by `rat chat -m MODEL`; well-known." in paragraphs


def test_every_command_and_option_has_a_line(tables: ModuleType) -> None:
    def check(command: click.Command, path: str) -> None:
        section = text.split(f"## {path}\n", 1)[1].split("\n## ")[0]
        for option in command.params:
            if isinstance(option, click.Option) and not option.hidden:
                assert all(re.search(rf"`[^`]*{re.escape(name)}\b[^`]*` \|", section) for name in option.opts), path
        if isinstance(command, click.Group):
            for name in command.list_commands(click.Context(command)):
                inner = command.get_command(click.Context(command), name)
                assert inner is not None
                check(inner, f"{path} {name}")

    text = tables.commands()
    check(rat, "rat")


def test_the_page_says_whether_rat_reads_the_configuration() -> None:
    sources = "".join(path.read_text("utf-8") for path in PACKAGE_FILES if path.parent.name == "cli")
    reads = re.search(r"\b(read_config|from_config)\b", sources) is not None
    assert ("`rat` does not read it" in (DOCS / "configuration.md").read_text("utf-8")) == (not reads)


def public_errors() -> set[str]:
    found = {name: getattr(ratatoskr, name) for name in ratatoskr.__all__}
    return {name for name, value in found.items() if isinstance(value, type) and issubclass(value, RatatoskrError)}


def test_every_public_error_is_in_the_tree_and_has_advice(tables: ModuleType) -> None:
    assert public_errors() == set(first_cells(tables.errors()))
    advice = (DOCS / "errors.md").read_text("utf-8").split("## What to do")[1]
    for name in public_errors() - {"RatatoskrError"}:
        assert re.search(rf"^\| [^|]*`{name}`", advice, re.MULTILINE), name


def test_every_variable_of_ours_is_in_the_table() -> None:
    used = {name for path in PACKAGE_FILES for name in re.findall(r"\bRATATOSKR_[A-Z_]+\b", path.read_text("utf-8"))}
    text = (DOCS / "configuration.md").read_text("utf-8")
    assert used == set(re.findall(r"^\| `(RATATOSKR_[A-Z_]+)`", text, re.MULTILINE))


def test_the_extras_are_those_of_the_package() -> None:
    extras = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"])
    for page in (ROOT / "README.md", DOCS / "quickstart.md"):
        assert set(re.findall(r"^\| `\[(\w+)\]`", page.read_text("utf-8"), re.MULTILINE)) == extras


def test_the_figures_of_performance_are_those_of_the_benches() -> None:
    measured = (ROOT / "benches" / "README.md").read_text("utf-8")
    tables = re.findall(r"^\| (\w[^|]*) \| (\d[^\n]*) \|$", (DOCS / "performance.md").read_text("utf-8"), re.MULTILINE)
    assert len(tables) >= 8
    for name, cells in tables:
        row = next(line for line in measured.splitlines() if line.startswith(f"| {name.split(' and ')[0]} |"))
        assert all(f"| {figure} |" in row for figure in cells.split(" | ")), name


def test_the_readme_is_short_and_its_links_lead_somewhere() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    assert len(text.split()) <= 700
    for target in re.findall(r"\]\(([^)#]+)", text):
        assert (ROOT / target).is_file(), target


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "docs/quickstart.md", "docs/performance.md"])
def test_the_commands_of_make_exist(page: str) -> None:
    makefile = (ROOT / "Makefile").read_text()
    named = re.findall(r"^\$ make (\w+)", (ROOT / page).read_text("utf-8"), re.MULTILINE)
    for target in named + re.findall(r"`make (\w+)`", (ROOT / page).read_text("utf-8")):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_pages_name_the_distribution_by_its_own_name() -> None:
    for page in [*PAGES, ROOT / "CONTRIBUTING.md"]:
        assert not re.search(r"pip install \"?ratatoskr(?!-llm)", page.read_text("utf-8")), page
