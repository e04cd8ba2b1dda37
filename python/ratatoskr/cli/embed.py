"""`rat embed`: vectors of texts, or the texts nearest to a query."""

from __future__ import annotations

import re
import sys
import time
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from ratatoskr.cli import options
from ratatoskr.cli.help import Command

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ratatoskr.cli.render import StatusLine
    from ratatoskr.cli.vectors import VectorOutput
    from ratatoskr.errors import RatatoskrError
    from ratatoskr.sync.gateway import SyncGateway
    from ratatoskr.types.embed import InputType

BLOCK = 1024
"""Texts that are read, embedded and written together."""


@click.command("embed", cls=Command)
@click.argument("texts", nargs=-1, metavar="[TEXT]...")
@click.option("-l", "--lines", type=click.Path(), metavar="FILE|-", help="Embed each line of FILE, empty lines too.")
@options.local_model
@click.option("--input-type", type=click.Choice(["document", "query"]), help="Kind of the texts. Default: document.")
@options.dimensions
@click.option("--search", metavar="QUERY", help="Show the texts nearest to QUERY, not vectors.")
@click.option("--top", type=click.IntRange(1), default=5, show_default=True, help="Number of texts for --search.")
@click.option("--npy", type=click.Path(dir_okay=False), metavar="FILE", help="Write the vectors for numpy.load.")
@options.as_json
@click.option("--no-truncate", is_flag=True, help="Refuse texts that are too long instead of cutting them with a note.")
@click.option("--timeout", type=float, metavar="SECONDS", help="Timeout for each 1,024 texts.")
@options.quiet
@options.where
@options.local
def embed(
    texts: tuple[str, ...],
    lines: str | None,
    model: str,
    precision: str,
    input_type: InputType | None,
    dimensions: int | None,
    search: str | None,
    top: int,
    npy: str | None,
    as_json: bool,
    no_truncate: bool,
    timeout: float | None,
    quiet: bool,
    device: str,
    threads: int | None,
    cache_dir: str | None,
    **place: Any,
) -> None:
    """Embed each TEXT, or each line of a file, or standard input as one text.

    The model is one on this machine or a daemon's, or a provider's, as in openai:text-embedding-3-small. Prints a line
    of numbers for each text, with --json an object. `rat models pull` downloads a model.

    \b
      rat embed "carries words"
      rat embed --lines notes.txt --npy notes.npy
      rat embed --lines notes.txt --search "who carries words?"
      rat embed "carries words" -m openai:text-embedding-3-small --dimensions 256
    """  # noqa: D301  # click reads the backspace, not two characters
    from ratatoskr.cli.connect import embedding_gateway
    from ratatoskr.cli.render import Screen, StatusLine
    from ratatoskr.cli.vectors import open_output

    if texts and lines is not None:
        raise click.UsageError("give either TEXT or --lines, not both")
    if search is not None and (npy is not None or input_type is not None):
        raise click.UsageError("--search cannot be combined with --npy or --input-type")
    screen = Screen()
    source = read_lines(lines) if lines is not None else iter(texts or (_read_stdin(),))
    file = None if lines is None else ("standard input" if lines == "-" else lines)
    how: dict[str, Any] = {"dimensions": dimensions, "timeout": timeout}
    with embedding_gateway(model, precision, device, threads, cache_dir, daemon=True, **place).sync() as gateway:
        query = None if search is None else gateway.embed(search, model, input_type="query", **how)
        with open_output(screen, as_json=as_json, npy=npy, query=query, top=top) as output:
            embedder = BlockEmbedder(
                gateway, model, {**how, "truncate": not no_truncate}, input_type or "document", file
            )
            embedder.run(source, output, StatusLine(screen, quiet=quiet) if lines is not None else None)


class BlockEmbedder:
    """Embeds texts block by block."""

    def __init__(
        self,
        gateway: SyncGateway,
        model: str,
        options: Mapping[str, Any],
        input_type: InputType,
        place: str | None,
    ) -> None:
        self._gateway = gateway
        self._model = model
        self._options = options
        self._input_type: InputType = input_type
        self._place = place

    def run(self, source: Iterator[str], output: VectorOutput, line: StatusLine | None) -> None:
        """Embed all texts and write them in order."""
        from ratatoskr.errors import RatatoskrError

        done, cut, began = 0, 0, time.monotonic()

        def report() -> None:
            if line is not None:
                line.update(f"{done:,} texts, {done / max(time.monotonic() - began, 1e-6):,.0f} a second")

        try:
            report()
            while (block := list(islice(source, BLOCK))) or not done:
                try:
                    embeddings = self._gateway.embed_batch(
                        block,
                        self._model,
                        input_type=self._input_type,
                        **self._options,
                    )
                except RatatoskrError as error:
                    raise self._with_line_number(error, done) from None
                output.write(block, embeddings)
                done, cut = done + len(block), cut + embeddings.truncated
                report()
                if len(block) < BLOCK:
                    break
        finally:
            if line is not None:
                line.clear()
        output.finish()
        if cut:
            output.screen.note(f"note: {cut:,} of {done:,} texts were cut to the length that the model takes")

    def _with_line_number(self, error: RatatoskrError, first: int) -> RatatoskrError:
        """Return the error with the line number in place of the text's index in its block."""
        if self._place is not None and error.args:
            message = re.sub(r"^text (\d+)\b", lambda m: f"{self._place} line {first + int(m[1]) + 1}", error.message)
            error.args = (message, *error.args[1:])
        return error


def _read_stdin() -> str:
    from ratatoskr.cli.inputs import read_stdin_text

    text = "" if sys.stdin is None else read_stdin_text()
    if not text:
        raise click.UsageError("nothing to embed: give a TEXT, --lines FILE, or text on standard input")
    return text


def read_lines(file: str) -> Iterator[str]:
    """Yield the lines of a file without their line ends; only a line feed ends a line."""
    from ratatoskr.errors import InvalidInput

    if file == "-":
        if sys.stdin is not None:
            yield from _decode_lines(sys.stdin.buffer, "standard input")
        return
    try:
        with Path(file).open("rb") as source:
            yield from _decode_lines(source, file)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise InvalidInput(f"cannot read {file}: {why}", field="lines") from None


def _decode_lines(source: BinaryIO, name: str) -> Iterator[str]:
    from ratatoskr.errors import InvalidInput

    for number, line in enumerate(source, 1):
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError:
            raise InvalidInput(f"{name} line {number} is not UTF-8", field="lines") from None
        yield text.removesuffix("\n").removesuffix("\r")
