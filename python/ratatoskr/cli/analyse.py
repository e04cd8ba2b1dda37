"""`rat nli`, `rat classify`, `rat stance` and `rat rerank`: judgements about texts."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import click

from ratatoskr.cli import options
from ratatoskr.cli.help import Command

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ratatoskr.sync.gateway import SyncGateway

_NLI, _RERANKER = "NliDebertaV3Base", "MsMarcoMiniLmL6V2"

_timeout = click.option("--timeout", type=float, metavar="SECONDS", help="Timeout for all texts.")
_no_truncate = click.option("--no-truncate", is_flag=True, help="Refuse texts that are too long instead of cutting.")
_lines = click.option("-l", "--lines", type=click.Path(), metavar="FILE|-", help="Each line of FILE is a text.")


def _model(default: str | None, extra: str = "") -> Callable[[Any], Any]:
    about = "Model or folder." + (f" Default: {default}." if default else "") + extra
    return options.combine(
        click.option("-m", "--model", metavar="MODEL", default=default, help=about),
        click.option(
            "--precision",
            type=click.Choice(["fp32", "int8", "bf16", "auto"]),
            default="fp32",
            show_default=True,
            help="int8: the quantised graph of the model, if it has one.",
        ),
    )


@click.command("nli", cls=Command)
@click.argument("premise", required=False)
@click.argument("hypothesis", required=False)
@_lines
@_model(_NLI)
@options.as_json
@_no_truncate
@_timeout
@options.where
@options.local
def nli(
    premise: str | None,
    hypothesis: str | None,
    lines: str | None,
    model: str,
    as_json: bool,
    no_truncate: bool,
    timeout: float | None,
    **place: Any,
) -> None:
    """Judge whether PREMISE entails HYPOTHESIS, by a model on this machine.

    With one argument it is the hypothesis, and the premise is standard input, or each line of --lines.

    \b
      rat nli "A squirrel carries words." "An animal carries something."
      rat nli --lines reviews.txt "The customer wants the money back."
    """  # noqa: D301  # click reads the backspace, not two characters
    from ratatoskr.cli.render import Screen

    if hypothesis is None:
        premise, hypothesis = None, premise
    if hypothesis is None:
        raise click.UsageError("give a PREMISE and a HYPOTHESIS, or a HYPOTHESIS and the premise on standard input")
    premises = _read_texts(() if premise is None else (premise,), lines, "premise")
    screen = Screen()
    with _gateway("nli", model, place) as gateway:
        pairs = [(text, hypothesis) for text in premises]
        results = gateway.infer_nli_batch(pairs, model, truncate=not no_truncate, timeout=timeout)
    for index, result in enumerate(results):
        if as_json:
            screen.json({"index": index, **_to_row(result)})
        else:
            names = ("entailment", "neutral", "contradiction")
            scores = {name: score for name in names if (score := getattr(result, name)) is not None}
            screen.line("  ".join([screen.style(result.label, "bold"), *map(_show_score, scores.items())]))
    _note_cut(screen, sum(one.truncated for one in results))


@click.command("classify", cls=Command)
@click.argument("texts", nargs=-1, metavar="[TEXT]...")
@click.option("--label", "labels", multiple=True, metavar="LABEL", help="A label of yours; several times for several.")
@click.option("--labels", "listed", metavar="A,B,…", help="Labels of yours, with commas in between.")
@click.option("--multi-label", is_flag=True, help="Several labels may be true of a text.")
@click.option(
    "--template", metavar="TEXT", help='The hypothesis, with {} for the label. Default: "This example is {}."'
)
@_lines
@_model(None, f" With labels of yours, {_NLI} by default.")
@options.as_json
@_no_truncate
@_timeout
@options.where
@options.local
def classify(
    texts: tuple[str, ...],
    labels: tuple[str, ...],
    listed: str | None,
    multi_label: bool,
    template: str | None,
    lines: str | None,
    model: str | None,
    as_json: bool,
    no_truncate: bool,
    timeout: float | None,
    **place: Any,
) -> None:
    """Classify each TEXT, or each line of --lines, or standard input as one text.

    With labels of yours, a model for inference judges each of them; without, MODEL is one for classification, and the
    labels are its own.

    \b
      rat classify "I want my money back" --labels refund,praise,question
      rat classify -m ./sentiment --lines reviews.txt --json
    """  # noqa: D301  # click reads the backspace, not two characters
    from ratatoskr.cli.render import Screen

    given = [*labels, *([] if listed is None else [label.strip() for label in listed.split(",")])]
    if not given and template is not None:
        raise click.UsageError("--template needs --label or --labels")
    if not given and model is None:
        raise click.UsageError("give --labels, or -m MODEL of a model with labels of its own")
    found = _read_texts(texts, lines, "text")
    screen = Screen()
    common: dict[str, Any] = {"truncate": not no_truncate, "timeout": timeout}
    model = model or _NLI
    with _gateway("nli" if given else "classify", model, place) as gateway:
        if given:
            if template is not None:
                common["hypothesis_template"] = template
            results = gateway.classify_zero_shot_batch(found, given, model, multi_label=multi_label, **common)
        else:
            results = gateway.classify_batch(found, model, multi_label=multi_label or None, **common)
    for index, result in enumerate(results):
        if as_json:
            screen.json({"index": index, **_to_row(result), "scores": dict(result.scores)})
        else:
            screen.line("  ".join(map(_show_score, result.scores.items())))
    _note_cut(screen, sum(one.truncated for one in results))


@click.command("stance", cls=Command)
@click.argument("texts", nargs=-1, metavar="[TEXT]...")
@click.option("--target", required=True, metavar="TARGET", help="What the stance is toward.")
@_lines
@_model(_NLI, " Or a chat model.")
@options.as_json
@_no_truncate
@_timeout
@options.where
@options.local
def stance(
    texts: tuple[str, ...],
    target: str,
    lines: str | None,
    model: str,
    as_json: bool,
    no_truncate: bool,
    timeout: float | None,
    **place: Any,
) -> None:
    """Judge whether the author of each TEXT is for TARGET, against it, or neither.

    \b
      rat stance "Nuclear power saves the climate." --target "nuclear power"
      rat stance --lines comments.txt --target "the new road" -m openai:gpt-5.4-mini
    """  # noqa: D301  # click reads the backspace, not two characters
    from ratatoskr.cli.render import Screen

    found = _read_texts(texts, lines, "text")
    screen = Screen()
    with _gateway("stance", model, place) as gateway:
        results = gateway.classify_stance_batch(found, target, model, truncate=not no_truncate, timeout=timeout)
    for index, result in enumerate(results):
        if as_json:
            screen.json({"index": index, **_to_row(result)})
        else:
            scores = {name: getattr(result, name) for name in ("favor", "against", "neutral")}
            screen.line("  ".join([screen.style(result.label, "bold"), *map(_show_score, scores.items())]))
    for notice in results.warnings:
        screen.note(f"note: {notice.message}")
    _note_cut(screen, sum(one.truncated for one in results))


@click.command("rerank", cls=Command)
@click.argument("query")
@click.argument("documents", nargs=-1, metavar="[DOCUMENT]...")
@click.option("--top", type=click.IntRange(1), metavar="COUNT", help="Number of documents to show. Default: all.")
@click.option("-l", "--lines", type=click.Path(), metavar="FILE|-", help="Each line of FILE is a document.")
@_model(_RERANKER)
@options.as_json
@_no_truncate
@_timeout
@options.where
@options.local
def rerank(
    query: str,
    documents: tuple[str, ...],
    top: int | None,
    lines: str | None,
    model: str,
    as_json: bool,
    no_truncate: bool,
    timeout: float | None,
    **place: Any,
) -> None:
    """Order each DOCUMENT, or each line of --lines or of standard input, by its relevance to QUERY.

    \b
      rat rerank "who carries words?" "A squirrel does." "Ships carry grain."
      rat rerank "who carries words?" --lines notes.txt --top 3
    """  # noqa: D301  # click reads the backspace, not two characters
    from ratatoskr.cli.render import Screen, collapse_lines

    found = _read_texts(documents, lines if lines is not None or documents else "-", "document")
    screen = Screen()
    with _gateway("rerank", model, place) as gateway:
        ranking = gateway.rerank(query, found, model, top_n=top, truncate=not no_truncate, timeout=timeout)
    for index, score in ranking:
        if as_json:
            screen.json({"index": index, "score": score, "text": found[index]})
        else:
            screen.line(f"{score:.3f}  {collapse_lines(found[index])}")
    _note_cut(screen, ranking.truncated)


def _read_texts(texts: Sequence[str], lines: str | None, name: str) -> list[str]:
    """Return the texts of the arguments, of the lines of a file, or of standard input."""
    from ratatoskr.cli.embed import read_lines
    from ratatoskr.cli.inputs import read_stdin_text

    if texts and lines is not None:
        raise click.UsageError(f"give either a {name} or --lines, not both")
    if texts:
        return [*texts]
    if lines is not None:
        return [*read_lines(lines)]
    text = "" if sys.stdin is None else read_stdin_text()
    if not text:
        raise click.UsageError(f"no {name}: give one, --lines FILE, or text on standard input")
    return [text]


@contextmanager
def _gateway(
    kind: Literal["nli", "classify", "rerank", "stance"], model: str, place: Mapping[str, Any]
) -> Iterator[SyncGateway]:
    """Open a gateway to a model of this machine or, if its name has a provider's prefix or is not local, to others."""
    from ratatoskr.cli.connect import analysis_gateway, gateway_for, is_local_model
    from ratatoskr.cli.settings import provider_sections
    from ratatoskr.routing import provider_prefix

    remote = provider_prefix(model, provider_sections()) is not None
    if remote or (kind == "stance" and not is_local_model(model, place["cache_dir"])):
        addresses = {"base_urls": place["base_urls"], "allow_insecure": place["allow_insecure"]}
        with gateway_for((model,), **addresses) as gateway:
            yield gateway
        return
    local = (place["precision"], place["device"], place["threads"], place["cache_dir"])
    task: Literal["nli", "classify", "rerank"] = "nli" if kind == "stance" else kind
    with analysis_gateway(model.removeprefix("local:"), *local, task=task).sync() as gateway:
        yield gateway


def _to_row(result: Any) -> dict[str, Any]:
    """Return what a result says of one text, without what it repeats of the call."""
    data: dict[str, Any] = result.to_dict()
    return {name: value for name, value in data.items() if name not in {"type", "usage", "attempts", "warnings"}}


def _show_score(one: tuple[str, float]) -> str:
    from ratatoskr.cli.render import collapse_lines

    return f"{collapse_lines(one[0])} {one[1]:.3f}"


def _note_cut(screen: Any, cut: int) -> None:
    if cut:
        screen.note(f"note: {cut:,} texts were cut to the length that the model takes")
