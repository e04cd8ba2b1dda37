"""`rat nli`, `rat classify`, `rat stance` and `rat rerank`: judgements about texts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from ratatoskr.cli import options
from ratatoskr.cli.analysis_model import (
    NLI_MODEL,
    label_names_option,
    labels_of,
    labels_option,
    model_option,
    no_truncate,
    open_gateway,
)
from ratatoskr.cli.help import Command
from ratatoskr.cli.text_files import BlockRunner, check_column, column_option, note_cut, read_pairs, read_texts

_RERANKER = "MsMarcoMiniLmL6V2"

_timeout = click.option("--timeout", type=float, metavar="SECONDS", help="Timeout of each 256 texts.")
_lines = click.option("-l", "--lines", type=click.Path(), metavar="FILE|-", help="Each line of FILE is a text.")
_common = options.combine(options.as_json, no_truncate, _timeout, options.quiet, options.where, options.local)


@click.command("nli", cls=Command)
@click.argument("premise", required=False)
@click.argument("hypothesis", required=False)
@_lines
@column_option
@click.option(
    "--columns", metavar="PREMISE,HYPOTHESIS", help="Take pairs of two columns of the rows of FILE, without arguments."
)
@model_option(NLI_MODEL)
@label_names_option
@_common
def nli(
    premise: str | None,
    hypothesis: str | None,
    lines: str | None,
    column: str | None,
    columns: str | None,
    model: str,
    as_json: bool,
    no_truncate: bool,
    timeout: float | None,
    quiet: bool,
    **place: Any,
) -> None:
    """Judge whether PREMISE entails HYPOTHESIS, by a model on this machine.

    With one argument it is the hypothesis, and the premise is standard input, each line of --lines, or each row of its
    --column.

    \b
      rat nli "A squirrel carries words." "An animal carries something."
      rat nli --lines reviews.txt "The customer wants the money back."
      rat nli --lines pairs.csv --columns premise,hypothesis --json
    """  # noqa: D301  # click reads the backspace, not two characters
    from ratatoskr.cli.render import Screen

    screen = Screen()
    pairs: Iterator[tuple[str, str]]
    if columns is not None:
        if premise is not None or column is not None:
            raise click.UsageError("--columns takes both texts of a pair from FILE: give no text and no --column")
        pairs = read_pairs(lines, columns)
    else:
        if hypothesis is None:
            premise, hypothesis = None, premise
        if hypothesis is None:
            raise click.UsageError("give a PREMISE and a HYPOTHESIS, or a HYPOTHESIS and the premise on standard input")
        shared = hypothesis
        premises = read_texts(() if premise is None else (premise,), lines, column, "premise")
        pairs = ((text, shared) for text in premises)
    runner = BlockRunner(screen, quiet=quiet, lines=lines, of_rows=column is not None or columns is not None)
    with open_gateway("nli", model, place, daemon=True).sync() as gateway:

        def compute(block: list[tuple[str, str]]) -> Any:
            return gateway.infer_nli_batch(block, model, truncate=not no_truncate, timeout=timeout)

        for index, result in runner.run(pairs, compute):
            if as_json:
                screen.json({"index": index, **_to_row(result)})
            else:
                names = ("entailment", "neutral", "contradiction")
                scores = {name: score for name in names if (score := getattr(result, name)) is not None}
                screen.line("  ".join([screen.style(result.label, "bold"), *map(_show_score, scores.items())]))


@click.command("classify", cls=Command)
@click.argument("texts", nargs=-1, metavar="[TEXT]...")
@labels_option
@_lines
@column_option
@model_option(None, f" With labels of yours, {NLI_MODEL} by default.")
@label_names_option
@_common
def classify(
    texts: tuple[str, ...],
    labels: tuple[str, ...],
    listed: str | None,
    multi_label: bool,
    template: str | None,
    lines: str | None,
    column: str | None,
    model: str | None,
    as_json: bool,
    no_truncate: bool,
    timeout: float | None,
    quiet: bool,
    **place: Any,
) -> None:
    """Classify each TEXT, each line of --lines or row of its --column, or standard input as one text.

    With labels of yours, a model for inference judges each of them; without, MODEL is one for classification, and the
    labels are its own.

    \b
      rat classify "I want my money back" --labels refund,praise,question
      rat classify -m ./sentiment --lines reviews.csv --column text --json
    """  # noqa: D301  # click reads the backspace, not two characters
    from ratatoskr.cli.render import Screen

    given = labels_of(labels, listed, template, model)
    name = model or NLI_MODEL
    found = read_texts(texts, lines, column, "text")
    screen = Screen()
    common: dict[str, Any] = {"truncate": not no_truncate, "timeout": timeout}
    if template is not None:
        common["hypothesis_template"] = template
    runner = BlockRunner(screen, quiet=quiet, lines=lines, per_item=max(1, len(given)), of_rows=column is not None)
    with open_gateway("nli" if given else "classify", name, place, daemon=True).sync() as gateway:

        def compute(block: list[str]) -> Any:
            if given:
                return gateway.classify_zero_shot_batch(block, given, name, multi_label=multi_label, **common)
            return gateway.classify_batch(block, name, multi_label=multi_label or None, **common)

        for index, result in runner.run(found, compute):
            if as_json:
                screen.json({"index": index, **_to_row(result), "scores": dict(result.scores)})
            else:
                screen.line("  ".join(map(_show_score, result.scores.items())))


@click.command("stance", cls=Command)
@click.argument("texts", nargs=-1, metavar="[TEXT]...")
@click.option("--target", required=True, metavar="TARGET", help="What the stance is toward.")
@_lines
@column_option
@model_option(NLI_MODEL, " Or a chat model.")
@label_names_option
@_common
def stance(
    texts: tuple[str, ...],
    target: str,
    lines: str | None,
    column: str | None,
    model: str,
    as_json: bool,
    no_truncate: bool,
    timeout: float | None,
    quiet: bool,
    **place: Any,
) -> None:
    """Judge whether the author of each TEXT is for TARGET, against it, or neither.

    \b
      rat stance "Nuclear power saves the climate." --target "nuclear power"
      rat stance --lines comments.txt --target "the new road" -m openai:gpt-5.4-mini
    """  # noqa: D301  # click reads the backspace, not two characters
    from ratatoskr.cli.render import Screen

    found = read_texts(texts, lines, column, "text")
    screen = Screen()
    runner = BlockRunner(screen, quiet=quiet, lines=lines, per_item=3, of_rows=column is not None)
    with open_gateway("stance", model, place, daemon=True).sync() as gateway:

        def compute(block: list[str]) -> Any:
            return gateway.classify_stance_batch(block, target, model, truncate=not no_truncate, timeout=timeout)

        for index, result in runner.run(found, compute):
            if as_json:
                screen.json({"index": index, **_to_row(result)})
            else:
                scores = {name: getattr(result, name) for name in ("favor", "against", "neutral")}
                screen.line("  ".join([screen.style(result.label, "bold"), *map(_show_score, scores.items())]))


@click.command("rerank", cls=Command)
@click.argument("query")
@click.argument("documents", nargs=-1, metavar="[DOCUMENT]...")
@click.option("--top", type=click.IntRange(1), metavar="COUNT", help="Number of documents to show. Default: all.")
@click.option("-l", "--lines", type=click.Path(), metavar="FILE|-", help="Each line of FILE is a document.")
@column_option
@model_option(_RERANKER)
@_common
def rerank(
    query: str,
    documents: tuple[str, ...],
    top: int | None,
    lines: str | None,
    column: str | None,
    model: str,
    as_json: bool,
    no_truncate: bool,
    timeout: float | None,
    quiet: bool,
    **place: Any,
) -> None:
    """Order each DOCUMENT, or each line of --lines or of standard input, by its relevance to QUERY.

    \b
      rat rerank "who carries words?" "A squirrel does." "Ships carry grain."
      rat rerank "who carries words?" --lines notes.csv --column body --top 3
    """  # noqa: D301  # click reads the backspace, not two characters
    from ratatoskr.cli.render import Screen, StatusLine, collapse_lines

    check_column(lines, column, "--column")
    source = lines if lines is not None or documents else "-"
    found = [*read_texts(documents, source, column, "document")]
    if not found and lines is None:
        raise click.UsageError("no document: give one, --lines FILE, or lines on standard input")
    screen = Screen()
    line = StatusLine(screen, quiet=quiet or source is None)
    with open_gateway("rerank", model, place, daemon=True).sync() as gateway:
        line.update(f"ordering {len(found):,} documents")
        try:
            ranking = gateway.rerank(query, found, model, top_n=top, truncate=not no_truncate, timeout=timeout)
        finally:
            line.clear()
    for index, score in ranking:
        if as_json:
            screen.json({"index": index, "score": score, "text": found[index]})
        else:
            screen.line(f"{score:.3f}  {collapse_lines(found[index])}")
    note_cut(screen, ranking.truncated)


def _to_row(result: Any) -> dict[str, Any]:
    """Return what a result says of one text, without what it repeats of the call."""
    data: dict[str, Any] = result.to_dict()
    return {name: value for name, value in data.items() if name not in {"type", "usage", "attempts", "warnings"}}


def _show_score(one: tuple[str, float]) -> str:
    from ratatoskr.cli.render import collapse_lines

    return f"{collapse_lines(one[0])} {one[1]:.3f}"
