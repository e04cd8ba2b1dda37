"""Reads whole answers, and what whole answers and streams have in common."""

from __future__ import annotations

from msgspec import Raw

from ratatoskr.errors import MalformedResponse
from ratatoskr.types.event import FinishReason
from ratatoskr.types.part import ProviderPart
from ratatoskr.types.usage import Usage
from ratatoskr.wire.anthropic.blocks import CONTAINER, Blocks
from ratatoskr.wire.anthropic.failure import told
from ratatoskr.wire.anthropic.shapes import Message, Stop, Tokens, said
from ratatoskr.wire.dialect import Target
from ratatoskr.wire.json import decode
from ratatoskr.wire.turn import TurnBuilder

FINISH_REASONS: dict[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "refusal",
    "pause_turn": "paused",
    "compaction": "paused",
}


def decode_response(body: bytes, target: Target) -> TurnBuilder:
    """Return the turn that a whole response holds, finished.

    Raises:
        FailureReported: the body is an error.
        MalformedResponse: the body is no message.
    """
    message = decode(Message, body)
    if said(message.error):
        raise told(message.error)
    if message.content is None:
        raise MalformedResponse("a message without content")
    turn = TurnBuilder(target.issuer)
    blocks = Blocks(turn)
    begin(turn, message)
    for index, raw in enumerate(message.content):
        blocks.start(index, raw)
        blocks.stop(index)
    remember_container(turn, message.container)
    finish(turn, message.stop_reason, message.stop_details)
    turn.complete()
    return turn


def begin(turn: TurnBuilder, message: Message) -> None:
    """Take what frames an answer: who answers, and what the prompt cost."""
    turn.response_id, turn.model, turn.seed = message.id, message.model, message.id or ""
    if message.usage is not None:
        turn.usage = usage_of(message.usage)
    tell(turn, "context_management", message.context_management)
    tell(turn, "input_transformations", message.input_transformations)
    tell(turn, "diagnostics", message.diagnostics)


def tell(turn: TurnBuilder, kind: str, raw: Raw) -> None:
    """Tell of something that concerns the request and is no part of the message."""
    if said(raw):
        turn.event(kind, bytes(raw))


def finish(turn: TurnBuilder, reason: str | None, details: Stop | None) -> None:
    """Note why the answer ended."""
    if reason is not None:
        turn.finish(FINISH_REASONS.get(reason, "unknown"), reason)
    if details is not None:
        turn.detail = details.explanation or details.category


def remember_container(turn: TurnBuilder, container: Raw) -> None:
    """Keep the container as the turn's last part; the next request goes on in it."""
    if said(container):
        data = bytes(container)
        turn.part(CONTAINER, ProviderPart(CONTAINER, data, turn.issuer), CONTAINER, data)


def usage_of(tokens: Tokens) -> Usage:
    """Return the tokens in our buckets: here the kinds of input are told apart, and thinking is inside the output."""
    read, written = _count(tokens.cache_read_input_tokens), _count(tokens.cache_creation_input_tokens)
    fresh, answer = _count(tokens.input_tokens), _count(tokens.output_tokens)
    prompt = None if fresh is None else fresh + (read or 0) + (written or 0)
    details = tokens.output_tokens_details
    thinking = None if details is None else _count(details.thinking_tokens)
    return Usage.of(prompt=prompt, cache_read=read, cache_write=written, completion=answer, reasoning=thinking)


def _count(tokens: int | None) -> int | None:
    return tokens if tokens is None or tokens >= 0 else 0
