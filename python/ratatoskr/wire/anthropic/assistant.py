"""What a message of the assistant must not hold when it is sent back, as the provider refuses it there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ratatoskr.types.message import Message
from ratatoskr.types.part import ServerToolCall, ServerToolResult
from ratatoskr.wire.anthropic.thinking import has_type
from ratatoskr.wire.encode import Note


def without_cut_server_calls(message: Message, messages: Sequence[Message], note: Note) -> Message:
    """Return a message without calls of the provider's own tools that were cut off before their results.

    A call waits for its result while the caller's own tools run (programmatic tool calling), and at the end of the
    history, where the provider continues the answer; but not longer.
    """
    calls = [part for part in message.content if isinstance(part, ServerToolCall)]
    if not calls or message.tool_calls or message is messages[-1]:
        return message
    answered = {part.tool_call_id for one in messages for part in one.content if isinstance(part, ServerToolResult)}
    if all(call.id in answered for call in calls):
        return message
    text = "a call of the provider's own tool was left out: the answer ended before its result"
    note("server_call_dropped", "", text, "messages")
    kept = (part for part in message.content if not isinstance(part, ServerToolCall) or part.id in answered)
    return replace(message, content=tuple(kept))


def trim_end(blocks: list[Any], note: Note) -> list[Any]:
    """Return the blocks of the last turn, which the model continues, so that they end as the provider accepts it.

    It refuses thinking at the end (measured in router-for-me/CLIProxyAPI#5321, August 2026) and white space.
    """
    end = len(blocks)
    while end and has_type(blocks[end - 1 : end], "thinking", "redacted_thinking"):
        end -= 1
    if end < len(blocks):
        text = "thinking at the end of the last message was left out: the provider refuses it"
        note("reasoning_dropped", "", text, "messages")
    last = blocks[end - 1] if end else None
    if not isinstance(last, dict) or last["type"] != "text" or not last["text"][-1:].isspace():
        return blocks[:end]
    note("text_trimmed", "", "white space at the end of the last message was left out", "messages")
    return [*blocks[: end - 1], {**last, "text": last["text"].rstrip()}]
