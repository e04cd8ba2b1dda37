"""`rat tokenize`: the tokens of texts in colours, with their ids and places."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from ratatoskr.cli import options
from ratatoskr.cli.help import Command
from ratatoskr.cli.token_inputs import (
    choose_model,
    model_option,
    open_registry,
    read_inputs,
    texts_argument,
    texts_of_file,
)

if TYPE_CHECKING:
    from ratatoskr.cli.render import Screen
    from ratatoskr.types.tokens import Tokenization

_BACKGROUNDS: Final = (24, 58, 54, 22, 52, 236)
"""Colours of the palette of 256: https://en.wikipedia.org/wiki/ANSI_escape_code#8-bit"""
_BLOCK: Final = 1024


@click.command("tokenize", cls=Command)
@texts_argument
@model_option
@texts_of_file
@click.option("--table", is_flag=True, help="Show a table: id, characters, bytes, text.")
@click.option("--ids", is_flag=True, help="Show the ids alone.")
@options.as_json
@options.quiet
@options.cache_dir
@options.network
@options.daemon
def tokenize(
    texts: tuple[str, ...],
    model: str | None,
    lines: str | None,
    column: str | None,
    table: bool,
    ids: bool,
    as_json: bool,
    quiet: bool,
    cache_dir: str | None,
) -> None:
    """Show the tokens of each TEXT, of each line of a file, or of standard input as one text.

    A terminal with colours gets the text with its tokens in colours, otherwise a table of them is printed. With --json
    each text is an object: its tokens, each with id, text, the vocabulary's piece, and its place in characters and
    bytes. A token of a part of a character shows the whole character. Nothing is sent, unless --address names a daemon.

    \b
      rat tokenize -m gpt-5.4 "carries words"
      rat tokenize -m ./tokenizer.json --json --lines notes.txt
    """  # noqa: D301  # click reads the backspace, not two characters
    from contextlib import nullcontext
    from itertools import islice

    from ratatoskr.cli.connect import gateway_for
    from ratatoskr.cli.render import Screen, StatusLine
    from ratatoskr.cli.settings import is_daemon_named

    if ids + table + as_json > 1:
        raise click.UsageError("give one of --table, --ids and --json")
    name, screen = choose_model(model), Screen()
    tokenizer: Any = gateway_for((name,)) if is_daemon_named() else nullcontext(open_registry(name, cache_dir))
    source = read_inputs(texts, lines, column)
    show = (
        _show_json if as_json else _show_ids if ids else _show_table if table or not screen.renders else _show_colours
    )
    line, done = StatusLine(screen, quiet=quiet or lines is None), 0
    try:
        with tokenizer as opened:
            while block := list(islice(source, _BLOCK)):
                for tokens in opened.tokenize_batch(block, name):
                    show(screen, tokens)
                done += len(block)
                line.update(f"{done:,} texts")
    finally:
        line.clear()


def _show_json(screen: Screen, tokens: Tokenization) -> None:
    spans = [{name: value for name, value in token.to_dict().items() if name != "type"} for token in tokens]
    screen.json({"text": tokens.text, "model": tokens.model, "tokenizer": tokens.tokenizer, "tokens": spans})


def _show_ids(screen: Screen, tokens: Tokenization) -> None:
    screen.line(" ".join(map(str, tokens.ids.tolist())))


def _show_table(screen: Screen, tokens: Tokenization) -> None:
    import json

    from ratatoskr.cli.render import replace_controls

    rows = [("id", "characters", "bytes", "text")]
    for token in tokens:
        text = json.dumps(token.text, ensure_ascii=False)
        places = (f"{token.start}-{token.end}", f"{token.byte_start}-{token.byte_end}")
        rows.append((str(token.id), *places, replace_controls(text)))
    widths = [max(len(row[place]) for row in rows) for place in range(3)]
    for number, row in enumerate(rows):
        cells = [cell.rjust(width) for cell, width in zip(row, widths, strict=False)]
        line = "  ".join((*cells, row[3]))
        screen.line(screen.style(line, "dim") if number == 0 else line)


def _show_colours(screen: Screen, tokens: Tokenization) -> None:
    """Write the text with a background for each token; tokens within one character share one."""
    from ratatoskr.cli.render import replace_controls

    pieces, reached = [], 0
    for number, (start, end) in enumerate(tokens.offsets.tolist()):
        piece = replace_controls(tokens.text[max(start, reached) : end])
        reached = max(reached, end)
        colour = f"\x1b[48;5;{_BACKGROUNDS[number % len(_BACKGROUNDS)]}m"
        pieces += [f"{colour}{part}\x1b[0m" if part else "" for part in _split_lines(piece)]
    screen.write_rendered("".join(pieces) + "\n")
    screen.line(screen.style(f"{len(tokens):,} tokens of {tokens.tokenizer}", "dim"))


def _split_lines(piece: str) -> list[str]:
    """Return a piece with each line end by itself, made visible, so that no colour runs to the edge of the terminal."""
    return ["⏎\x1b[0m\n" if part == "\n" else part for part in piece.replace("\n", "\0\n\0").split("\0")]
