"""Answers, whole: `ChatResponse` and `GenerateResponse`, with usage, cost, attempts and notices."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any, Final

from ratatoskr.errors import InvalidInput
from ratatoskr.service.convert.codec import Codec, Words, list_as_json, object_as_json, refuse
from ratatoskr.service.convert.message import message_from_pb, message_to_pb, plain_text
from ratatoskr.service.convert.part import TOOL_CALL
from ratatoskr.service.pb import ratatoskr_pb2 as pb
from ratatoskr.types.attempt import Attempt, ErrorInfo, Notice
from ratatoskr.types.chat import ChatResponse, RawResponse
from ratatoskr.types.generate import GenerateResponse
from ratatoskr.types.message import Message
from ratatoskr.types.part import ReasoningPart, TextPart, ToolCall
from ratatoskr.types.usage import Cost, CostItem, Usage, UsageDetails
from ratatoskr.types.visible import quote

__all__ = ["ATTEMPT", "COST", "NOTICE", "generate_from_pb", "generate_to_pb", "response_from_pb", "response_to_pb"]
__all__ += ["compact_usage_to_pb", "finish_reason_from_pb", "finish_reasons", "usage_from_pb", "usage_to_pb"]

NO_USAGE: Final = Usage()
_MAX: Final = 2**32 - 1
_FINISH: Final = Words(pb.FinishReason, "FINISH_REASON_", unspecified="unknown")
_LISTED: Final = {"refusal": pb.FINISH_REASON_CONTENT_FILTER, "paused": pb.FINISH_REASON_UNSPECIFIED}
"""What readers of the listed fields get in place of reasons that these do not have."""


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise InvalidInput(f"cost.amount must be a decimal number, not {quote(text)}", field="amount") from None


_USAGE: Final = Codec(
    Usage,
    pb.Usage,
    words={"source": Words(pb.UsageSource, "USAGE_SOURCE_", unspecified="unknown")},
    to_text={"details": object_as_json(UsageDetails)},
)
COST: Final = Codec(Cost, pb.Cost, to_text={"amount": (str, _decimal), "items": list_as_json(CostItem)})
NOTICE: Final = Codec(Notice, pb.Notice)


def usage_to_pb(usage: Usage, *, listed: bool = True) -> pb.Usage:
    """Return token counts; the listed fields end at 32 bits."""
    message: pb.Usage = _USAGE.to_pb(usage)
    if listed:
        message.prompt_tokens = _within(usage.input_tokens)
        message.completion_tokens = _within(usage.output_tokens)
        message.total_tokens = _within(usage.total_tokens)
    return message


def _within(count: int | None) -> int:
    return min(max(count or 0, 0), _MAX)


def usage_from_pb(message: pb.Usage) -> Usage:
    """Return token counts, of a daemon that knows only the listed fields too."""
    if message.HasField("source"):
        return _USAGE.from_pb(message)  # type: ignore[no-any-return]  # a codec of Usage
    return Usage.of_provider(
        input_tokens=message.prompt_tokens,
        output_tokens=message.completion_tokens,
        reasoning=message.reasoning_tokens if message.HasField("reasoning_tokens") else None,
    )


def compact_usage_to_pb(usage: Usage) -> pb.Usage:
    """Return token counts for a reader of all fields."""
    return usage_to_pb(usage, listed=False)


ATTEMPT: Final = Codec(
    Attempt, pb.Attempt, error=Codec(ErrorInfo, pb.ErrorInfo), usage=(compact_usage_to_pb, usage_from_pb), cost=COST
)
_RAW: Final = Codec(RawResponse, pb.RawResponse)


def finish_reasons(reason: str) -> tuple[int, int]:
    """Return a finish reason for the listed field, and for the exact one where it differs."""
    number = _FINISH.number(reason, "finish_reason")
    return (_LISTED[reason], number) if reason in _LISTED else (number, 0)


def finish_reason_from_pb(listed: int, exact: int) -> Any:
    """Return a finish reason; raises `InvalidInput` for one that this version does not know."""
    return _FINISH.word(exact or listed, "finish_reason")


def response_to_pb(response: ChatResponse[Any], *, listed: bool = True) -> pb.ChatResponse:
    """Return a response.

    Args:
        response: without the type of `output=`, which stays with its caller.
        listed: whether the listed fields repeat what others say, for readers that know only those.

    Raises:
        InvalidInput: it holds a lone surrogate, or a value that is not of its field's type.
    """
    message = response.message
    plain = message.role == "assistant" and message.name is None and not message.metadata
    text = ("" if not message.content else plain_text(message)) if plain else None
    finish, exact = finish_reasons(response.finish_reason)
    usage, cost = response.usage, response.cost
    try:
        out = pb.ChatResponse(
            content=text,
            usage=None if usage.input_tokens is None and usage == NO_USAGE else usage_to_pb(usage, listed=listed),
            model=response.model,
            finish_reason=finish,  # type: ignore[arg-type]  # the number of the enum
            native_finish_reason=response.native_finish_reason,
            provider=response.provider,
            request_id=response.request_id,
        )
        # What most answers lack is set apart: a keyword costs as much where its value is absent.
        if exact:
            out.exact_finish_reason = exact  # type: ignore[assignment]
        if cost is not None:
            out.cost.CopyFrom(COST.to_pb(cost))
        if response.warnings:
            out.warnings.extend([NOTICE.to_pb(notice) for notice in response.warnings])
        for attempt in response.attempts:
            out.attempts.append(ATTEMPT.to_pb(attempt))
        if response.raw is not None:
            out.raw.CopyFrom(_RAW.to_pb(response.raw))
        if text is None:
            out.message.CopyFrom(message_to_pb(message, listed=False))
            if listed:
                out.content = message.text
                out.reasoning = message.reasoning
                out.tool_calls.extend([TOOL_CALL.to_pb(call) for call in message.tool_calls])
    except (ValueError, TypeError) as error:
        raise refuse("response", type(response).__name__, error) from None
    return out


def response_from_pb(message: pb.ChatResponse) -> ChatResponse[Any]:
    """Return a response, of a daemon that knows only the listed fields too; raises `InvalidInput`."""
    return ChatResponse(
        message_from_pb(message.message) if message.HasField("message") else _listed_message(message),
        usage_from_pb(message.usage) if message.HasField("usage") else NO_USAGE,
        COST.from_pb(message.cost) if message.HasField("cost") else None,
        finish_reason_from_pb(message.finish_reason, message.exact_finish_reason),
        message.native_finish_reason if message.HasField("native_finish_reason") else None,
        message.provider,
        message.model,
        message.request_id if message.HasField("request_id") else None,
        tuple([NOTICE.from_pb(notice) for notice in message.warnings]),
        tuple([ATTEMPT.from_pb(attempt) for attempt in message.attempts]),
        _RAW.from_pb(message.raw) if message.HasField("raw") else None,
    )


def _listed_message(message: pb.ChatResponse) -> Message:
    parts: list[ReasoningPart | TextPart | ToolCall] = []
    if message.reasoning:
        parts.append(ReasoningPart(message.reasoning))
    if message.content:
        parts.append(TextPart(message.content))
    parts += [TOOL_CALL.from_pb(call) for call in message.tool_calls]
    return Message("assistant", (*parts,))


def generate_to_pb(response: ChatResponse[Any] | GenerateResponse, *, listed: bool = True) -> pb.GenerateResponse:
    """Return the response to a prompt; a reader of all fields gets the whole response of the chat that it was."""
    if isinstance(response, GenerateResponse):
        parts = [ReasoningPart(response.reasoning)] if response.reasoning else []
        content: tuple[Any, ...] = (*parts, TextPart(response.text)) if response.text else tuple(parts)
        values = {name: getattr(response, name) for name in GenerateResponse.__match_args__[2:]}
        response = ChatResponse(Message("assistant", content), **values)
    out = pb.GenerateResponse(response=response_to_pb(response, listed=False))
    if listed:
        out.text, out.model = response.content, response.model
        out.finish_reason = finish_reasons(response.finish_reason)[0]  # type: ignore[assignment]  # the number of the enum
        if response.usage != NO_USAGE:
            out.usage.CopyFrom(usage_to_pb(response.usage))
    return out


def generate_from_pb(message: pb.GenerateResponse) -> ChatResponse[Any]:
    """Return the response to a prompt as that of a chat."""
    if message.HasField("response"):
        return response_from_pb(message.response)
    return ChatResponse(
        Message("assistant", (TextPart(message.text),) if message.text else ()),
        usage_from_pb(message.usage) if message.HasField("usage") else NO_USAGE,
        finish_reason=finish_reason_from_pb(message.finish_reason, 0),
        model=message.model,
    )
