"""The assistant's turn while a decoder fills it: parts in order, opaque state on its part, events on the side."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Literal

from ratatoskr.types.attempt import Notice
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
from ratatoskr.types.part import (
    Citation,
    Part,
    ProviderState,
    ReasoningPart,
    TextPart,
    TokenLogprob,
    ToolCall,
)
from ratatoskr.types.usage import Cost, Usage

_UNTOLD = Usage()


@dataclass(slots=True)
class _Open:
    """A part under way."""

    kind: Literal["text", "reasoning", "tool", "whole"]
    index: int
    pieces: list[str] = field(default_factory=list)
    held: str = ""
    state: list[ProviderState] = field(default_factory=list)
    citations: list[Citation] = field(default_factory=list)
    logprobs: list[TokenLogprob] | None = None
    call_index: int = 0
    id: str = ""
    name: str = ""
    ended: bool = False
    part: Part | None = None


class TurnBuilder:
    """What one answer has brought so far. Decoders name parts by keys of their own; order is first appearance.

    Attributes:
        issuer: who signs the state put on parts.
        seed: what made-up call ids are derived from, unique to the response (its id or time stamp).
        usage: tokens, as far as told.
        cost: money, if the provider bills it.
        model: the model as answered.
        response_id: the provider's id of the response.
        finish_reason: ours; `None` until told.
        native_finish_reason: the provider's word.
        detail: the provider's words about a refusal or filter.
        notices: for the caller.
        done: whether the dialect's own end has come.
    """

    __slots__ = (
        "_calls",
        "_events",
        "_open",
        "_order",
        "cost",
        "detail",
        "done",
        "finish_reason",
        "issuer",
        "model",
        "native_finish_reason",
        "notices",
        "response_id",
        "seed",
        "usage",
    )

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self.seed = ""
        self.usage = _UNTOLD
        self.cost: Cost | None = None
        self.model: str | None = None
        self.response_id: str | None = None
        self.finish_reason: FinishReason | None = None
        self.native_finish_reason: str | None = None
        self.detail: str | None = None
        self.notices: list[Notice] = []
        self.done = False
        self._open: dict[Hashable, _Open] = {}
        self._order: list[_Open] = []
        self._calls = 0
        self._events: list[ChatEvent] = []

    def take(self) -> list[ChatEvent]:
        """Return the events since the last call."""
        events, self._events = self._events, []
        return events

    def _part(self, key: Hashable, kind: Literal["text", "reasoning", "tool", "whole"]) -> _Open:
        part = self._open.get(key)
        if part is None:
            part = self._open[key] = _Open(kind, len(self._order))
            self._order.append(part)
        return part

    def place(self, key: Hashable, kind: Literal["text", "reasoning", "tool", "whole"]) -> None:
        """Give a part its place in the order before anything of it has come."""
        self._part(key, kind)

    def text(self, key: Hashable, delta: str) -> None:
        """Append text to the text part of this key."""
        if delta and (delta := self._joined(part := self._part(key, "text"), delta)):
            part.pieces.append(delta)
            self._events.append(ContentDelta(delta, part=part.index))

    def reasoning(self, key: Hashable, delta: str) -> None:
        """Append text to the thinking part of this key."""
        if delta and (delta := self._joined(part := self._part(key, "reasoning"), delta)):
            part.pieces.append(delta)
            self._events.append(ReasoningDelta(delta, part=part.index))

    def _joined(self, part: _Open, delta: str) -> str:
        """Join halves of a surrogate pair split over deltas; a half whose other never comes is U+FFFD."""
        if part.held:
            delta, part.held = part.held + delta, ""
        elif not ("\ud800" <= delta[-1] <= "\udfff" or "\udc00" <= delta[0] <= "\udfff"):
            return delta
        if "\ud800" <= delta[-1] <= "\udbff":
            delta, part.held = delta[:-1], delta[-1]
        return delta.encode("utf-16", "surrogatepass").decode("utf-16", "replace")

    def state(self, key: Hashable, data: bytes, kind: Literal["text", "reasoning", "tool"] = "reasoning") -> None:
        """Hang opaque state on the part of this key, which is made if nothing of it has come yet."""
        self._part(key, kind).state.append(ProviderState(self.issuer, data))

    def replace_state(
        self, key: Hashable, data: bytes, kind: Literal["text", "reasoning", "tool"] = "reasoning"
    ) -> None:
        """Hang opaque state in place of what this key's part had."""
        self._part(key, kind).state[:] = [ProviderState(self.issuer, data)]

    def citation(self, key: Hashable, citation: Citation) -> None:
        """Add a source to the text part of this key."""
        part = self._part(key, "text")
        part.citations.append(citation)
        self._events.append(CitationDelta(citation, part=part.index))

    def logprobs(self, key: Hashable, tokens: list[TokenLogprob]) -> None:
        """Add log probabilities to the text part of this key."""
        part = self._part(key, "text")
        part.logprobs = (part.logprobs or []) + tokens

    def tool(self, key: Hashable, id: str | None, name: str) -> None:
        """Begin a call; without an id one is made up."""
        part = self._part(key, "tool")
        part.call_index, self._calls = self._calls, self._calls + 1
        part.id = id or self.made_up_id(part.call_index, name)
        part.name = name
        self._events.append(ToolCallStart(part.call_index, part.id, name))

    def made_up_id(self, index: int, name: str) -> str:
        """Return an id for a call that came without one: the same for the same response, another for another."""
        digest = hashlib.blake2s(f"{self.seed}\0{self.response_id}\0{index}\0{name}".encode(), digest_size=9)
        return f"call_{digest.hexdigest()}"

    def has(self, key: Hashable) -> bool:
        """Tell whether a part of this key has begun."""
        return key in self._open

    def arguments(self, key: Hashable, delta: str) -> None:
        """Append JSON text to the arguments of this key's call."""
        if delta and (delta := self._joined(part := self._part(key, "tool"), delta)):
            part.pieces.append(delta)
            self._events.append(ToolCallDelta(part.call_index, delta))

    def end(self, key: Hashable) -> None:
        """Close a part: nothing more comes for it. A call is whole now."""
        part = self._open.get(key)
        if part is None or part.ended:
            return
        part.ended = True
        if part.held:
            part.held = ""
            self._late_half(part)
        if part.kind == "tool":
            self._events.append(ToolCallEnd(part.call_index, self._whole_call(part)))

    def _late_half(self, part: _Open) -> None:
        part.pieces.append("\ufffd")
        if part.kind == "text":
            self._events.append(ContentDelta("\ufffd", part=part.index))
        elif part.kind == "reasoning":
            self._events.append(ReasoningDelta("\ufffd", part=part.index))
        else:
            self._events.append(ToolCallDelta(part.call_index, "\ufffd"))

    def part(self, key: Hashable, part: Part, kind: str, data: bytes) -> None:
        """Add a part that came whole, and tell of it by a `ProviderEvent`."""
        opened = self._part(key, "whole")
        opened.part, opened.ended = part, True
        self._events.append(ProviderEvent(kind, data))

    def event(self, kind: str, data: bytes) -> None:
        """Tell of something that is no part of the message."""
        self._events.append(ProviderEvent(kind, data))

    def finish(self, reason: FinishReason, native: str | None) -> None:
        """Note why the answer ended."""
        self.finish_reason, self.native_finish_reason = reason, native

    def complete(self) -> None:
        """The dialect's own end has come: close what is open, tell the usage, then `Done`; does nothing twice."""
        if self.done:
            return
        for key, part in list(self._open.items()):
            if not part.ended:
                self.end(key)
        self.done = True
        if self.usage.source != "unknown":
            self._events.append(UsageEvent(self.usage))
        self._events.append(Done(self.finish_reason or "unknown"))

    def parts(self) -> tuple[Part, ...]:
        """Return the parts so far; calls that are not whole are left out."""
        return tuple([made for part in self._order if (made := self._made(part)) is not None])

    def _made(self, part: _Open) -> Part | None:
        state = tuple(part.state)
        match part.kind:
            case "text":
                logprobs = None if part.logprobs is None else tuple(part.logprobs)
                return TextPart("".join(part.pieces), tuple(part.citations), logprobs, state=state)
            case "reasoning":
                return ReasoningPart("".join(part.pieces), state=state)
            case "tool":
                return self._whole_call(part) if part.ended else None
            case _:
                return part.part

    def _whole_call(self, part: _Open) -> ToolCall:
        return ToolCall(part.id, part.name, "".join(part.pieces), state=tuple(part.state))
