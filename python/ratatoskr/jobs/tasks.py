"""The tasks of jobs: how each computes the rows of a window, and what it records about the output."""

from __future__ import annotations

import asyncio
import inspect
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec

from ratatoskr.errors import InvalidInput, MalformedResponse
from ratatoskr.jobs.checkpoint import Checkpoint
from ratatoskr.jobs.columns import Column, ScoresColumn, ValueColumn, VectorColumn
from ratatoskr.jobs.job import Job
from ratatoskr.jobs.kinds import ClassifyJob, EmbedJob, NliJob, StanceJob, TokensJob
from ratatoskr.jobs.models import ask, call_method
from ratatoskr.jobs.origin import ORIGIN_KEY, VectorOrigin
from ratatoskr.jobs.rows import RowItem
from ratatoskr.local.engine.buffered import map_buffered
from ratatoskr.local.tokens import TokenizerRegistry
from ratatoskr.types.results import Results
from ratatoskr.types.tokens import CountRequest, TokenCount

__all__ = ["Computed", "check_computed", "compute", "describe_origin", "method_of"]

_REQUESTS: Final = 8
"""Texts whose tokens are counted at a time."""


@dataclass(frozen=True, slots=True)
class Computed:
    """What was computed of a window.

    Attributes:
        columns: the values, one for each row.
        model: the model, as its answer names it.
        tokens: that it read, where it counts them.
        truncated: texts that were cut.
        dimensions: numbers in each vector.
        labels: that have a score, where it classified.
    """

    columns: Sequence[Column]
    model: str
    tokens: int = 0
    truncated: int = 0
    dimensions: int = 0
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class JobTask:
    """How the rows of a window are computed.

    Attributes:
        method: returns the method of a model that a job calls.
        compute: returns what is computed of items by a model.
    """

    method: Callable[[Any], str]
    compute: Callable[[Any, Any, Sequence[Any]], Awaitable[Computed]]


async def compute(job: Job, model: Any, items: Sequence[RowItem]) -> Computed:
    """Return what a job computes of items.

    Of a window without rows, a word is computed and left out: the answer tells the types of the columns.
    """
    task = TASKS[type(job)].compute
    if items:
        return await task(job, model, items)
    word: RowItem = "text" if len(job.text_columns) == 1 else ("text", "text")
    one = await task(job, model, [word])
    return replace(one, columns=[column.head(0) for column in one.columns], tokens=0, truncated=0)


def method_of(job: Job) -> str:
    """Return the method of a model that a job calls."""
    return TASKS[type(job)].method(job)


def check_computed(computed: Computed, rows: int, before: Checkpoint) -> Computed:
    """Return what was computed with the labels of the windows before.

    Raises:
        MalformedResponse: there is not one value for each row, or they are of another model, of other dimensions or
            have other labels than those before.
    """
    for column in computed.columns:
        if len(column) != rows:
            message = f"{rows} rows got {len(column)} values of {column.name!r}"
            raise MalformedResponse(message, model=computed.model)
    if not before.parts:
        return computed
    found, expected = (computed.model, computed.dimensions), (before.model, before.dimensions)
    if found != expected:
        shown = [f"{name} ({size} dimensions)" if size else name for name, size in (found, expected)]
        what = "vectors" if computed.dimensions else "results"
        raise MalformedResponse(f"{what} of {shown[0]} after those of {shown[1]}", model=computed.model)
    if others := set(computed.labels).difference(before.labels):
        message = f"a score of the label {min(others)!r}, which no text before had"
        raise MalformedResponse(message, model=computed.model)
    columns = [
        replace(column, labels=before.labels) if isinstance(column, ScoresColumn) else column
        for column in computed.columns
    ]
    return replace(computed, columns=columns, labels=before.labels)


def describe_origin(job: Job) -> dict[bytes, bytes]:
    """Return what made an output, as the metadata of a file."""
    if isinstance(job, EmbedJob):
        return VectorOrigin(job.model, job.column, job.output_column, job.input_type).to_metadata()
    origin = {"task": job.task, "model": job.model, "columns": [*job.text_columns.values()]}
    return {ORIGIN_KEY: msgspec.json.encode(origin)}


async def _embed(job: EmbedJob, model: Any, texts: Sequence[str]) -> Computed:
    import numpy as np

    options = {"input_type": job.input_type, "dimensions": job.dimensions, "truncate": job.truncate}
    found = await ask(model, "embed_batch", texts, name=job.model, **options)
    vectors = np.ascontiguousarray(found.vectors, dtype=np.float32)
    if vectors.ndim != 2 or len(vectors) != len(texts) or not vectors.shape[1]:
        raise MalformedResponse(f"{len(texts)} texts got vectors of shape {vectors.shape}", model=found.model)
    columns = [VectorColumn(job.output_column, vectors)]
    return Computed(columns, found.model, found.usage.input_tokens or 0, found.truncated, vectors.shape[1])


async def _classify(job: ClassifyJob, model: Any, texts: Sequence[str]) -> Computed:
    options: dict[str, Any] = {"name": job.model, "truncate": job.truncate}
    if job.labels is None:
        found = await ask(model, "classify_batch", texts, **options, multi_label=job.multi_label)
        labels = tuple(sorted({label for one in found for label in one.scores}))
    else:
        labels = tuple(job.labels)
        options |= {"multi_label": bool(job.multi_label), "hypothesis_template": job.hypothesis_template}
        found = await ask(model, "classify_zero_shot_batch", texts, labels, **options)
    label, score, scores = job.added_columns
    columns: list[Column] = [
        ValueColumn(label, "text", [one.top_label for one in found]),
        ValueColumn(score, "number", [one.confidence for one in found]),
        ScoresColumn(scores, labels, [one.scores for one in found]),
    ]
    return _of_results(found, columns, labels)


async def _infer(job: NliJob, model: Any, items: Sequence[Any]) -> Computed:
    pairs = items if job.hypothesis is None else [(premise, job.hypothesis) for premise in items]
    found = await ask(model, "infer_nli_batch", pairs, name=job.model, truncate=job.truncate)
    return _of_results(found, _attributes(job, found))


async def _judge(job: StanceJob, model: Any, texts: Sequence[str]) -> Computed:
    options: dict[str, Any] = {"templates": job.templates, "truncate": job.truncate}
    found = await ask(model, "classify_stance_batch", texts, job.target, name=job.model, **options)
    return _of_results(found, _attributes(job, found))


def _attributes(job: NliJob | StanceJob, found: Results[Any]) -> list[Column]:
    """Return the columns of a job whose names, after the prefix, are those of attributes: the label, then numbers."""
    columns: list[Column] = []
    for name in job.added_columns:
        attribute = name.removeprefix(job.output_prefix)
        values = [getattr(one, attribute) for one in found]
        columns.append(ValueColumn(name, "text" if attribute == "label" else "number", values))
    return columns


def _of_results(found: Any, columns: Sequence[Column], labels: tuple[str, ...] = ()) -> Computed:
    cut = sum(one.truncated for one in found)
    return Computed(columns, found.model, found.usage.input_tokens or 0, cut, labels=labels)


async def _count(job: TokensJob, model: Any, texts: Sequence[str]) -> Computed:
    if job.ids:
        tokens = await call_method(model.tokenize_batch, texts, job.model)
        ids = [one.ids.tolist() for one in tokens]
        counts = [TokenCount(len(one), "exact", tokenizer=tokens.tokenizer) for one in ids]
    else:
        ids, counts = [], await _count_each(job, model, texts)
    last = counts[-1]
    names = dict(zip(job.added_columns, ("tokens", "kind", "low", "high"), strict=False))
    columns: list[Column] = [
        ValueColumn(name, "text" if attribute == "kind" else "count", [getattr(one, attribute) for one in counts])
        for name, attribute in names.items()
    ]
    if job.ids:
        columns.append(ValueColumn(job.added_columns[4], "ids", ids))
    source = last.tokenizer or last.provider or job.model
    return Computed(columns, source, sum(one.tokens for one in counts))


async def _count_each(job: TokensJob, model: Any, texts: Sequence[str]) -> list[TokenCount]:
    if isinstance(model, TokenizerRegistry):
        if job.method == "provider":
            raise InvalidInput("a TokenizerRegistry asks no provider; give a gateway", field="method")
        requests = [CountRequest(job.model, text, method=job.method) for text in texts]
        return await asyncio.to_thread(lambda: [model.count(request) for request in requests])
    if not inspect.iscoroutinefunction(model.count_tokens):
        return await asyncio.to_thread(lambda: [model.count_tokens(text, job.model, job.method) for text in texts])

    async def each() -> AsyncIterator[str]:
        for text in texts:
            yield text

    def start(text: str) -> asyncio.Future[TokenCount]:
        counting: asyncio.Future[TokenCount]
        counting = asyncio.ensure_future(model.count_tokens(text, job.model, job.method, timeout=math.inf))
        return counting

    async with aclosing(map_buffered(start, each(), buffersize=_REQUESTS)) as counts:
        return [count async for count in counts]


TASKS: Final[dict[type[Job], JobTask]] = {
    EmbedJob: JobTask(lambda _: "embed_batch", _embed),
    ClassifyJob: JobTask(lambda job: "classify_batch" if job.labels is None else "classify_zero_shot_batch", _classify),
    NliJob: JobTask(lambda _: "infer_nli_batch", _infer),
    StanceJob: JobTask(lambda _: "classify_stance_batch", _judge),
    TokensJob: JobTask(lambda job: "tokenize_batch" if job.ids else "count_tokens", _count),
}
