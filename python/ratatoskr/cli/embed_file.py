"""`rat embed-file`: every text of a file gets its vector; what was interrupted goes on."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ratatoskr.cli import options
from ratatoskr.cli.help import Command

if TYPE_CHECKING:
    from ratatoskr.cli.render import StatusLine
    from ratatoskr.jobs import EmbedJob, Progress, Summary

_BAR = 20
_PHASES = {"scan": "scanning the input", "embed": "embedding", "join": "assembling the output"}


@click.command("embed-file", cls=Command)
@click.argument("source", metavar="IN", type=click.Path())
@click.argument("out", metavar="OUT", type=click.Path())
@click.option("-c", "--column", default="text", show_default=True, metavar="NAME", help="The column of the texts.")
@options.local_model
@click.option("--input-type", type=click.Choice(["document", "query"]), default="document", help="What the texts are.")
@click.option(
    "--on-null",
    type=click.Choice(["error", "skip"]),
    default="error",
    show_default=True,
    help="A text that is null ends the job, or its row is left out of OUT and counted.",
)
@click.option("--no-truncate", is_flag=True, help="Refuse a text that is too long; else it is cut, and counted.")
@click.option(
    "--window",
    type=click.IntRange(1),
    default=4096,
    show_default=True,
    metavar="ROWS",
    help="Rows that are computed and kept together; of identical texts among them one is computed.",
)
@click.option("--overwrite", is_flag=True, help="Replace OUT, once the new one is whole.")
@click.option("--fresh", is_flag=True, help="Begin anew where an interrupted job could go on.")
@options.as_json
@options.local
def embed_file(as_json: bool, device: str, cache_dir: str | None, no_truncate: bool, **rest: Any) -> None:
    """Embed the texts of a file by a model on this machine.

    IN is JSON lines, CSV, TSV, Parquet or Arrow; OUT is Parquet or JSON lines (all columns, and `embedding` beside
    them), or .npy (the vectors in the rows' order): names tell by their ends. Memory stays bounded. Interrupted, even
    killed, the same command goes on from OUT.job, and OUT comes out the same.

    \b
      rat embed-file notes.csv notes.parquet --column body
      rat embed-file notes.jsonl notes.npy --on-null skip
    """  # noqa: D301  # click reads the backspace, not two characters
    from ratatoskr.cli.render import Screen, StatusLine
    from ratatoskr.jobs import EmbedJob, digest_of
    from ratatoskr.local.store.store import ModelStore

    store, screen = ModelStore(cache_dir), Screen()
    model, precision = store.name_of(rest.pop("model")), rest.pop("precision")
    # On a GPU the graph is of half precision: an interrupted job goes on where it began, or begins anew.
    job = EmbedJob(**rest, model=model, precision=precision if device == "cpu" else "fp16", truncate=not no_truncate)
    job = dataclasses.replace(job, model_digest=digest_of(model, store))
    line = StatusLine(screen)
    shown = JobLine(line)
    try:
        summary = asyncio.run(_embed(job, precision, device, cache_dir, shown))
    except BaseException:
        line.end()
        kept = Path(f"{job.out_path}.job")
        if shown.begun and kept.is_dir():
            screen.note(f"what is done is kept in {kept}: the same command goes on")
        raise
    line.end()
    if as_json:
        screen.json(dataclasses.asdict(summary), indent=2)
    else:
        screen.line(_told(summary))


async def _embed(job: EmbedJob, precision: str, device: str, cache_dir: str | None, shown: JobLine) -> Summary:
    from ratatoskr import Device, Ratatoskr
    from ratatoskr.jobs import run

    builder = Ratatoskr.builder().local_embeddings(job.model, "int8" if precision == "int8" else "fp32")
    kind, _, index = device.partition(":")
    builder.device(Device.cpu() if kind == "cpu" else Device.cuda(int(index or 0)))
    if cache_dir is not None:
        builder.cache_dir(cache_dir)
    async with builder.build() as gateway:
        return await run(job, gateway, progress=shown.tell)


class JobLine:
    """Shows how far a job is.

    Attributes:
        begun: whether the input has been looked over and found to be in order.
    """

    def __init__(self, line: StatusLine) -> None:
        self._line = line
        self.begun = False

    def tell(self, progress: Progress) -> None:
        """Show how far it is."""
        self.begun = self.begun or progress.phase != "scan"
        self._line.tell(_line(progress))


def _line(progress: Progress) -> str:
    if progress.phase != "embed" or not progress.total:
        return f"{_PHASES[progress.phase]}, {progress.rows:,} rows"
    done = progress.rows / progress.total
    filled = int(_BAR * done)
    told = [f"{'█' * filled}{'░' * (_BAR - filled)} {done:4.0%}  {progress.rows:,} of {progress.total:,}"]
    if progress.texts_per_second:
        told += [f"{progress.texts_per_second:,.0f} texts/s", f"{progress.tokens_per_second:,.0f} tokens/s"]
    if progress.eta is not None:
        told.append(f"{_clock(progress.eta)} left")
    return ", ".join(told)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _told(summary: Summary) -> str:
    skipped = f", {summary.skipped:,} without a text left out" if summary.skipped else ""
    cut = f", {summary.truncated:,} cut to what the model takes" if summary.truncated else ""
    before = f", {summary.resumed:,} of them before" if summary.resumed else ""
    return (
        f"{summary.out}: {summary.rows:,} vectors of {summary.dimensions} numbers{before}{skipped}{cut}; "
        f"{summary.tokens:,} tokens, {summary.seconds:,.1f} s, {summary.texts_per_second:,.0f} texts/s"
    )
