"""`rat search`: the texts of a file of vectors that are nearest to a query."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import click

from ratatoskr.cli import options
from ratatoskr.cli.help import Command

if TYPE_CHECKING:
    from ratatoskr.cli.render import Screen
    from ratatoskr.jobs import Match, Metric


@click.command("search", cls=Command)
@click.argument("file", type=click.Path())
@click.argument("query")
@click.option("--top", type=click.IntRange(1), default=5, show_default=True, metavar="COUNT", help="Rows to show.")
@click.option("-c", "--column", metavar="NAME", help="The column to show. Default: that of the texts.")
@click.option("--output-column", metavar="NAME", help="The column of the vectors. Default: as recorded, or embedding.")
@click.option(
    "--metric", type=click.Choice(["cosine", "dot"]), default="cosine", show_default=True, help="How to compare."
)
@options.searched_model
@options.as_json
@options.where
@options.local
def search(
    file: str,
    query: str,
    top: int,
    column: str | None,
    output_column: str | None,
    metric: Metric,
    model: str | None,
    precision: str,
    as_json: bool,
    device: str,
    threads: int | None,
    cache_dir: str | None,
    **place: Any,
) -> None:
    """Search a FILE that `rat embed-file` wrote, by the model that made it, of this machine, a daemon or a provider.

    Prints the nearest rows, the nearest first: score and text; of an .npy file the number of the row, from 0. The
    search is exact and in bounded memory. A Parquet file records the model that made it; for others name it with -m.

    \b
      rat search notes.parquet "who carries words?"
      rat search notes.npy "who carries words?" -m BGESmallENV15 --top 20 --json
    """  # noqa: D301  # click reads the backspace, not two characters
    from ratatoskr.cli.connect import daemon_beside, embedding_gateway, is_remote_embedding
    from ratatoskr.cli.render import Screen
    from ratatoskr.jobs import VectorFile, search_sync
    from ratatoskr.local.store.store import ModelStore
    from ratatoskr.models.embeddings import find_embedding_model

    vectors, screen = VectorFile(file, column=column, output_column=output_column), Screen()
    name = model or vectors.model or options.default_local_model()
    dimensions = None
    asks_daemon = daemon_beside(precision, device, threads, cache_dir, place["base_urls"]) is not None
    if asks_daemon or is_remote_embedding(name, cache_dir):
        known = find_embedding_model(name.partition(":")[2] or name)
        dimensions = vectors.dimensions if known is not None and known.sizes else None
    else:
        name = ModelStore(cache_dir).name_of(name)
    if vectors.model not in (None, name, name.partition(":")[2]):
        screen.note(f"note: {file} was made by {vectors.model}, and {name} embeds the query")
    how: dict[str, Any] = {"metric": metric, "threads": threads, "dimensions": dimensions}
    with embedding_gateway(name, precision, device, threads, cache_dir, daemon=True, **place).sync() as gateway:
        found = search_sync(vectors, query, gateway, top=top, model=name, **how)
    for match in found:
        _print(screen, match, as_json=as_json)


def _print(screen: Screen, match: Match, *, as_json: bool) -> None:
    from ratatoskr.cli.render import collapse_lines

    if as_json:
        score = round(match.score, 6) if math.isfinite(match.score) else None
        screen.json({"index": match.index, "score": score, "text": match.text})
    else:
        screen.line(f"{match.score:.3f}  {match.index if match.text is None else collapse_lines(match.text)}")
