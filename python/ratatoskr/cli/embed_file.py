"""`rat embed-file`, also `rat job embed`: the vectors of a file's texts; an interrupted run can be continued."""

from __future__ import annotations

from typing import Any

import click

from ratatoskr.cli import options
from ratatoskr.cli.help import Command
from ratatoskr.cli.job_files import file_options, job_fields, paths_argument, run_job


@click.command("embed-file", cls=Command)
@paths_argument
@click.option("-c", "--column", default="text", show_default=True, metavar="NAME", help="The column of the texts.")
@click.option(
    "--output-column", default="embedding", show_default=True, metavar="NAME", help="The column of the vectors."
)
@options.local_model
@click.option("--input-type", type=click.Choice(["document", "query"]), default="document", help="Kind of the texts.")
@click.option("--no-truncate", is_flag=True, help="Refuse texts that are too long instead of cutting them.")
@options.dimensions
@file_options("parquet", "npy", "jsonl")
@options.where
@options.local
def embed_file(
    paths: tuple[str, ...],
    model: str,
    precision: str,
    quiet: bool,
    as_json: bool,
    device: str,
    threads: int | None,
    cache_dir: str | None,
    base_urls: tuple[str, ...],
    allow_insecure: bool,
    **given: Any,
) -> None:
    """Embed the texts of files by a model on this machine or a daemon's, or a provider's, as in openai:NAME.

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
    from ratatoskr.cli.connect import daemon_beside, embedding_gateway, is_remote_embedding
    from ratatoskr.cli.daemon import daemon_client
    from ratatoskr.jobs import EmbedJob, digest_of
    from ratatoskr.local.precision import choose_precision
    from ratatoskr.local.store.store import ModelStore

    url = daemon_beside(precision, device, threads, cache_dir, base_urls)
    if url is not None:
        job = EmbedJob(**job_fields(paths, given), model=model, precision="remote")
        run_job(job, lambda: daemon_client(url), quiet=quiet, as_json=as_json)
        return
    store = ModelStore(cache_dir)
    remote = is_remote_embedding(model, cache_dir)
    name = model if remote else store.name_of(model.removeprefix("local:"))
    chosen = "remote" if remote else choose_precision(precision, device.partition(":")[0])
    # The graph is fp16 on a GPU, so a job continues on the device where it began, or starts over.
    job = EmbedJob(**job_fields(paths, given), model=name, precision=chosen if remote or device == "cpu" else "fp16")
    place: dict[str, Any] = {"base_urls": base_urls, "allow_insecure": allow_insecure}
    run_job(
        job,
        lambda: embedding_gateway(name, chosen, device, threads, cache_dir, **place),
        digest=lambda: "" if remote else digest_of(name, store),
        quiet=quiet,
        as_json=as_json,
    )
