"""The model of a job: a gateway, or one local model; and how it is asked."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import math
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ratatoskr.errors import InvalidInput, MalformedResponse, RatatoskrError
from ratatoskr.jobs.job import Job
from ratatoskr.jobs.windows import RowWindow
from ratatoskr.local.store.catalog import find_in_catalog

if TYPE_CHECKING:
    from ratatoskr.local.store.store import ModelStore

__all__ = ["ask", "call_method", "digest_of", "resolve_model", "with_row_number"]

J = TypeVar("J", bound=Job)

_ITEM: Final = re.compile(r"(the model's output for |)(text|pair) (\d+)\b")
"""How an error names an item of a call."""


def resolve_model(job: J, model: Any, method: str) -> J:
    """Return the job with the name and precision of a local model filled in.

    Raises:
        InvalidInput: the job names another model, or the model has not the method that the job calls.
    """
    if not hasattr(model, method):
        what = f"a job of {job.task} needs {method}, which {type(model).__name__} does not have"
        raise InvalidInput(what, field="model")
    if not isinstance(own := getattr(model, "model", None), str):
        return job
    row = find_in_catalog(job.model)
    if own not in {job.model, row.repository if row else None}:
        raise InvalidInput(f"the job names the model {job.model!r}, but the given model is {own!r}", field="model")
    return replace(job, model=own, precision=str(getattr(model, "precision", job.precision)))


def digest_of(model: str, store: ModelStore, *, classifies: bool = False) -> str:
    """Return one digest of all files of a local model, for the `model_digest` of a job; reads them, so it blocks.

    Args:
        model: its name or folder.
        store: the store of its files.
        classifies: whether it is a model for inference or classification.

    Raises:
        ModelNotAvailable: the model is not in the store.
        ConfigurationError: its files differ from what was pulled, or cannot be used.
    """
    digests = sorted(store.check(store.find(model, classifies=classifies)).items())
    return hashlib.sha256(repr(digests).encode()).hexdigest()


async def ask(model: Any, method: str, *arguments: Any, name: str, **options: Any) -> Any:
    """Return what a method of a gateway or of a local model returns.

    Args:
        model: a gateway, a blocking one, or a local model.
        method: its name.
        arguments: before the name of the model.
        name: the model's name, which a gateway is told; a local model has its own.
        options: of the method.
    """
    if not isinstance(getattr(model, "model", None), str):
        # No deadline: a window takes longer on a slow machine than an interactive call may.
        arguments, options = (*arguments, name), {**options, "timeout": math.inf}
    return await call_method(getattr(model, method), *arguments, **options)


async def call_method(method: Any, *arguments: Any, **options: Any) -> Any:
    """Return what a method returns; one that blocks runs in a thread."""
    if inspect.iscoroutinefunction(method):
        return await method(*arguments, **options)
    return await asyncio.to_thread(method, *arguments, **options)


def with_row_number(error: RatatoskrError, job: Job, window: RowWindow) -> RatatoskrError:
    """Return an error that names an item by its place in a call with its row in the input instead."""
    match = _ITEM.match(error.message)
    if match is None or not isinstance(error, InvalidInput | MalformedResponse):
        return error
    place = int(match[3]) // (job.items_per_row if match[2] == "pair" else 1)
    if place >= len(window.places):
        return error
    path, row = window.places[place]
    file = f" of {path.name}" if len(job.source_paths) > 1 else ""
    message = f"{match[1]}row {row}{file} (the first is 1){error.message[match.end() :]}"
    return type(error)(message, **error.fields())
