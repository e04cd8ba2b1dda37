"""The pages of the documentation and the README, and the snippets in them."""

from __future__ import annotations

import ast
import inspect
import itertools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from source_tree import ROOT

DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
_BLOCK = re.compile(r"^```(\w+)(?: title=\"([^\"\n]+)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ASSIGNMENT = re.compile(r"[A-Z_]+=.*")
_NOT_OURS = ("cd", "curl", "export", "git", "make", "pip", "sudo")
"""First words of commands that are shown and not run."""


def name_of(page: Path) -> str:
    """Return a page's path, for the names of tests."""
    return str(page.relative_to(ROOT))


def blocks(page: Path, language: str) -> list[str]:
    """Return the code blocks of a language in their order, without those that are files."""
    return [text for found, title, text in _BLOCK.findall(page.read_text("utf-8")) if found == language and not title]


def files(page: Path) -> dict[str, str]:
    """Return the code blocks that have a title: files, by name."""
    return {title: text for _, title, text in _BLOCK.findall(page.read_text("utf-8")) if title}


async def run_python(snippet: str, names: dict[str, Any], page: Path) -> None:
    """Run a snippet as a notebook would; names stay in `names`."""
    code = compile(snippet, str(page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    made = eval(code, names)
    if inspect.iscoroutine(made):
        await made


def new_cells(page: Path) -> list[str]:
    """Return the code in the last cells of the tables that compare an old way with a new one."""
    found = []
    for table in re.findall(
        r"^\| [^\n]*\| Ratatoskr \|\n\|[-|]+\n((?:\|.*\n)+)", page.read_text("utf-8"), re.MULTILINE
    ):
        for row in table.splitlines():
            cells = re.findall(r"`([^`]+)`", row.strip("| ").rsplit(" | ", 1)[1])
            assert cells, f"no code in the last cell of {row}"
            found += cells
    return found


def is_command(cell: str) -> bool:
    """Return whether code of a table is for a shell."""
    return re.match(r"([A-Z_]+=\S+ )?(rat|pip) ", cell) is not None


def commands(text: str) -> Iterator[tuple[dict[str, str], list[str]]]:
    """Yield the `rat` commands of lines of a shell, as variables and words; of a pipe the last command.

    Raises:
        AssertionError: a command that is neither `rat` nor one of those that are only shown.
    """
    lexer = shlex.shlex(text.replace("\\\n", " "), posix=True, punctuation_chars=";|<>")
    lexer.whitespace_split = True
    lexer.commenters = "#"
    words: list[str] = []
    for word in [*lexer, ";"]:
        if word == "|":
            words = []
        elif word != ";":
            words.append(word)
        elif words:
            variables = dict(one.split("=", 1) for one in itertools.takewhile(_ASSIGNMENT.fullmatch, words))
            first, *rest = [*_without_redirections(words[len(variables) :])] or ["cd"]
            if first == "rat":
                yield variables, rest
            else:
                assert first in _NOT_OURS, f"{first} is not known to these tests"
            words = []


def _without_redirections(words: list[str]) -> Iterator[str]:
    skip = False
    for word in words:
        if not skip and word not in ("<", ">"):
            yield word
        skip = word in ("<", ">")


def shell_lines(page: Path) -> list[str]:
    """Return the lines of the page's shell blocks that begin with a prompt."""
    return [line[2:] for text in blocks(page, "console") for line in text.splitlines() if line.startswith("$ ")]
