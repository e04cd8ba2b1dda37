"""Typed output that may be asked for again: an answer that does not validate goes back with what is wrong in it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from time import monotonic
from typing import Any

from ratatoskr.errors import InvalidInput, OutputInvalid, RatatoskrError
from ratatoskr.types.attempt import Attempt, Notice
from ratatoskr.types.chat import ChatRequest, ChatResponse
from ratatoskr.types.message import Message
from ratatoskr.types.output import describe
from ratatoskr.types.usage import Cost

_MAX_ERRORS = 20
"""The number of the validator's errors that the model is shown."""
_COMPLETE = ("stop", "unknown")
"""The finish reasons of an answer that another try can better; the others mean cut, refused, or tools to run."""


async def chat_until_valid(
    chat: Callable[[ChatRequest], Awaitable[ChatResponse[Any]]], request: ChatRequest, retries: int
) -> ChatResponse[Any]:
    """Return an answer, asked for again as often as `retries` while it does not validate.

    The model is sent its own answer and the validator's errors. The response is the last answer, with the attempts of
    all, their usage and cost added up. A `total` of the request's timeouts holds for all of them.

    Raises:
        InvalidInput: `retries` is not a whole number, 0 or more, or there is no output to validate.
        RatatoskrError: what `chat` raises; after an answer that did not validate, that answer is in `partial`.
    """
    if isinstance(retries, bool) or not isinstance(retries, int) or retries < 0:
        raise InvalidInput(
            f"retries_on_invalid must be a whole number, 0 or more, not {retries!r}", field="retries_on_invalid"
        )
    if retries and request.output is None:
        raise InvalidInput("retries_on_invalid needs output, the type to validate", field="retries_on_invalid")
    started = monotonic()
    response = await chat(request)
    for retry in range(1, retries + 1):
        errors = _errors_of(response)
        elapsed = monotonic() - started
        total = request.timeouts.total
        if not errors or (total is not None and total <= elapsed):
            break
        timeouts = request.timeouts if total is None else replace(request.timeouts, total=total - elapsed)
        messages = (*request.messages, *_correction(response.message, errors))
        try:
            again = await chat(replace(request, messages=messages, timeouts=timeouts))
        except RatatoskrError as error:
            error.attempts = (*response.attempts, *_shift(error.attempts, elapsed))
            error.partial = error.partial or replace(response, raw=None)
            raise
        notice = f"asked again ({retry} of {retries}) because the answer did not validate"
        response = _add(response, again, Notice("output_retried", notice, "output"), elapsed)
    return response


def _errors_of(response: ChatResponse[Any]) -> Sequence[Mapping[str, Any]]:
    """Return what is wrong with an answer that another try can better."""
    if response.finish_reason not in _COMPLETE or response.tool_calls:
        return ()
    try:
        _ = response.parsed
    except OutputInvalid as error:
        return error.errors
    return ()


def _correction(answer: Message, errors: Sequence[Mapping[str, Any]]) -> tuple[Message, ...]:
    lines = [f"- {describe(error)}" for error in errors[:_MAX_ERRORS]]
    if len(errors) > _MAX_ERRORS:
        lines.append(f"- and {len(errors) - _MAX_ERRORS} more")
    text = "\n".join(
        ["Your answer does not validate:", *lines, "Answer again with the whole, corrected JSON and nothing else."]
    )
    return (*([answer] if answer.content else []), Message.user(text))


def _add(before: ChatResponse[Any], last: ChatResponse[Any], notice: Notice, elapsed: float) -> ChatResponse[Any]:
    """Return the last response with what all of them used."""
    return replace(
        last,
        usage=before.usage + last.usage,
        cost=_sum(before.cost, last.cost),
        warnings=(*last.warnings, notice),
        attempts=(*before.attempts, *_shift(last.attempts, elapsed)),
    )


def _shift(attempts: Sequence[Attempt], seconds: float) -> tuple[Attempt, ...]:
    """Return attempts whose `started` counts from the first request."""
    return tuple(replace(attempt, started=attempt.started + seconds) for attempt in attempts)


def _sum(first: Cost | None, second: Cost | None) -> Cost | None:
    """Return the cost of both, if it is known of both in one currency."""
    if first is None or second is None or first.currency != second.currency:
        return None
    return first + second
