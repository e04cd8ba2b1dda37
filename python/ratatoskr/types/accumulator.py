"""From events to a response and back: `ResponseBuilder` collects a stream's events, `events_of` writes them."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable
from typing import Any, Literal, TypeAlias

from ratatoskr.errors import InvalidInput
from ratatoskr.types.attempt import Notice
from ratatoskr.types.chat import ChatResponse
from ratatoskr.types.event import (
    ChatEvent,
    CitationDelta,
    ContentDelta,
    Done,
    FinishReason,
    ProviderEvent,
    ReasoningDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    UsageEvent,
)
from ratatoskr.types.frozen import replace
from ratatoskr.types.message import Message
from ratatoskr.types.part import (
    PART_TYPES,
    Citation,
    Part,
    ProviderState,
    ReasoningPart,
    TextPart,
    TokenLogprob,
    ToolCall,
)
from ratatoskr.types.usage import Cost, Usage

PartKind: TypeAlias = Literal["text", "reasoning", "tool", "whole"]

_NO_USAGE = Usage()


class PartBuilder:
    """A part that is being received; `whole` is one that comes in one piece.

    Attributes:
        kind: what it becomes.
        index: its place in the message.
        pieces: its text, or a call's arguments.
        half: the first half of a surrogate pair whose second half has not come.
        state: opaque state.
        citations: sources of its text.
        logprobs: of its tokens.
        call_index: place among the calls of the message.
        id: of the call.
        name: of the tool.
        ended: whether nothing more comes.
        part: the part itself, where it came in one piece.
    """

    __slots__ = (
        "call_index",
        "citations",
        "ended",
        "half",
        "id",
        "index",
        "kind",
        "logprobs",
        "name",
        "part",
        "pieces",
        "state",
    )

    def __init__(self, kind: PartKind, index: int) -> None:
        self.kind = kind
        self.index = index
        self.pieces: list[str] = []
        self.half = ""
        self.state: list[ProviderState] = []
        self.citations: list[Citation] = []
        self.logprobs: list[TokenLogprob] | None = None
        self.call_index = 0
        self.id = ""
        self.name = ""
        self.ended = False
        self.part: Part | None = None

    def join(self, delta: str) -> str:
        """Return a delta with the halves of surrogate pairs joined; a half whose other never comes is U+FFFD."""
        if self.half:
            delta, self.half = self.half + delta, ""
        elif not ("\ud800" <= delta[-1] <= "\udfff" or "\udc00" <= delta[0] <= "\udfff"):
            return delta
        if "\ud800" <= delta[-1] <= "\udbff":
            delta, self.half = delta[:-1], delta[-1]
        return delta.encode("utf-16", "surrogatepass").decode("utf-16", "replace")

    def build(self) -> Part | None:
        """Return the part with what has come of it; `None` for one that is left out until it is complete."""
        if self.kind == "text":
            logprobs = None if self.logprobs is None else tuple(self.logprobs)
            return TextPart("".join(self.pieces), tuple(self.citations), logprobs, state=tuple(self.state))
        if self.kind == "reasoning":
            return ReasoningPart("".join(self.pieces), state=tuple(self.state))
        return self.call() if self.kind == "tool" and self.ended else self.part

    def call(self) -> ToolCall:
        """Return the tool call with the arguments so far."""
        return ToolCall(self.id, self.name, "".join(self.pieces), state=tuple(self.state))


class ResponseBuilder:
    """Collects one answer: `add` takes the events of a stream, `partial` and `response` give what they make.

    Args:
        provider: name of the provider.
        model: the model as answered.
        request_id: the provider's id of the request.
        warnings: what is known when the stream is opened.

    Attributes:
        usage: tokens, once the provider has counted them.
        cost: money, if the provider bills it.
        finish_reason: why the answer ended; `None` before its end.
        native_finish_reason: the provider's own name of the reason.
        notices: warnings for the caller.
        done: whether the end has come.
    """

    __slots__ = (
        "_open",
        "_order",
        "cost",
        "done",
        "finish_reason",
        "model",
        "native_finish_reason",
        "notices",
        "provider",
        "request_id",
        "usage",
    )

    def __init__(
        self,
        *,
        provider: str = "",
        model: str | None = None,
        request_id: str | None = None,
        warnings: Iterable[Notice] = (),
    ) -> None:
        self.provider = provider
        self.model = model
        self.request_id = request_id
        self.notices = list(warnings)
        self.usage = _NO_USAGE
        self.cost: Cost | None = None
        self.finish_reason: FinishReason | None = None
        self.native_finish_reason: str | None = None
        self.done = False
        self._open: dict[Hashable, PartBuilder] = {}
        self._order: list[PartBuilder] = []

    def _part(self, key: Hashable, kind: PartKind) -> PartBuilder:
        """Return the part of this key; a new one comes after all others."""
        part = self._open.get(key)
        if part is None:
            part = self._open[key] = PartBuilder(kind, len(self._order))
            self._order.append(part)
        return part

    def add(self, event: ChatEvent) -> None:
        """Take the next event of a stream."""
        _ADDERS[type(event)](self, event)

    def _part_at(self, kind: PartKind, index: int) -> PartBuilder:
        """Return the text or reasoning part at this index of the message.

        Events of calls and of parts in one piece do not name their index: a new part is inserted before those that were
        assumed to come earlier than they do.
        """
        part = self._open.get((kind, index))
        if part is None:
            part = self._open[kind, index] = PartBuilder(kind, index)
            order = self._order
            at = len(order)
            while at and (order[at - 1].index > index if order[at - 1].index >= 0 else at > index):
                at -= 1
            order.insert(at, part)
        return part

    def _add_content(self, event: ContentDelta) -> None:
        if event.text:
            part = self._part_at("text", event.part)
            part.pieces.append(part.join(event.text))

    def _add_reasoning(self, event: ReasoningDelta) -> None:
        if event.text:
            part = self._part_at("reasoning", event.part)
            part.pieces.append(part.join(event.text))

    def _add_citation(self, event: CitationDelta) -> None:
        self._part_at("text", event.part).citations.append(event.citation)

    def _add_call(self, event: ToolCallStart | ToolCallEnd) -> None:
        part = self._append_part(("tool", event.index), "tool")
        if type(event) is ToolCallEnd:
            part.part = event.call

    def _add_provider_event(self, event: ProviderEvent) -> None:
        """Take a part that `events_of` wrote; a provider's own events are no part of the message."""
        cls = _WHOLE_PARTS.get(event.kind)
        if cls is not None:
            try:
                part = cls.from_json(event.data)
            except InvalidInput:
                return
            self._append_part(("whole", len(self._order)), "whole").part = part

    def _append_part(self, key: Hashable, kind: PartKind) -> PartBuilder:
        part = self._part(key, kind)
        part.index = -1
        return part

    def _add_usage(self, event: UsageEvent) -> None:
        self.usage = event.usage

    def _add_done(self, event: Done) -> None:
        self.done = True
        self.finish_reason = event.finish_reason
        for part in self._order:
            if part.half:
                part.pieces.append("\ufffd")
                part.half = ""

    def _ignore(self, event: ToolCallDelta) -> None:
        """Arguments come again, complete, with the call's end; a call without one is left out."""

    def parts(self) -> tuple[Part, ...]:
        """Return the parts so far; calls that are not complete are left out."""
        return tuple([built for part in self._order if (built := part.build()) is not None])

    @property
    def partial(self) -> ChatResponse[Any]:
        """What has come so far, at any time."""
        return self.response()

    def response(self, remainder: ChatResponse[Any] | None = None) -> ChatResponse[Any]:
        """Return the response.

        Args:
            remainder: what `remainder_of` gave for the same response: everything that no event carries.
        """
        if remainder is not None:
            message = replace(remainder.message, content=self._fill(remainder.message.content))
            return replace(remainder, message=message, _parsed=[])
        return ChatResponse(
            Message("assistant", self.parts()),
            self.usage,
            self.cost,
            self.finish_reason or "unknown",
            self.native_finish_reason,
            self.provider,
            self.model or "",
            self.request_id,
            tuple(self.notices),
        )

    def _fill(self, content: tuple[Part, ...]) -> tuple[Part, ...]:
        """Return a remainder's parts with the texts and calls that were streamed."""
        texts = {(part.kind, part.index): part for part in self._order if part.index >= 0}
        slots = [(_KINDS[type(part)], i) for i, part in enumerate(content) if type(part) in _KINDS]
        if not texts.keys() <= set(slots):
            # A part that never came held an index while the texts behind it were streamed.
            free = {kind: iter([slot for slot in slots if slot[0] == kind]) for kind in ("text", "reasoning")}
            moved = [(next(free[kind], None), part) for (kind, _), part in texts.items()]
            texts = {slot: part for slot, part in moved if slot is not None}
        calls = iter([part.build() for part in self._order if part.kind == "tool"])
        filled: list[Part] = []
        for i, part in enumerate(content):
            if isinstance(part, ToolCall):
                if (call := next(calls, None)) is not None:
                    filled.append(call)
            elif (streamed := texts.get((_KINDS.get(type(part), "whole"), i))) is None:
                filled.append(part)
            elif isinstance(part, TextPart):
                filled.append(replace(part, text="".join(streamed.pieces), citations=tuple(streamed.citations)))
            elif isinstance(part, ReasoningPart):
                filled.append(replace(part, text="".join(streamed.pieces)))
        return tuple(filled)


_KINDS: dict[type[Any], PartKind] = {TextPart: "text", ReasoningPart: "reasoning"}
_WHOLE_PARTS: dict[str, Any] = {cls.type: cls for cls in PART_TYPES if cls not in (TextPart, ReasoningPart, ToolCall)}
_ADDERS: dict[type[Any], Callable[[ResponseBuilder, Any], None]] = {
    ContentDelta: ResponseBuilder._add_content,
    ReasoningDelta: ResponseBuilder._add_reasoning,
    CitationDelta: ResponseBuilder._add_citation,
    ToolCallStart: ResponseBuilder._add_call,
    ToolCallDelta: ResponseBuilder._ignore,
    ToolCallEnd: ResponseBuilder._add_call,
    ProviderEvent: ResponseBuilder._add_provider_event,
    UsageEvent: ResponseBuilder._add_usage,
    Done: ResponseBuilder._add_done,
}

_WORDS = re.compile(r"\s*\S+\s*$|\s*\S+|\s+")


def events_of(response: ChatResponse[Any]) -> list[ChatEvent]:
    """Return the events that a stream of this response would have."""
    events: list[ChatEvent] = []
    calls = 0
    for index, part in enumerate(response.message.content):
        match part:
            case TextPart(text, citations):
                events += [ContentDelta(piece, part=index) for piece in _WORDS.findall(text)]
                events += [CitationDelta(citation, part=index) for citation in citations]
            case ReasoningPart(text):
                events += [ReasoningDelta(piece, part=index) for piece in _WORDS.findall(text)]
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


def remainder_of(response: ChatResponse[Any]) -> ChatResponse[Any]:
    """Return a response without the texts, citations and arguments that its events carry."""
    content: list[Part] = []
    for part in response.message.content:
        if isinstance(part, TextPart):
            content.append(replace(part, text="", citations=()))
        elif isinstance(part, ReasoningPart):
            content.append(replace(part, text=""))
        elif isinstance(part, ToolCall):
            content.append(replace(part, arguments=""))
        else:
            content.append(part)
    return replace(response, message=replace(response.message, content=tuple(content)), _parsed=[])
