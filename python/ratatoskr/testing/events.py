"""A whole response as the events of its stream."""

from __future__ import annotations

import re
from typing import Any

from ratatoskr.types.chat import ChatResponse
from ratatoskr.types.event import (
    ChatEvent,
    CitationDelta,
    ContentDelta,
    Done,
    ProviderEvent,
    ReasoningDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    UsageEvent,
)
from ratatoskr.types.part import ReasoningPart, TextPart, ToolCall

_PIECES = re.compile(r"\s*\S+\s*$|\s*\S+|\s+")


def events_of(response: ChatResponse[Any]) -> list[ChatEvent]:
    """Return the events that a stream of this response would have."""
    events: list[ChatEvent] = []
    calls = 0
    for index, part in enumerate(response.message.content):
        match part:
            case TextPart(text, citations):
                events += [ContentDelta(piece, part=index) for piece in _PIECES.findall(text)]
                events += [CitationDelta(citation, part=index) for citation in citations]
            case ReasoningPart(text):
                events += [ReasoningDelta(piece, part=index) for piece in _PIECES.findall(text)]
            case ToolCall(id, name, arguments):
                events += [
                    ToolCallStart(calls, id, name),
                    ToolCallDelta(calls, arguments),
                    ToolCallEnd(calls, part),
                ]
                calls += 1
            case _:
                events.append(ProviderEvent(part.type, part.to_json().encode()))
    if response.usage.source != "unknown":
        events.append(UsageEvent(response.usage))
    return [*events, Done(response.finish_reason)]
