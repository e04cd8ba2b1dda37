"""Texts of a command: arguments, lines or columns of a file, standard input; and many of them block by block."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from ratatoskr.cli import options

if TYPE_CHECKING:
    from ratatoskr.cli.render import Screen
    from ratatoskr.errors import RatatoskrError
    from ratatoskr.jobs.rows import RowBlock

__all__ = ["BlockRunner", "read_column", "read_pairs", "read_texts", "texts_of_file"]

BLOCK = 256
"""Texts that are computed and written together; fewer where much is computed of each."""

lines_option = click.option(
    "-l", "--lines", type=click.Path(), metavar="FILE|-", help="Take each line of FILE, empty lines too."
)
column_option = click.option(
    "--column", metavar="NAME", help="Take a column of the rows of FILE: CSV, TSV, JSON lines, Parquet."
)
texts_of_file = options.combine(lines_option, column_option)


def read_texts(
    texts: Sequence[str], lines: str | None, column: str | None, name: str, missing: str = ""
) -> Iterator[str]:
    """Yield the texts of the command line, the lines of a file or a column of its rows, or standard input as one text.

    Raises:
        click.UsageError: there is no text, or more than one source of texts.
        InvalidInput: a file cannot be read, or a text in it is null.
    """
    from ratatoskr.cli.inputs import read_stdin_text

    if texts and lines is not None:
        raise click.UsageError(f"give either a {name} or --lines, not both")
    check_column(lines, column, "--column")
    if column is not None:
        return _without_nulls(_blocks(str(lines), column))
    if lines is not None:
        from ratatoskr.cli.embed import read_lines

        return read_lines(lines)
    text = "" if texts or sys.stdin is None else read_stdin_text()
    if not texts and not text:
        raise click.UsageError(f"{missing or f'no {name}: give one'}, --lines FILE, or text on standard input")
    return iter(texts or (text,))


def read_pairs(lines: str | None, columns: str) -> Iterator[tuple[str, str]]:
    """Yield the pairs of two columns of a file's rows, whose names have a comma in between; raises as `read_texts`."""
    check_column(lines, columns, "--columns")
    names = [name.strip() for name in columns.split(",")]
    if len(names) != 2 or not all(names):
        raise click.UsageError("--columns takes PREMISE,HYPOTHESIS, the names of two columns")
    return _without_nulls(_blocks(str(lines), *names))


def check_column(lines: str | None, column: str | None, option: str) -> None:
    """Raise `click.UsageError` if there is a column of no file."""
    if column is not None and lines in (None, "-"):
        raise click.UsageError(f"{option} needs --lines FILE, a file with rows")


def read_column(file: str, column: str) -> Iterator[str | None]:
    """Yield the texts of a column of a file's rows by the reader of jobs; `None` is a null."""
    for block in _blocks(file, column):
        yield from block.texts  # type: ignore[misc]  # one column, so texts and no pairs


def _blocks(file: str, *columns: str) -> Iterator[RowBlock]:
    from ratatoskr.jobs import NliJob, TokensJob
    from ratatoskr.jobs.source import open_source

    options: dict[str, Any] = {"output_format": "jsonl", "output_prefix": "\0"}
    if len(columns) == 1:
        return open_source(TokensJob(file, "-", "any", *columns, **options)).blocks()
    return open_source(NliJob(file, "-", "any", columns[0], hypothesis_column=columns[1], **options)).blocks()


def _without_nulls(blocks: Iterator[RowBlock]) -> Iterator[Any]:
    from ratatoskr.jobs.rows import row_error

    for block in blocks:
        for place, item in enumerate(block.texts):
            if item is None:
                what = f"{block.nulls[place]!r} is null; `rat job` leaves such rows out with --on-null skip"
                raise row_error(block.path, block.first + place, what)
            yield item


class BlockRunner:
    """Computes many texts block by block, with progress on standard error.

    Args:
        screen: where progress and notes go.
        quiet: whether no progress is shown.
        lines: the file of the texts, if they come from one.
        per_item: what the model computes for a text.
        of_rows: whether the texts are of a file's rows, and not of its lines.
    """

    def __init__(
        self, screen: Screen, *, quiet: bool, lines: str | None, per_item: int = 1, of_rows: bool = False
    ) -> None:
        from ratatoskr.cli.render import StatusLine

        self._screen = screen
        self._line = StatusLine(screen, quiet=quiet or lines is None)
        self._size = max(1, BLOCK // per_item)
        self._per_item = per_item
        name = "standard input" if lines == "-" else lines
        self._place = None if name is None else f"{name} {'row' if of_rows else 'line'}"

    def run(self, items: Iterator[Any], compute: Callable[[list[Any]], Any]) -> Iterator[tuple[int, Any]]:
        """Yield each result with its number, and note at the end how many texts were cut and what the answers warn of.

        Raises:
            RatatoskrError: as `compute` does, with the line or row in place of the text's index in its block.
        """
        from ratatoskr.errors import RatatoskrError

        done, cut, began, warnings = 0, 0, time.monotonic(), dict[str, None]()
        try:
            while block := list(islice(items, self._size)):
                try:
                    results = compute(block)
                except RatatoskrError as error:
                    raise self._with_place(error, done) from None
                for number, result in enumerate(results, done):
                    cut += result.truncated
                    yield number, result
                warnings |= dict.fromkeys(notice.message for notice in results.warnings)
                done += len(block)
                self._line.update(f"{done:,} texts, {done / max(time.monotonic() - began, 1e-6):,.1f} a second")
        finally:
            self._line.clear()
        for message in warnings:
            self._screen.note(f"note: {message}")
        note_cut(self._screen, cut)

    def _with_place(self, error: RatatoskrError, first: int) -> RatatoskrError:
        match = re.match(r"(the model's output for |)(text|pair) (\d+)\b", error.message)
        if self._place is None or match is None:
            return error
        index = int(match[3]) // (self._per_item if match[2] == "pair" else 1)
        error.args = (f"{match[1]}{self._place} {first + index + 1}{error.message[match.end() :]}", *error.args[1:])
        return error


def note_cut(screen: Screen, cut: int) -> None:
    """Note how many texts were cut, if any were."""
    if cut:
        texts = "1 text was" if cut == 1 else f"{cut:,} texts were"
        screen.note(f"note: {texts} cut to the length that the model takes")
