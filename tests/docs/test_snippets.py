"""Every snippet of the documentation runs as it stands, against a scripted provider in place of the real ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from docs.pages import DOCS, PAGES, blocks, commands, files, is_command, name_of, new_cells, run_python, shell_lines
from ratatoskr.cli.rat import rat
from ratatoskr.config.file import read_config
from ratatoskr.config.secrets import read_secrets
from ratatoskr.testing.thread import ThreadedUpstream

WITH_PYTHON = [page for page in PAGES if blocks(page, "python") or new_cells(page)]
WITH_SHELL = [page for page in PAGES if shell_lines(page)]
COMPARISONS = sorted((DOCS / "coming-from").glob("*.md"))


def prepare(page: Path, request: pytest.FixtureRequest) -> None:
    """Write the files that a page shows, and serve a model if it needs one."""
    for name, text in files(page).items():
        Path(name).write_text(text)
    text = page.read_text("utf-8")
    if "BgeSmallEn" in text or "NliDeberta" in text:
        request.getfixturevalue("embedder")


@pytest.mark.usefixtures("upstream", "folder")
@pytest.mark.filterwarnings("ignore:Module already imported")
@pytest.mark.parametrize("page", WITH_PYTHON, ids=name_of)
async def test_the_python_of_a_page_runs_from_its_first_snippet_to_its_last(
    page: Path, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare(page, request)
    names: dict[str, Any] = {"__name__": "documentation"}
    for snippet in [*blocks(page, "python"), *new_cells(page)]:
        if not is_command(snippet):
            await run_python(snippet, names, page)
    capsys.readouterr()


@pytest.mark.usefixtures("upstream", "folder")
@pytest.mark.parametrize("page", WITH_SHELL, ids=name_of)
def test_the_commands_of_a_page_run(page: Path, request: pytest.FixtureRequest) -> None:
    prepare(page, request)
    for line in [*shell_lines(page), *filter(is_command, new_cells(page))]:
        for variables, words in commands(line):
            run_rat(words, variables)


def run_rat(words: list[str], variables: dict[str, str]) -> None:
    """Run a command of `rat`; one that needs a terminal or serves until Ctrl-C is only parsed."""
    if words[0] == "chaos" or "-i" in words:
        command = rat.get_command(click.Context(rat), words[0])
        assert command is not None
        command.make_context(words[0], words[1:])
        return
    result = CliRunner().invoke(rat, words, input="a text\n", env=variables)
    assert result.exit_code == 0, f"rat {' '.join(words)}: {result.output}"


@pytest.mark.parametrize("page", COMPARISONS, ids=name_of)
def test_a_comparison_has_a_table_whose_new_side_is_run(page: Path) -> None:
    assert len(new_cells(page)) >= 8


def test_the_files_of_configuration_are_read(folder: Path) -> None:
    shown = files(DOCS / "configuration.md")
    for name, text in shown.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o600)
    assert read_config(folder / "config.toml").aliases["fast"] == "openai:gpt-5-mini"
    assert len(read_secrets(folder / "secrets.toml")["openai"]) == 2


async def test_what_the_readme_prints(upstream: ThreadedUpstream, capsys: pytest.CaptureFixture[str]) -> None:
    """The snippets that show an answer, a refusal and a parsed answer print these."""
    names: dict[str, Any] = {"__name__": "readme"}
    for snippet in blocks(PAGES[0], "python"):
        if "BgeSmallEn" not in snippet:
            await run_python(snippet, names, PAGES[0])
    printed = capsys.readouterr().out
    assert "Up and down the tree" in printed
    assert names["animal"].legs is not None
    assert "CostItem(unit='input'" in printed
    assert upstream.count >= 7
    assert any(b"Be polite." in request.raw for request in upstream.requests)
