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
    from ratatoskr.cli.render import StatusLine
    from ratatoskr.gateway.embedded import EmbeddedGateway
    from ratatoskr.jobs import EmbedJob, Progress, Summary

_BAR = 20
_PHASES = {"scan": "scanning the input", "embed": "embedding", "join": "assembling the output"}


@click.command("embed-file", cls=Command)
@click.argument("source", metavar="IN", type=click.Path())
@click.argument("out", metavar="OUT", type=click.Path())
@click.option("-c", "--column", default="text", show_default=True, metavar="NAME", help="The column of the texts.")
@options.local_model
@click.option("--input-type", type=click.Choice(["document", "query"]), default="document", help="Kind of the texts.")
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
@options.as_json
@options.local
def embed_file(
    as_json: bool, device: str, threads: int | None, cache_dir: str | None, no_truncate: bool, **rest: Any
) -> None:
    """Embed the texts of a file by a model on this machine.

    IN is JSON lines, CSV, TSV, Parquet or Arrow; OUT is Parquet or JSON lines (all columns and `embedding`), or .npy
    (the vectors in the order of the rows); suffixes name the formats. Memory is bounded. After an interruption, even a
    kill, the same command continues from OUT.job and makes the same OUT.

    \b
      rat embed-file notes.csv notes.parquet --column body
      rat embed-file notes.jsonl notes.npy --on-null skip
    """  # noqa: D301  # click reads the backspace, not two characters
    from ratatoskr.cli.connect import local_gateway
    from ratatoskr.cli.render import Screen, StatusLine
    from ratatoskr.jobs import EmbedJob, digest_of
    from ratatoskr.local.store.store import ModelStore

    store, screen = ModelStore(cache_dir), Screen()
    model, precision = store.name_of(rest.pop("model")), rest.pop("precision")
    # The graph is fp16 on a GPU, so a job continues on the device where it began, or starts over.
    job = EmbedJob(**rest, model=model, precision=precision if device == "cpu" else "fp16", truncate=not no_truncate)
    job = dataclasses.replace(job, model_digest=digest_of(model, store))
    line = StatusLine(screen)
    view = JobProgressLine(line)
    try:
        summary = asyncio.run(_embed(job, local_gateway(job.model, precision, device, threads, cache_dir), view))
    except BaseException:
        line.clear()
        folder = Path(f"{job.out_path}.job")
        if view.scanned and folder.is_dir():
            screen.note(f"finished work is in {folder}: the same command continues")
        raise
    line.clear()
    if as_json:
        screen.json(dataclasses.asdict(summary), indent=2)
    else:
        screen.line(_summary_line(summary))


async def _embed(job: EmbedJob, gateway: EmbeddedGateway, view: JobProgressLine) -> Summary:
    from ratatoskr.jobs import run

    async with gateway:
        return await run(job, gateway, progress=view.show)


class JobProgressLine:
    """Shows the progress of a job.

    Attributes:
        scanned: whether the scan of the input found no error.
    """

    def __init__(self, line: StatusLine) -> None:
        self._line = line
        self.scanned = False

    def show(self, progress: Progress) -> None:
        """Show a progress report."""
        self.scanned = self.scanned or progress.phase != "scan"
        self._line.update(_progress_line(progress))


def _progress_line(progress: Progress) -> str:
    if progress.phase != "embed" or not progress.total:
        return f"{_PHASES[progress.phase]}, {progress.rows:,} rows"
    done = progress.rows / progress.total
    filled = int(_BAR * done)
    parts = [f"{'█' * filled}{'░' * (_BAR - filled)} {done:4.0%}  {progress.rows:,} of {progress.total:,}"]
    if progress.texts_per_second:
        parts += [f"{progress.texts_per_second:,.0f} texts/s", f"{progress.tokens_per_second:,.0f} tokens/s"]
    if progress.eta is not None:
        parts.append(f"{_format_duration(progress.eta)} left")
    return ", ".join(parts)


def _format_duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _summary_line(summary: Summary) -> str:
    skipped = f", {summary.skipped:,} rows without a text left out" if summary.skipped else ""
    cut = f", {summary.truncated:,} texts cut" if summary.truncated else ""
    before = f", {summary.resumed:,} of them from before" if summary.resumed else ""
    return (
        f"{summary.out}: {summary.rows:,} vectors of {summary.dimensions} numbers{before}{skipped}{cut}; "
        f"{summary.tokens:,} tokens, {summary.seconds:,.1f} s, {summary.texts_per_second:,.0f} texts/s"
    )
