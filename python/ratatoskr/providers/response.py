"""A finished turn as a `ChatResponse`, and the error for one that the provider filtered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ratatoskr.errors import ContentFiltered
from ratatoskr.providers.errors import clean_word
from ratatoskr.transport.client import HttpReply
from ratatoskr.types.attempt import Notice
from ratatoskr.types.chat import ChatResponse, RawResponse
from ratatoskr.types.message import Message
from ratatoskr.types.part import ReasoningPart, TextPart
from ratatoskr.wire.dialect import Target
from ratatoskr.wire.turn import TurnBuilder

if TYPE_CHECKING:
    from ratatoskr.models.pricing import Pricing

HIDDEN_HEADERS = frozenset({"set-cookie", "authorization", "proxy-authorization", "x-api-key", "x-goog-api-key"})
"""Left out of `RawResponse.headers`."""


_INCONSISTENT_USAGE = Notice(
    "usage_inconsistent", "a part of the tokens exceeds its total; both are as the provider sent them", "usage"
)


def build_response(
    turn: TurnBuilder,
    reply: HttpReply,
    target: Target,
    request_id: str | None,
    notices: tuple[Notice, ...],
    output: Any,
    body: bytes | None,
    redact: Callable[[str], str],
    pricing: Pricing | None,
) -> ChatResponse[Any]:
    """Return what a turn holds as a response.

    Args:
        turn: the turn, finished or not.
        reply: its status and headers are kept.
        target: the provider and the model that were asked.
        request_id: the provider's id of the request, if a header gave it.
        notices: about the request; those about the turn come after them.
        output: the type that `parsed` gives.
        body: the bytes of the reply, unless it was streamed.
        redact: returns a text without the secrets that were sent, which a provider may repeat.
        pricing: prices the turn where the provider does not bill it.
    """
    headers = dict(reply.headers)
    if not HIDDEN_HEADERS.isdisjoint(headers):
        headers = {name: value for name, value in headers.items() if name not in HIDDEN_HEADERS}
    values = "\n".join(headers.values())
    if redact(values) != values:
        headers = {name: redact(value) for name, value in headers.items()}
    usage = turn.usage
    if (usage.cache_read_tokens or usage.cache_write_tokens or usage.reasoning_tokens) and not usage.is_consistent:
        notices = (*notices, _INCONSISTENT_USAGE)
    cost = turn.cost
    if cost is None and pricing is not None:
        cost = pricing.when_read(usage, target.provider, turn.model or "", target.model)
    return ChatResponse(
        Message("assistant", turn.parts()),
        usage,
        cost,
        turn.finish_reason or "unknown",
        turn.native_finish_reason,
        target.provider,
        turn.model or target.model,
        request_id or clean_word(turn.response_id, redact),
        (*notices, *turn.notices) if turn.notices else notices,
        (),
        RawResponse(reply.status, headers, body),
        _output=output,
    )


def is_filtered(turn: TurnBuilder) -> bool:
    """Return whether a finished turn was refused by the provider before any output."""
    if turn.finish_reason not in ("content_filter", "refusal"):
        return False
    return all(isinstance(part, (TextPart, ReasoningPart)) and not part.text for part in turn.parts())


def build_filter_error(turn: TurnBuilder, response: ChatResponse[Any]) -> ContentFiltered:
    """Return the error for a filtered turn; its `partial` has the tokens that the turn used."""
    return ContentFiltered(
        turn.detail or "the provider refused to answer",
        provider_code=turn.native_finish_reason,
        request_id=turn.response_id,
        partial=replace(response, raw=None),
    )
