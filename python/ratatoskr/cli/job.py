"""`rat job`: what is computed of all rows of a file; an interrupted run can be continued."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Literal

import click

from ratatoskr.cli import options
from ratatoskr.cli.analysis_model import (
    NLI_MODEL,
    is_remote,
    label_names_option,
    labels_of,
    labels_option,
    model_option,
    no_truncate,
    open_gateway,
)
from ratatoskr.cli.embed_file import embed_file
from ratatoskr.cli.help import Command, Group
from ratatoskr.cli.job_files import file_options, job_fields, output_prefix, paths_argument, run_job

if TYPE_CHECKING:
    from ratatoskr.jobs import Job

_FORMATS = ("parquet", "jsonl", "csv")

_column = click.option("-c", "--column", default="text", show_default=True, metavar="NAME", help="The column of texts.")
_analysis = options.combine(
    label_names_option, output_prefix, no_truncate, file_options(*_FORMATS), options.where, options.local
)


@click.group("job", cls=Group)
def job() -> None:
    """Compute something of every row of files, in bounded memory; an interrupted job continues.

    IN is JSON lines, CSV, TSV (each also .gz, .zst, .bz2 or .xz), Parquet or Arrow; OUT has all columns and those of
    the results, as Parquet, JSON lines or CSV. Several files, or a pattern in quotes, must have the same columns. After
    an interruption, even a kill, the same command continues from OUT.job and makes the same OUT. `-` is standard input
    or output; such a job cannot continue.
    """


job.add_command(embed_file, "embed")


@job.command("classify", cls=Command, short_help="Give each text labels: label, score, scores.")
@paths_argument
@_column
@labels_option
@model_option(None, f" With labels of yours, {NLI_MODEL} by default.")
@_analysis
def classify(
    paths: tuple[str, ...],
    labels: tuple[str, ...],
    listed: str | None,
    multi_label: bool,
    template: str | None,
    model: str | None,
    **given: Any,
) -> None:
    """Give each text labels: `label`, its `score`, and the `scores` of all.

    With labels of yours, a model for inference judges each of them; without, MODEL is one for classification, and the
    labels are its own.

    \b
      rat job classify reviews.csv labelled.csv --labels refund,praise,question
      rat job classify 'data/*.jsonl.gz' labelled.parquet -m ./sentiment --column body
    """  # noqa: D301  # click reads the backspace, not two characters
    from ratatoskr.jobs import ClassifyJob

    own = labels_of(labels, listed, template, model)
    fields: dict[str, Any] = {"labels": own or None, "multi_label": multi_label or None}
    if template is not None:
        fields["hypothesis_template"] = template
    _run("nli" if own else "classify", ClassifyJob, model or NLI_MODEL, paths, given, fields)


@job.command("nli", cls=Command, short_help="Judge whether premises entail hypotheses.")
@paths_argument
@click.option("-c", "--column", default="premise", show_default=True, metavar="NAME", help="The column of premises.")
@click.option(
    "--hypothesis-column", default="hypothesis", show_default=True, metavar="NAME", help="The column of hypotheses."
)
@click.option("--hypothesis", metavar="TEXT", help="One hypothesis for all premises, in place of a column.")
@model_option(NLI_MODEL)
@_analysis
def nli(paths: tuple[str, ...], model: str, **given: Any) -> None:
    """Judge whether each premise entails its hypothesis: `label`, `entailment`, `neutral` and `contradiction`.

    \b
      rat job nli pairs.csv judged.csv
      rat job nli reviews.jsonl judged.parquet --column text --hypothesis "The customer wants the money back."
    """  # noqa: D301  # click reads the backspace, not two characters
    from ratatoskr.jobs import NliJob

    _run("nli", NliJob, model, paths, given, {})


@job.command("stance", cls=Command, short_help="Judge whether texts are for something, against it, or neither.")
@paths_argument
@_column
@click.option("--target", required=True, metavar="TARGET", help="What the stance is toward.")
@model_option(NLI_MODEL, " Or a chat model.")
@_analysis
def stance(paths: tuple[str, ...], model: str, **given: Any) -> None:
    """Judge whether the author of each text is for TARGET: `label`, `favor`, `against` and `neutral`.

    \b
      rat job stance comments.csv judged.parquet --target "the new road"
    """  # noqa: D301  # click reads the backspace, not two characters
    from ratatoskr.jobs import StanceJob

    _run("stance", StanceJob, model, paths, given, {})


@job.command("tokens", cls=Command, short_help="Count the tokens of texts.")
@paths_argument
@_column
@click.option("-m", "--model", metavar="MODEL", help="Model, an encoding (o200k_base), or a tokenizer.json.")
@click.option(
    "--method",
    type=click.Choice(["auto", "local", "provider"]),
    default="auto",
    show_default=True,
    help="local: only by the model's own tokenizer; provider: ask the provider, which gets each text.",
)
@click.option("--ids", is_flag=True, help="Add the ids of the tokens, too.")
@output_prefix
@file_options(*_FORMATS)
@options.cache_dir
@options.where
def tokens(
    paths: tuple[str, ...],
    model: str | None,
    quiet: bool,
    as_json: bool,
    cache_dir: str | None,
    base_urls: tuple[str, ...],
    allow_insecure: bool,
    **given: Any,
) -> None:
    """Count the tokens of each text: `tokens`, and how far that can be trusted.

    \b
      rat job tokens -m gpt-5.4 notes.csv counted.csv --column body
    """  # noqa: D301  # click reads the backspace, not two characters
    from ratatoskr.cli.connect import provider_gateway
    from ratatoskr.cli.settings import is_daemon_named
    from ratatoskr.cli.token_inputs import choose_model, open_registry, tokenizer_digest
    from ratatoskr.jobs import TokensJob

    name = choose_model(model)
    made = TokensJob(**job_fields(paths, given), model=name)
    if made.method == "provider" or is_daemon_named():
        addresses: dict[str, Any] = {"base_urls": base_urls, "allow_insecure": allow_insecure}
        run_job(made, lambda: provider_gateway((name,), **addresses, daemon=True), quiet=quiet, as_json=as_json)
        return
    registry = open_registry(name, cache_dir)
    run_job(
        made,
        lambda: nullcontext(registry),
        digest=lambda: tokenizer_digest(registry, name, cache_dir),
        quiet=quiet,
        as_json=as_json,
    )


def _run(
    kind: Literal["nli", "classify", "stance"],
    make_job: type[Job],
    model: str,
    paths: tuple[str, ...],
    given: dict[str, Any],
    fields: dict[str, Any],
) -> None:
    """Run a job by a model of this machine or a provider's.

    Args:
        kind: what the model does.
        make_job: the class of the job.
        model: its name, as it was given.
        paths: of the input and the output.
        given: the values of options.
        fields: further ones of the job.
    """
    from ratatoskr.cli.connect import daemon_beside
    from ratatoskr.cli.daemon import daemon_client
    from ratatoskr.jobs import digest_of
    from ratatoskr.local.precision import choose_precision
    from ratatoskr.local.store.store import ModelStore

    where = ("base_urls", "allow_insecure", "device", "threads", "cache_dir", "precision", "label_names")
    place = {name: given.pop(name) for name in where}
    quiet, as_json = given.pop("quiet"), given.pop("as_json")
    here = (place[name] for name in ("precision", "device", "threads", "cache_dir", "base_urls", "label_names"))
    url = daemon_beside(*here)
    if url is not None:
        made = make_job(**job_fields(paths, given), **fields, model=model, precision="remote")
        run_job(made, lambda: daemon_client(url), quiet=quiet, as_json=as_json)
        return
    if is_remote(kind, model, place["cache_dir"]):
        made = make_job(**job_fields(paths, given), **fields, model=model)
        run_job(made, lambda: open_gateway(kind, model, place), quiet=quiet, as_json=as_json)
        return
    store = ModelStore(place["cache_dir"])
    name = store.name_of(model.removeprefix("local:"))
    place["precision"] = choose_precision(place["precision"], place["device"].partition(":")[0])
    precision = place["precision"] if place["device"] == "cpu" else "fp16"
    made = make_job(**job_fields(paths, given), **fields, model=name, precision=precision)
    run_job(
        made,
        lambda: open_gateway(kind, name, place),
        digest=lambda: " ".join([digest_of(name, store, classifies=True), *place["label_names"]]),
        quiet=quiet,
        as_json=as_json,
    )
