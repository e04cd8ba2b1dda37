"""What commands that run jobs share: the options about files, and the run with its progress and summary."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ratatoskr.cli import options

if TYPE_CHECKING:
    from ratatoskr.cli.progress import JobProgress
    from ratatoskr.jobs import Job, Summary

__all__ = ["file_options", "job_fields", "output_prefix", "paths_argument", "run_job"]

_ESCAPES = {r"\t": "\t", "tab": "\t"}
"""Delimiters that are hard to type in a shell."""


def _split_paths(ctx: click.Context, _: click.Parameter, paths: tuple[str, ...]) -> tuple[str, ...]:
    if len(paths) == 1:
        raise click.UsageError("Missing argument 'OUT'.", ctx)
    return paths


paths_argument = click.argument(
    "paths", metavar="IN... OUT", nargs=-1, required=True, type=click.Path(), callback=_split_paths
)
output_prefix = click.option("--output-prefix", default="", metavar="TEXT", help="Before the names of added columns.")


def file_options(*formats: str) -> Callable[[Any], Any]:
    """Return the options about the files of a job whose output has one of some formats."""
    listed = f"{', '.join(formats[:-1])} or {formats[-1]}"
    return options.combine(
        click.option(
            "--input-format",
            type=click.Choice(["jsonl", "csv", "tsv", "parquet", "arrow"]),
            metavar="FORMAT",
            help="Of IN, where its suffix does not name it: jsonl, csv, tsv, parquet or arrow.",
        ),
        click.option(
            "--output-format",
            type=click.Choice(formats),
            metavar="FORMAT",
            help=f"Of OUT, where its suffix does not name it: {listed}.",
        ),
        click.option(
            "--quoting",
            type=click.Choice(["minimal", "none"]),
            help="Whether fields of CSV and TSV may be within quotes; otherwise a quote is a character.  [default: "
            "minimal for CSV, none for TSV]",
        ),
        click.option("--delimiter", metavar="CHARACTER", help="Between fields of CSV and TSV; `tab` for a tab."),
        click.option("--encoding", metavar="NAME", help="Of CSV and TSV.  [default: UTF-8, or by the byte order mark]"),
        click.option(
            "--on-null",
            type=click.Choice(["error", "skip"]),
            default="error",
            show_default=True,
            help="A null text ends the job, or its row is left out of OUT and counted.",
        ),
        click.option(
            "--window",
            type=click.IntRange(1),
            default=4096,
            show_default=True,
            metavar="ROWS",
            help="Rows computed and saved together; identical texts among them are computed once.",
        ),
        click.option("--overwrite", is_flag=True, help="Replace OUT once the new file is complete."),
        click.option("--fresh", is_flag=True, help="Start over instead of continuing an interrupted job."),
        options.quiet,
        options.as_json,
    )


def job_fields(paths: Sequence[str], given: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a job from its paths and the values of options, some of which are named otherwise."""
    fields = {**given, "source": tuple(paths[:-1]), "out": paths[-1]}
    fields["delimiter"] = _ESCAPES.get(given["delimiter"], given["delimiter"])
    if "no_truncate" in fields:
        fields["truncate"] = not fields.pop("no_truncate")
    return fields


def run_job(
    job: Job,
    open_model: Callable[[], AbstractAsyncContextManager[Any]],
    *,
    digest: Callable[[], str] = lambda: "",
    quiet: bool,
    as_json: bool,
) -> None:
    """Run a job and print its summary.

    Args:
        job: what to compute.
        open_model: opens the model, once the job is known to be right.
        digest: returns that of the model's files.
        quiet: whether no progress is shown.
        as_json: whether the summary is printed as JSON.

    Raises:
        click.UsageError: the output cannot be written to the terminal, or where the summary is.
        RatatoskrError: as `jobs.run` does.
    """
    from ratatoskr.cli.progress import JobProgress
    from ratatoskr.cli.render import Screen

    screen = Screen()
    _check_standard_output(job, screen.out_is_terminal, as_json)
    job = dataclasses.replace(job, model_digest=digest())
    view = JobProgress(screen, quiet=quiet)
    try:
        summary = asyncio.run(_run(job, open_model(), view))
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


async def _run(job: Job, opened: AbstractAsyncContextManager[Any], view: JobProgress) -> Summary:
    from ratatoskr.jobs import run

    async with opened as model:
        return await run(job, model, progress=view.show)


def _check_standard_output(job: Job, is_terminal: bool, as_json: bool) -> None:
    if job.writes_standard_output and as_json:
        raise click.UsageError("--json prints the summary on standard output, where OUT is.")
    if job.writes_standard_output and is_terminal and job.sink_format not in {"jsonl", "csv"}:
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


def _summary_line(summary: Summary) -> str:
    skipped = f", {summary.skipped:,} rows without a text left out" if summary.skipped else ""
    cut = f", {summary.truncated:,} texts cut" if summary.truncated else ""
    before = f", {summary.resumed:,} of them from before" if summary.resumed else ""
    out = "standard output" if summary.out == "-" else summary.out
    made = f"vectors of {summary.dimensions} numbers" if summary.dimensions else "rows"
    return (
        f"{out}: {summary.rows:,} {made}{before}{skipped}{cut}; "
        f"{summary.tokens:,} tokens, {summary.seconds:,.1f} s, {summary.texts_per_second:,.0f} texts/s"
    )
