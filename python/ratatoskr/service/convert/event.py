"""Events of streams, alone or several in a message, with what is known at the opening and at the end."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from typing import Any, Final

from ratatoskr.errors import InvalidInput
from ratatoskr.service.convert.codec import beyond, numbers_beyond, refuse
from ratatoskr.service.convert.part import CITATION, TOOL_CALL
from ratatoskr.service.convert.response import finish_reason_from_pb, finish_reasons, usage_from_pb, usage_to_pb
from ratatoskr.service.pb import ratatoskr_pb2 as pb
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
from ratatoskr.types.frozen import replace
from ratatoskr.types.part import ToolCall

__all__ = ["event_from_pb", "event_to_pb", "events_from_pb", "events_to_pb", "listed_event_to_pb"]
__all__ += ["listed_generate_event_to_pb"]


def event_to_pb(event: ChatEvent) -> pb.ChatEvent:
    """Return an event for a reader of all fields; raises `InvalidInput` for a lone surrogate."""
    try:
        return _WRITERS[type(event)](pb.ChatEvent, event)
    except (ValueError, TypeError, OverflowError) as error:
        return _with_large_index(event, error)


def _with_large_index(event: Any, error: Exception) -> pb.ChatEvent:
    """Return an event whose index is beyond 32 bits; any other that has no form there is refused."""
    name = "index" if hasattr(event, "index") else "part"
    index = getattr(event, name, 0)
    if isinstance(error, UnicodeError) or not isinstance(index, int) or 0 <= index < 2**32:
        raise refuse(event.type, event, error) from None
    message = _WRITERS[type(event)](pb.ChatEvent, replace(event, **{name: 0}))
    beyond(message, name, index)
    return message


Make = Callable[..., pb.ChatEvent]
"""The class of messages, or the method that adds one to a list of them."""


def _content(make: Make, event: ContentDelta) -> pb.ChatEvent:
    return make(content=event.text, part=event.part) if event.part else make(content=event.text)


def _done(make: Make, event: Done) -> pb.ChatEvent:
    return make(done=True, finish_reason=max(finish_reasons(event.finish_reason)))


_WRITERS: Final[dict[type[Any], Callable[[Make, Any], pb.ChatEvent]]] = {
    ContentDelta: _content,
    ReasoningDelta: lambda make, e: make(reasoning=e.text, part=e.part),
    ToolCallStart: lambda make, e: make(tool_call_start=pb.ToolCallStart(index=e.index, id=e.id, name=e.name)),
    ToolCallDelta: lambda make, e: make(tool_call_delta=pb.ToolCallDelta(index=e.index, arguments=e.arguments)),
    ToolCallEnd: lambda make, e: make(tool_call_end=pb.ToolCallEnd(index=e.index, call=TOOL_CALL.to_pb(e.call))),
    CitationDelta: lambda make, e: make(citation=CITATION.to_pb(e.citation), part=e.part),
    ProviderEvent: lambda make, e: make(provider_event=pb.ProviderEvent(kind=e.kind, data=e.data)),
    UsageEvent: lambda make, e: make(usage=usage_to_pb(e.usage, listed=False)),
    Done: _done,
}


def listed_event_to_pb(event: ChatEvent) -> pb.ChatEvent | None:
    """Return an event for a reader that knows only the listed fields; `None` for one that they do not have."""
    if type(event) is UsageEvent:
        return pb.ChatEvent(usage=usage_to_pb(event.usage))
    if type(event) in (CitationDelta, ProviderEvent):
        return None
    return event_to_pb(event)


def listed_generate_event_to_pb(event: ChatEvent) -> pb.GenerateEvent | None:
    """Return an event of a continued prompt for a reader that knows only the listed fields: text and the end."""
    if type(event) is ContentDelta:
        return pb.GenerateEvent(text=event.text)
    return pb.GenerateEvent(done=True) if type(event) is Done else None


def events_to_pb(events: Sequence[ChatEvent]) -> pb.ChatEvent:
    """Return events, at least one, as one message."""
    if len(events) == 1:
        return event_to_pb(events[0])
    out = pb.ChatEvent()
    add = out.events.add  # half the time of making each and copying it
    try:
        for event in events:
            _WRITERS[type(event)](add, event)
    except (ValueError, TypeError, OverflowError):  # one is refused, or has an index beyond 32 bits
        return pb.ChatEvent(events=[event_to_pb(event) for event in events])
    return out


# from messages


def events_from_pb(message: pb.ChatEvent) -> list[ChatEvent]:
    """Return the events of a message; raises `InvalidInput` for one that is wrong."""
    kind = message.WhichOneof("event")
    if kind is not None:
        return [event_from_pb(message, kind)]
    if message.events:
        return [event_from_pb(event) for event in message.events]
    return [] if message.HasField("opening") or message.HasField("remainder") else [_unknown(message)]


def event_from_pb(message: pb.ChatEvent, kind: str | None = None) -> ChatEvent:
    """Return one event; one of a kind that this version does not know is a `ProviderEvent`."""
    kind = kind or message.WhichOneof("event")
    event = _unknown(message) if kind is None else _READERS[kind](message)
    if message.HasField("beyond"):
        numbers = numbers_beyond(message)
        if len(numbers) != 1 or not hasattr(event, next(iter(numbers))):
            raise InvalidInput(f"{', '.join(numbers)} is no number of a {event.type}", field="beyond")
        return replace(event, **numbers)
    return event


def _unknown(message: pb.ChatEvent) -> ProviderEvent:
    octets = base64.b64encode(message.SerializeToString()).decode("ascii")
    return ProviderEvent("unknown", json.dumps({"protobuf": octets}).encode())


def _tool_call_end(message: pb.ChatEvent) -> ToolCallEnd:
    end = message.tool_call_end
    return ToolCallEnd(end.index, TOOL_CALL.from_pb(end.call) if end.HasField("call") else ToolCall("", "", ""))


_READERS: Final[dict[str, Callable[[Any], ChatEvent]]] = {
    "content": lambda m: ContentDelta(m.content, part=m.part),
    "reasoning": lambda m: ReasoningDelta(m.reasoning, part=m.part),
    "tool_call_start": lambda m: ToolCallStart(m.tool_call_start.index, m.tool_call_start.id, m.tool_call_start.name),
    "tool_call_delta": lambda m: ToolCallDelta(m.tool_call_delta.index, m.tool_call_delta.arguments),
    "tool_call_end": _tool_call_end,
    "citation": lambda m: CitationDelta(CITATION.from_pb(m.citation), part=m.part),
    "provider_event": lambda m: ProviderEvent(m.provider_event.kind, m.provider_event.data),
    "usage": lambda m: UsageEvent(usage_from_pb(m.usage)),
    "done": lambda m: Done(finish_reason_from_pb(m.finish_reason, 0)),
}
