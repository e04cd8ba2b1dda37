"""What `rat tokens` and `rat tokenize` share: the model, the tokenizers, and the texts."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ratatoskr.cli import options
from ratatoskr.cli.settings import load_config

if TYPE_CHECKING:
    from ratatoskr.local.tokens import TokenizerRegistry

__all__ = ["choose_model", "open_registry", "read_texts", "texts_of_file"]

texts_argument = click.argument("texts", nargs=-1, metavar="[TEXT]...")
model_option = click.option(
    "-m",
    "--model",
    metavar="MODEL",
    help="Model, an encoding (o200k_base), or a tokenizer.json. Default: RATATOSKR_MODEL, else `rat models default`.",
)
texts_of_file = options.combine(
    click.option("-l", "--lines", type=click.Path(), metavar="FILE|-", help="Take each line of FILE, empty lines too."),
    click.option("--column", metavar="NAME", help="Take a column of the rows of FILE: CSV, TSV, JSON lines, Parquet."),
)


def choose_model(given: str | None) -> str:
    """Return the model of the command line, else the default; an alias is replaced by the first that it stands for."""
    return options.models_or_default(() if given is None else (given,))[0]


def open_registry(model: str, cache_dir: str | None) -> TokenizerRegistry:
    """Return the tokenizers, with those of `config.toml`, and a file if the model is the path of one."""
    from ratatoskr.local.tokens import TokenizerRegistry

    config = load_config()
    mappings: dict[str, str | Path] = {} if config is None else {**config.tokenizers}
    if Path(model).is_absolute() or model.startswith(("./", "../", "~")) or model.endswith(".json"):
        mappings[model] = Path(model).expanduser().absolute()
    return TokenizerRegistry(mappings, cache_dir=cache_dir)


def read_texts(texts: tuple[str, ...], lines: str | None, column: str | None) -> Iterator[str]:
    """Yield the texts of the command line, the lines of a file or a column of its rows, or standard input as one text.

    Raises:
        click.UsageError: there is no text, or more than one source of texts.
        InvalidInput: a file cannot be read.
    """
    if texts and lines is not None:
        raise click.UsageError("give either TEXT or --lines, not both")
    if column is not None and lines in (None, "-"):
        raise click.UsageError("--column needs --lines FILE, a file with rows")
    if column is not None:
        return _read_column(str(lines), column)
    if lines is not None:
        from ratatoskr.cli.embed import read_lines

        return read_lines(lines)
    return iter(texts or (_read_stdin(),))


def _read_column(file: str, column: str) -> Iterator[str]:
    """Yield the texts of a column by the reader of jobs; a null is an empty text."""
    from ratatoskr.jobs import EmbedJob
    from ratatoskr.jobs.source import open_source

    job = EmbedJob(file, "-", "tokens", column, output_column=f"tokens of {column}", output_format="jsonl")
    for block in open_source(job).blocks():
        for text in block.texts:
            yield text or ""


def _read_stdin() -> str:
    from ratatoskr.cli.inputs import read_stdin_text

    text = "" if sys.stdin is None else read_stdin_text()
    if not text:
        raise click.UsageError("nothing to count: give a TEXT, --lines FILE, or text on standard input")
    return text
