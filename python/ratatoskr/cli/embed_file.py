"""`rat embed-file`: the vectors of a file's texts; an interrupted run can be continued."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ratatoskr.cli import options
from ratatoskr.cli.help import Command

if TYPE_CHECKING:
    from ratatoskr.cli.progress import JobProgress
    from ratatoskr.gateway.embedded import EmbeddedGateway
    from ratatoskr.jobs import EmbedJob, Summary

_ESCAPES = {r"\t": "\t", "tab": "\t"}
"""Delimiters that are hard to type in a shell."""


def _split_paths(ctx: click.Context, _: click.Parameter, paths: tuple[str, ...]) -> tuple[str, ...]:
    if len(paths) == 1:
        raise click.UsageError("Missing argument 'OUT'.", ctx)
    return paths


@click.command("embed-file", cls=Command)
@click.argument("paths", metavar="IN... OUT", nargs=-1, required=True, type=click.Path(), callback=_split_paths)
@click.option("-c", "--column", default="text", show_default=True, metavar="NAME", help="The column of the texts.")
@click.option(
    "--output-column", default="embedding", show_default=True, metavar="NAME", help="The column of the vectors."
)
@options.local_model
@click.option("--input-type", type=click.Choice(["document", "query"]), default="document", help="Kind of the texts.")
@click.option(
    "--input-format",
    type=click.Choice(["jsonl", "csv", "tsv", "parquet", "arrow"]),
    metavar="FORMAT",
    help="Of IN, where its suffix does not name it: jsonl, csv, tsv, parquet or arrow.",
)
@click.option(
    "--output-format",
    type=click.Choice(["parquet", "npy", "jsonl"]),
    metavar="FORMAT",
    help="Of OUT, where its suffix does not name it: parquet, npy or jsonl.",
)
@click.option(
    "--quoting",
    type=click.Choice(["minimal", "none"]),
    help="Whether fields of CSV and TSV may be within quotes; otherwise a quote is a character.  [default: minimal for "
    "CSV, none for TSV]",
)
@click.option("--delimiter", metavar="CHARACTER", help="Between fields of CSV and TSV; `tab` for a tab.")
@click.option("--encoding", metavar="NAME", help="Of CSV and TSV.  [default: UTF-8, or by the byte order mark]")
@click.option(
    "--on-null",
    type=click.Choice(["error", "skip"]),
    default="error",
    show_default=True,
    help="A null text ends the job, or its row is left out of OUT and counted.",
)
@click.option("--no-truncate", is_flag=True, help="Refuse texts that are too long instead of cutting them.")
@click.option(
    "--window",
    type=click.IntRange(1),
    default=4096,
    show_default=True,
    metavar="ROWS",
    help="Rows computed and saved together; identical texts among them are computed once.",
)
@click.option("--overwrite", is_flag=True, help="Replace OUT once the new file is complete.")
@click.option("--fresh", is_flag=True, help="Start over instead of continuing an interrupted job.")
@options.quiet
@options.as_json
@options.dimensions
@options.where
@options.local
def embed_file(
    paths: tuple[str, ...],
    quiet: bool,
    as_json: bool,
    device: str,
    threads: int | None,
    cache_dir: str | None,
    no_truncate: bool,
    base_urls: tuple[str, ...],
    allow_insecure: bool,
    **rest: Any,
) -> None:
    """Embed the texts of files by a model on this machine, or a provider's: -m openai:text-embedding-3-small.

    IN is JSON lines, CSV, TSV (each also .gz, .zst, .bz2 or .xz), Parquet or Arrow; OUT is Parquet or JSON lines (all
    columns and `embedding`), or .npy (the vectors in the order of the rows); suffixes name the formats. Several files,
    or a pattern in quotes, must have the same columns. Memory is bounded. After an interruption, even a kill, the same
    command continues from OUT.job and makes the same OUT. `-` is standard input or output; such a job cannot continue.

    \b
      rat embed-file notes.csv notes.parquet --column body
      rat embed-file notes.jsonl notes.npy --on-null skip
      rat embed-file 'data/*.csv.gz' all.parquet --delimiter ';' --encoding latin-1
      rat embed-file - - --input-format tsv --output-format jsonl < notes
    """  # noqa: D301  # click reads the backspace, not two characters
    from ratatoskr.cli.connect import embedding_gateway, is_remote_embedding
    from ratatoskr.cli.progress import JobProgress
    from ratatoskr.cli.render import Screen
    from ratatoskr.jobs import EmbedJob, digest_of
    from ratatoskr.local.precision import choose_precision
    from ratatoskr.local.store.store import ModelStore

    store, screen = ModelStore(cache_dir), Screen()
    given = rest.pop("model")
    remote = is_remote_embedding(given, cache_dir)
    model = given if remote else store.name_of(given.removeprefix("local:"))
    precision = rest.pop("precision")
    precision = "remote" if remote else choose_precision(precision, device.partition(":")[0])
    rest["delimiter"] = _ESCAPES.get(rest["delimiter"], rest["delimiter"])
    rest |= {"source": paths[:-1], "out": paths[-1], "truncate": not no_truncate}
    # The graph is fp16 on a GPU, so a job continues on the device where it began, or starts over.
    job = EmbedJob(**rest, model=model, precision=precision if remote or device == "cpu" else "fp16")
    _check_standard_output(job, screen.out_is_terminal, as_json)
    if not remote:
        job = dataclasses.replace(job, model_digest=digest_of(model, store))
    place = {"base_urls": base_urls, "allow_insecure": allow_insecure}
    gateway = embedding_gateway(job.model, precision, device, threads, cache_dir, **place)
    view = JobProgress(screen, quiet=quiet)
    try:
        summary = asyncio.run(_embed(job, gateway, view))
    except BaseException as error:
        view.clear()
        folder = Path(f"{job.out_path}.job")
        if view.scanned and folder.is_dir():
            screen.note(_saved_work(folder, error))
        raise
    view.clear()
    if as_json:
        screen.json(dataclasses.asdict(summary), indent=2)
    elif job.writes_standard_output:
        screen.note(_summary_line(summary))
    else:
        screen.line(_summary_line(summary))


def _check_standard_output(job: EmbedJob, is_terminal: bool, as_json: bool) -> None:
    if job.writes_standard_output and as_json:
        raise click.UsageError("--json prints the summary on standard output, where OUT is.")
    if job.writes_standard_output and is_terminal and job.sink_format != "jsonl":
        raise click.UsageError(f"{job.sink_format} is not written to a terminal.")


def _saved_work(folder: Path, error: BaseException) -> str:
    """Return what becomes of the finished work; promises nothing after an error of the program itself."""
    from ratatoskr.errors import InvalidInput, RatatoskrError

    where = f"finished work is in {folder}"
    if isinstance(error, InvalidInput):
        return f"{where}, but the same command would fail again; --fresh starts over"
    if isinstance(error, RatatoskrError):
        return f"{where}: once this is mended, the same command continues"
    return where if isinstance(error, Exception) else f"{where}: the same command continues"


async def _embed(job: EmbedJob, gateway: EmbeddedGateway, view: JobProgress) -> Summary:
    from ratatoskr.jobs import run

    async with gateway:
        return await run(job, gateway, progress=view.show)


def _summary_line(summary: Summary) -> str:
    skipped = f", {summary.skipped:,} rows without a text left out" if summary.skipped else ""
    cut = f", {summary.truncated:,} texts cut" if summary.truncated else ""
    before = f", {summary.resumed:,} of them from before" if summary.resumed else ""
    out = "standard output" if summary.out == "-" else summary.out
    return (
        f"{out}: {summary.rows:,} vectors of {summary.dimensions} numbers{before}{skipped}{cut}; "
        f"{summary.tokens:,} tokens, {summary.seconds:,.1f} s, {summary.texts_per_second:,.0f} texts/s"
    )
