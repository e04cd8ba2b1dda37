"""`rat tokens`: how many tokens a model makes of texts or of a conversation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
    from collections.abc import Callable, Iterator

    from ratatoskr.cli.render import Screen
    from ratatoskr.types.tokens import CountMethod, TokenCount

_REPORT_EVERY = 1000


@click.command("tokens", cls=Command)
@texts_argument
@model_option
@texts_of_file
@click.option("--messages", type=click.Path(), metavar="FILE.json", help="Count a conversation: a list of messages.")
@click.option("--tools", type=click.Path(), metavar="FILE.json", help="Tools of the conversation.")
@options.schema
@click.option(
    "--method",
    type=click.Choice(["auto", "local", "provider"]),
    default="auto",
    show_default=True,
    help="local: only by the model's own tokenizer; provider: ask the provider, which gets the text.",
)
@click.option("--timeout", type=float, metavar="SECONDS", help="Timeout of each request to the provider.")
@options.as_json
@options.quiet
@options.cache_dir
@options.where
def tokens(
    texts: tuple[str, ...],
    model: str | None,
    lines: str | None,
    column: str | None,
    messages: str | None,
    tools: str | None,
    schema: str | None,
    method: CountMethod,
    timeout: float | None,
    as_json: bool,
    quiet: bool,
    cache_dir: str | None,
    base_urls: tuple[str, ...],
    allow_insecure: bool,
) -> None:
    """Count the tokens of each TEXT, of each line of a file, or of standard input as one text.

    Prints a number a line; on a terminal with what counted, and for an estimate the range that holds the true number.
    Nothing is sent without --method provider or --address, which names a daemon that counts.

    \b
      rat tokens -m gpt-5.4 "carries words"
      rat tokens -m claude-sonnet-5 --method provider < notes.txt
      rat tokens -m gpt-5.4 --lines notes.csv --column body
      rat tokens -m gpt-5.4 --messages chat.json --tools tools.json
    """  # noqa: D301  # click reads the backspace, not two characters
    from ratatoskr.cli.render import Screen
    from ratatoskr.cli.settings import is_daemon_named

    name = choose_model(model)
    conversation = messages is not None or tools is not None or schema is not None
    if conversation and (lines is not None or (messages is not None and texts) or len(texts) > 1):
        raise click.UsageError("a conversation is counted alone: give --messages, or one TEXT with --tools or --schema")
    options_of_chat: dict[str, Any] = {"tools": (), "response_format": None, "timeout": timeout}
    inputs: Iterator[Any]
    if conversation:
        from ratatoskr.cli.inputs import load_history, load_schema, load_tools

        options_of_chat |= {"tools": load_tools(tools), "response_format": load_schema(schema)}
        inputs = iter((load_history(messages),)) if messages is not None else read_inputs(texts, None, None)
    else:
        inputs = read_inputs(texts, lines, column)
    output = _Output(Screen(), as_json=as_json, quiet=quiet, many=lines is not None)
    if method == "provider" or is_daemon_named():
        from ratatoskr.cli.connect import gateway_for

        with gateway_for((name,), base_urls=base_urls, allow_insecure=allow_insecure) as gateway:
            output.run(inputs, lambda given: gateway.count_tokens(given, name, method, **options_of_chat))
    else:
        from ratatoskr.gateway.tokens import count_request

        registry = open_registry(name, cache_dir)
        output.run(inputs, lambda given: registry.count(count_request(given, name, method, **options_of_chat)))


class _Output:
    """Writes counts, and the total of many."""

    def __init__(self, screen: Screen, *, as_json: bool, quiet: bool, many: bool) -> None:
        self._screen = screen
        self._json = as_json
        self._quiet = quiet
        self._many = many

    def run(self, inputs: Iterator[Any], count: Callable[[Any], TokenCount]) -> None:
        """Count and write one input after another."""
        from ratatoskr.cli.render import StatusLine

        line, number, total = StatusLine(self._screen, quiet=self._quiet or not self._many), 0, 0
        found: TokenCount | None = None
        try:
            for number, given in enumerate(inputs, 1):
                found = count(given)
                total += found.tokens
                self._write(found)
                if number % _REPORT_EVERY == 0:
                    line.update(f"{number:,} texts, {total:,} tokens")
        finally:
            line.clear()
        if found is not None and found.kind == "estimate" and not self._json:
            self._screen.note(
                f"note: estimated{_range(found) if number == 1 else ''}; --method provider asks the provider"
            )
        for warning in found.warnings if found is not None else ():
            self._screen.note(f"note: {warning.message}")
        if number > 1 and not self._json:
            self._screen.note(f"{total:,} tokens in {number:,} texts")

    def _write(self, count: TokenCount) -> None:
        if self._json:
            self._screen.json({**count.to_dict(), "low": count.low, "high": count.high})
        elif not self._screen.out_is_terminal or self._many:
            self._screen.line(str(count.tokens))
        else:
            by = count.provider if count.kind == "provider" else count.tokenizer
            note = f" tokens, {count.kind} by {by}"
            self._screen.line(f"{count.tokens:,}{self._screen.style(note, 'dim')}")


def _range(count: TokenCount) -> str:
    return f", between {count.low:,} and {count.high:,} tokens"
