"""Whole responses, and what a terminal event says besides its items."""

from __future__ import annotations

from decimal import Decimal

from ratatoskr.errors import MalformedResponse
from ratatoskr.types.attempt import Notice
from ratatoskr.types.event import FinishReason
from ratatoskr.types.usage import Cost, Usage
from ratatoskr.wire.dialect import Target
from ratatoskr.wire.failure import FailureReported, ReportedFailure
from ratatoskr.wire.json import decode, replace_surrogates
from ratatoskr.wire.responses.failure import decode_error
from ratatoskr.wire.responses.items import Items
from ratatoskr.wire.responses.shapes import InputTokens, Opening, OutputTokens, Response, Used, present
from ratatoskr.wire.turn import TurnBuilder

_INCOMPLETE: dict[str, FinishReason] = {"max_output_tokens": "length", "content_filter": "content_filter"}
_USUAL_TIERS = frozenset({"auto", "default", "standard"})


def decode_response(body: bytes, target: Target) -> TurnBuilder:
    """Return the turn that a whole response holds, finished.

    Raises:
        FailureReported: the response failed, was cancelled, has not ended, or is an error object.
        MalformedResponse: it is no response.
    """
    response = decode(Response, _valid_utf8(body))
    turn = TurnBuilder(target.issuer)
    error = present(response.error)
    if error is None and response.output is None and response.status is None:
        raise MalformedResponse("unexpected shape: a response without output")
    open_turn(turn, response)
    refuse_failure(response)
    items = Items(turn)
    for number, raw in enumerate(response.output or ()):
        items.put(number, raw)
    finish(items, response)
    return turn


def _valid_utf8(body: bytes) -> bytes:
    """Return the body with invalid UTF-8 replaced by U+FFFD, as the parser of event streams does."""
    try:
        body.decode()
    except UnicodeDecodeError:
        return body.decode("utf-8", "replace").encode()
    return body


def open_turn(turn: TurnBuilder, response: Response | Opening) -> None:
    """Note who answers, under which id."""
    if response.id is not None:
        turn.response_id = replace_surrogates(response.id)
    if response.model is not None:
        turn.model = replace_surrogates(response.model)
    turn.seed = turn.seed or turn.response_id or str(response.created_at or "")


def refuse_failure(response: Response, status: str | None = None) -> None:
    """Raise `FailureReported` for a response that brought no answer."""
    error = present(response.error)
    if error is not None:
        raise FailureReported(decode_error(error))
    status = response.status or status
    if status in {"failed", "cancelled", "queued", "in_progress"}:
        raise FailureReported(ReportedFailure(f"the response ended as {status}", kind=status))


def finish(items: Items, response: Response, status: str | None = None) -> None:
    """Note usage, cost, tier and why the answer ended, and complete the turn."""
    turn = items.turn
    used = response.usage
    if used is not None:
        turn.usage = usage_of(used)
        if used.cost is not None and used.cost.is_finite() and used.cost >= 0:
            turn.cost = Cost(Decimal(used.cost))
    tier = response.service_tier
    if tier and tier not in _USUAL_TIERS:
        turn.notices.append(
            Notice("service_tier", f"served at service tier {replace_surrogates(tier)!r}", "service_tier")
        )
    turn.finish(*_reason(items, response, response.status or status))
    turn.complete()


def _reason(items: Items, response: Response, status: str | None) -> tuple[FinishReason, str | None]:
    why = response.incomplete_details and response.incomplete_details.reason
    if status == "incomplete" or why:
        return _INCOMPLETE.get(why or "", "unknown"), replace_surrogates(why or "incomplete")
    if status not in {None, "completed"}:
        return "unknown", replace_surrogates(status or "")
    if items.calls:
        return "tool_calls", status
    return ("refusal" if items.refused else "stop"), status


def usage_of(used: Used) -> Usage:
    """Return the tokens in disjoint buckets; cached ones are within the input, reasoning within the output."""
    inside, out = used.input_tokens_details or InputTokens(), used.output_tokens_details or OutputTokens()
    return Usage.of(
        prompt=_count(used.input_tokens),
        cache_read=_count(inside.cached_tokens),
        cache_write=_count(inside.cache_write_tokens),
        completion=_count(used.output_tokens),
        reasoning=_count(out.reasoning_tokens),
    )


def _count(tokens: int | None) -> int | None:
    return None if tokens is None else max(0, tokens)
