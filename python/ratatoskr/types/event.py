"""The events of a streamed response, the same for all providers; exactly one `Done`, last."""

from __future__ import annotations

from typing import ClassVar, Literal, TypeAlias

from ratatoskr.types.frozen import dataclass, field
from ratatoskr.types.part import Citation, ToolCall
from ratatoskr.types.plain import Plain
from ratatoskr.types.usage import Usage

FinishReason: TypeAlias = Literal["stop", "length", "tool_calls", "content_filter", "refusal", "paused", "unknown"]
"""Why a response ended; the provider's own word is `native_finish_reason`."""


@dataclass(frozen=True, slots=True)
class ContentDelta(Plain):
    """More text; `part` is the index of the part in the message that it belongs to."""

    type: ClassVar[Literal["content_delta"]] = "content_delta"
    text: str
    part: int = field(default=0, kw_only=True)


@dataclass(frozen=True, slots=True)
class ReasoningDelta(Plain):
    """More reasoning."""

    type: ClassVar[Literal["reasoning_delta"]] = "reasoning_delta"
    text: str
    part: int = field(default=0, kw_only=True)


@dataclass(frozen=True, slots=True)
class ToolCallStart(Plain):
    """A call begins; `index` counts the calls of this answer from 0."""

    type: ClassVar[Literal["tool_call_start"]] = "tool_call_start"
    index: int
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class ToolCallDelta(Plain):
    """More of a call's arguments, as JSON text."""

    type: ClassVar[Literal["tool_call_delta"]] = "tool_call_delta"
    index: int
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolCallEnd(Plain):
    """A call is complete."""

    type: ClassVar[Literal["tool_call_end"]] = "tool_call_end"
    index: int
    call: ToolCall


@dataclass(frozen=True, slots=True)
class CitationDelta(Plain):
    """A source for the text of part `part`."""

    type: ClassVar[Literal["citation_delta"]] = "citation_delta"
    citation: Citation
    part: int = field(default=0, kw_only=True)


@dataclass(frozen=True, slots=True)
class ProviderEvent(Plain):
    """An event of the provider that has no type here; `data` is its JSON text."""

    type: ClassVar[Literal["provider_event"]] = "provider_event"
    kind: str
    data: bytes


@dataclass(frozen=True, slots=True)
class UsageEvent(Plain):
    """The tokens of the call that the provider has reported; at most one, before `Done`."""

    type: ClassVar[Literal["usage_event"]] = "usage_event"
    usage: Usage


@dataclass(frozen=True, slots=True)
class Done(Plain):
    """The response is complete."""

    type: ClassVar[Literal["done"]] = "done"
    finish_reason: FinishReason


ChatEvent: TypeAlias = (
    ContentDelta
    | ReasoningDelta
    | ToolCallStart
    | ToolCallDelta
    | ToolCallEnd
    | CitationDelta
    | ProviderEvent
    | UsageEvent
    | Done
)
"""Any event of a stream."""
