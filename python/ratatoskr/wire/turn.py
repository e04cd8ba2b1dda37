"""The assistant's turn as a decoder fills it: the parts by keys of the decoder's own, and the events of each step."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable
from typing import Literal

from ratatoskr.types.accumulator import PartBuilder, PartKind, ResponseBuilder
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
from ratatoskr.types.part import Citation, Part, ProviderState, TokenLogprob

REFUSAL_STATE = b'{"type":"refusal"}'
"""The state of a text that is a refusal, in the dialects that have another member for it than for texts."""


class TurnBuilder(ResponseBuilder):
    """A `ResponseBuilder` that decoders write to; every write gives the events that a stream of it has.

    Decoders name parts by keys of their own; the order is that of first appearance.

    Attributes:
        issuer: the issuer of the state put on parts.
        streamed: whether the events are wanted; where they are not, the most frequent ones are not made.
        seed: what generated call ids are derived from, unique to the response (its id or time stamp).
        response_id: the provider's id of the response.
        detail: the provider's message about a refusal or filter.
    """

    __slots__ = ("_calls", "_events", "_whole_calls", "detail", "issuer", "response_id", "seed", "streamed")

    def __init__(self, issuer: str, *, streamed: bool = True) -> None:
        super().__init__()
        self.issuer = issuer
        self.streamed = streamed
        self.seed = ""
        self.response_id: str | None = None
        self.detail: str | None = None
        self._calls = 0
        self._events: list[ChatEvent] = []
        self._whole_calls: dict[str, tuple[int, str, str]] = {}

    @property
    def empty(self) -> bool:
        """Whether no part has begun."""
        return not self._order

    def take(self) -> list[ChatEvent]:
        """Return the events since the last call."""
        events, self._events = self._events, []
        return events

    def place(self, key: Hashable, kind: PartKind) -> None:
        """Give a part its place in the order before anything of it has come."""
        self._part(key, kind)

    def text(self, key: Hashable, delta: str) -> None:
        """Append text to the text part of this key."""
        if not delta:
            return
        part = self._open.get(key) or self._part(key, "text")
        if delta := part.join(delta):
            part.pieces.append(delta)
            if self.streamed:
                self._events.append(ContentDelta(delta, part=part.index))

    def reasoning(self, key: Hashable, delta: str) -> None:
        """Append text to the reasoning part of this key."""
        if not delta:
            return
        part = self._open.get(key) or self._part(key, "reasoning")
        if delta := part.join(delta):
            part.pieces.append(delta)
            if self.streamed:
                self._events.append(ReasoningDelta(delta, part=part.index))

    def state(self, key: Hashable, data: bytes, kind: Literal["text", "reasoning", "tool"] = "reasoning") -> None:
        """Attach opaque state to the part of this key, which begins with it if nothing of it has come yet."""
        self._part(key, kind).state.append(ProviderState(self.issuer, data))

    def replace_state(
        self, key: Hashable, data: bytes, kind: Literal["text", "reasoning", "tool"] = "reasoning"
    ) -> None:
        """Attach opaque state in place of what the part of this key had."""
        self._part(key, kind).state[:] = [ProviderState(self.issuer, data)]

    def citation(self, key: Hashable, citation: Citation) -> None:
        """Add a source to the text part of this key."""
        part = self._part(key, "text")
        part.citations.append(citation)
        self._events.append(CitationDelta(citation, part=part.index))

    def logprobs(self, key: Hashable, tokens: list[TokenLogprob]) -> None:
        """Add log probabilities to the text part of this key."""
        part = self._part(key, "text")
        if part.logprobs is None:
            part.logprobs = []
        part.logprobs += tokens

    def tool(self, key: Hashable, id: str | None, name: str) -> None:
        """Begin a call; without an id one is generated."""
        part = self._part(key, "tool")
        part.call_index, self._calls = self._calls, self._calls + 1
        part.id = id or self.made_up_id(part.call_index, name)
        part.name = name
        self._events.append(ToolCallStart(part.call_index, part.id, name))

    def whole_call(
        self, key: Hashable, id: str | None, name: str, arguments: str, *, message: int, state: bytes | None = None
    ) -> bool:
        """Add a call that came in one piece in the message of this number, and return whether it is a new one.

        Some hosts send a call again in a later message: with the same id, name and arguments it is the same call. An id
        that another call has is replaced.
        """
        before = self._whole_calls.get(id) if id else None
        if before is not None and before[0] != message and before[1:] == (name, arguments):
            return False
        if id and before is None:
            self._whole_calls[id] = (message, name, arguments)
        self.tool(key, id if before is None else None, name)
        if state is not None:
            self.state(key, state, "tool")
        self.arguments(key, arguments)
        self.end(key)
        return True

    def made_up_id(self, index: int, name: str) -> str:
        """Return an id for a call that came without one: the same for the same response, another for another."""
        digest = hashlib.blake2s(f"{self.seed}\0{self.response_id}\0{index}\0{name}".encode(), digest_size=9)
        return f"call_{digest.hexdigest()}"

    def has(self, key: Hashable) -> bool:
        """Return whether a part of this key has begun."""
        return key in self._open

    def arguments(self, key: Hashable, delta: str) -> None:
        """Append JSON text to the arguments of this key's call."""
        if delta and (delta := (part := self._part(key, "tool")).join(delta)):
            part.pieces.append(delta)
            self._events.append(ToolCallDelta(part.call_index, delta))

    def arguments_of(self, key: Hashable) -> str:
        """Return the arguments of this key's call so far."""
        return "".join(self._open[key].pieces)

    def end(self, key: Hashable) -> None:
        """Close a part: nothing more comes for it. A call is complete now."""
        part = self._open.get(key)
        if part is None or part.ended:
            return
        part.ended = True
        if part.half:
            part.half = ""
            self._add_replacement(part)
        if part.kind == "tool":
            self._events.append(ToolCallEnd(part.call_index, part.call()))

    def _add_replacement(self, part: PartBuilder) -> None:
        """Add U+FFFD for a half of a surrogate pair whose other half has not come."""
        part.pieces.append("\ufffd")
        if part.kind == "text":
            self._events.append(ContentDelta("\ufffd", part=part.index))
        elif part.kind == "reasoning":
            self._events.append(ReasoningDelta("\ufffd", part=part.index))
        else:
            self._events.append(ToolCallDelta(part.call_index, "\ufffd"))

    def part(self, key: Hashable, part: Part, kind: str, data: bytes) -> None:
        """Add a part that came in one piece, with a `ProviderEvent`."""
        opened = self._part(key, "whole")
        opened.part, opened.ended = part, True
        self._events.append(ProviderEvent(kind, data))

    def event(self, kind: str, data: bytes) -> None:
        """Add a `ProviderEvent` for something that is not part of the message."""
        self._events.append(ProviderEvent(kind, data))

    def finish(self, reason: FinishReason, native: str | None) -> None:
        """Set why the answer ended."""
        self.finish_reason, self.native_finish_reason = reason, native

    def reopen(self) -> None:
        """Forget why the answer ended, as more of it has come."""
        self.finish_reason = self.native_finish_reason = self.detail = None

    def complete(self) -> None:
        """Close what is open, then add the usage and `Done`; a second call does nothing."""
        if self.done:
            return
        for key, part in list(self._open.items()):
            if not part.ended:
                self.end(key)
        self.done = True
        if not self.streamed:
            return
        if self.usage.source != "unknown":
            self._events.append(UsageEvent(self.usage))
        self._events.append(Done(self.finish_reason or "unknown"))
