"""The events of a stream, keyed by `output_index` first and `item_id` second, never by what came last."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Raw

from ratatoskr.errors import MalformedResponse
from ratatoskr.types.event import ChatEvent
from ratatoskr.wire.dialect import Target
from ratatoskr.wire.failure import FailureReported
from ratatoskr.wire.json import decode, replace_surrogates
from ratatoskr.wire.responses.decode import finish, open_turn, refuse_failure
from ratatoskr.wire.responses.failure import decode_error
from ratatoskr.wire.responses.items import (
    BETWEEN,
    CALLS,
    CLIENT_TOOLS,
    Items,
    citation_of,
    id_of,
    logprobs_of,
)
from ratatoskr.wire.responses.shapes import CallItem, Event, ItemHead, Named, Opening, Response, present
from ratatoskr.wire.turn import TurnBuilder

_TOLD_ON = frozenset(
    {
        "response.image_generation_call.partial_image",
        "response.code_interpreter_call_code.delta",
        "response.mcp_call_arguments.delta",
        "response.audio.delta",
        "response.audio.transcript.delta",
    }
)
"""Events that bring content early which has no event of ours; the item brings it again, whole."""


class _Slot:
    """An output item under way.

    Attributes:
        number: of the item in this turn, whatever index the provider gave.
        id: the provider's id.
        kind: its type, once known.
        done: whether it is whole.
        added: the item as it began, which has to do where it is never told whole.
        section: which section of a reasoning item spoke last.
        pending: arguments of a call whose name has not come.
    """

    __slots__ = ("added", "done", "id", "kind", "number", "pending", "section")

    def __init__(self, number: int, id: str | None) -> None:
        self.number = number
        self.id = id
        self.kind: str | None = None
        self.done = False
        self.added: Raw | None = None
        self.section: tuple[str, int] | None = None
        self.pending: list[str] = []


class StreamDecoder:
    """Turns the events of one stream into ours; it does not depend on how the bytes were cut."""

    __slots__ = ("_all", "_ids", "_items", "_slots", "turn")

    def __init__(self, target: Target) -> None:
        self.turn = TurnBuilder(target.issuer)
        self._items = Items(self.turn)
        self._slots: dict[int | None, _Slot] = {}
        self._ids: dict[str, _Slot] = {}
        self._all: list[_Slot] = []

    def feed(self, event: str, data: bytes) -> list[ChatEvent]:
        """Return what one event means; none after the terminal one means anything.

        Raises:
            FailureReported: the provider told an error.
            MalformedResponse: the event is not of the dialect.
        """
        if self.turn.done or data == b"[DONE]":
            return []
        try:
            told = decode(Event, data)
        except MalformedResponse:
            kind = decode(Named, data).type or event
            if kind in _EVENTS:
                raise
            return self._unknown(kind, data)
        kind = told.type or event
        act = _EVENTS.get(kind)
        if act is None:
            if not told.type and present(told.error) is not None:
                raise FailureReported(decode_error(data))
            return self._unknown(kind, data)
        told.type = kind
        act(self, told)
        return self.turn.take()

    def end(self) -> list[ChatEvent]:
        """Return nothing: only a terminal event ends a response."""
        return []

    def _unknown(self, kind: str, data: bytes) -> list[ChatEvent]:
        if kind in _ERRORS:
            raise FailureReported(decode_error(data))
        if kind in _TOLD_ON:
            self.turn.event(kind, data)
        return self.turn.take()

    def _slot(self, told: Event) -> _Slot:
        """Return the item that an event belongs to; a host that gives all the same index is told by its ids."""
        return self._known(told.output_index, told.item_id) or self._new_slot(told.output_index, told.item_id)

    def _known(self, index: int | None, id: str | None) -> _Slot | None:
        return (self._ids.get(id) if id else None) or self._slots.get(index)

    def _new_slot(self, index: int | None, id: str | None) -> _Slot:
        slot = self._slots[index] = _Slot(len(self._all), id)
        self._all.append(slot)
        if id:  # some hosts give every item the same, empty one
            self._ids[id] = slot
        return slot

    def _created(self, told: Event) -> None:
        response = present(told.response)
        if response is not None:
            open_turn(self.turn, decode(Opening, response))

    def _added(self, told: Event) -> None:
        data = present(told.item)
        if data is None:
            return
        head = decode(ItemHead, data)
        before = self._slots.get(told.output_index)
        if before is not None and not before.done and before.id in {None, head.id}:
            slot = before
        else:
            slot = self._new_slot(told.output_index, head.id)
        slot.kind, key = head.type, (slot.number, -1)
        if head.type in CALLS:
            self._begin_call(slot, data)
        elif head.type == "reasoning":
            self.turn.place(key, "reasoning")
        elif head.type != "message" and head.type not in CLIENT_TOOLS:
            self.turn.place(key, "whole")
        if head.type not in {"message", "reasoning"}:
            slot.added = told.item

    def _begin_call(self, slot: _Slot, data: bytes) -> None:
        """Begin a call as soon as its name and id are known; what came earlier follows."""
        item, key = decode(CallItem, data), (slot.number, -1)
        if key in self._items.said or not item.name or not item.call_id:
            return
        self._items.calls = True
        self._items.said[key] = []
        self.turn.tool(key, id_of(item), replace_surrogates(item.name))
        for piece in slot.pending:
            self._argue(slot, piece)

    def _argue(self, slot: _Slot, delta: str) -> None:
        key = (slot.number, -1)
        said = self._items.said.get(key)
        if said is None:
            slot.pending.append(delta)
        else:
            said.append(delta)
            self.turn.arguments(key, delta)

    def _text_delta(self, told: Event) -> None:
        delta = told.delta
        if not delta:
            return
        slot = self._slots.get(told.output_index)
        if slot is None or slot.id != told.item_id:
            slot = self._slot(told)
        key = (slot.number, told.content_index or 0)
        said = self._items.said.get(key)
        if said is None:
            self._items.said[key] = [delta]
        else:
            said.append(delta)
        self.turn.text(key, delta)
        if told.logprobs:
            self._items.heard.setdefault(key, []).extend(logprobs_of(told.logprobs))

    def _text_done(self, told: Event) -> None:
        text = told.text if told.text is not None else told.refusal
        if text is not None:
            self._items.words((self._slot(told).number, told.content_index or 0), text)

    def _summary_delta(self, told: Event) -> None:
        self._think(told, ("summary", told.summary_index or 0))

    def _reasoning_delta(self, told: Event) -> None:
        self._think(told, ("content", told.content_index or 0))

    def _think(self, told: Event, section: tuple[str, int]) -> None:
        delta = told.delta
        if not delta:
            return
        slot = self._slot(told)
        if slot.kind not in {None, "reasoning"}:
            return
        slot.kind, key = "reasoning", (slot.number, -1)
        said = self._items.said.setdefault(key, [])
        if slot.section != section:
            delta = BETWEEN + delta if slot.section is not None else delta
            slot.section = section
        said.append(delta)
        self.turn.reasoning(key, delta)

    def _arguments_delta(self, told: Event) -> None:
        slot = self._slot(told)
        if told.delta and (slot.kind is None or slot.kind in CALLS):
            self._argue(slot, told.delta)

    def _arguments_done(self, told: Event) -> None:
        """Add what of the arguments has not been streamed."""
        slot, words = self._slot(told), told.arguments if told.arguments is not None else told.input
        if not words or slot.done or slot.kind not in CALLS | {None}:
            return
        said = "".join(self._items.said.get((slot.number, -1), slot.pending))
        if words.startswith(said) and words != said:
            self._argue(slot, words[len(said) :])

    def _annotation(self, told: Event) -> None:
        if present(told.annotation) is None:
            return
        key = (self._slot(told).number, told.content_index or 0)
        self._items.cited[key] = self._items.cited.get(key, 0) + 1
        self.turn.citation(key, citation_of(told.annotation))

    def _done(self, told: Event) -> None:
        data = present(told.item)
        if data is None:
            return
        head = decode(ItemHead, data)
        slot = self._known(told.output_index, head.id)
        if slot is None or (slot.done and slot.id != head.id):
            slot = self._new_slot(told.output_index, head.id)
        self._complete(slot, told.item)

    def _complete(self, slot: _Slot, item: Raw) -> None:
        data = bytes(item)
        head = decode(ItemHead, data)
        if slot.kind not in {None, head.type}:
            slot = self._new_slot(None, head.id)
        if slot.done:
            return
        slot.kind, slot.done, slot.added = head.type, True, None
        if head.type in CALLS:
            self._begin_call(slot, data)
        self._items.put(slot.number, item)

    def _terminal(self, told: Event) -> None:
        data = present(told.response)
        if data is None:
            raise MalformedResponse(f"unexpected shape: {told.type} without a response")
        response = decode(Response, data)
        status = _ENDS[told.type]
        open_turn(self.turn, response)
        refuse_failure(response, status)
        for index, item in enumerate(response.output or ()):
            head = decode(ItemHead, bytes(item))
            self._complete(self._known(index, head.id) or self._new_slot(index, head.id), item)
        for slot in list(self._all):
            if slot.added is not None:
                self._complete(slot, slot.added)
        finish(self._items, response, status)


_ERRORS = frozenset({"error", "response.error"})

_ENDS = {
    "response.completed": "completed",
    "response.done": "completed",
    "response.incomplete": "incomplete",
    "response.failed": "failed",
    "response.cancelled": "cancelled",
}
"""Terminal events, and the status they mean where the response inside tells none."""

_EVENTS: dict[str, Callable[[StreamDecoder, Event], None]] = {
    "response.output_text.delta": StreamDecoder._text_delta,
    "response.output_text.done": StreamDecoder._text_done,
    "response.output_text.annotation.added": StreamDecoder._annotation,
    "response.refusal.delta": StreamDecoder._text_delta,
    "response.refusal.done": StreamDecoder._text_done,
    "response.reasoning_summary_text.delta": StreamDecoder._summary_delta,
    "response.reasoning_text.delta": StreamDecoder._reasoning_delta,
    "response.function_call_arguments.delta": StreamDecoder._arguments_delta,
    "response.custom_tool_call_input.delta": StreamDecoder._arguments_delta,
    "response.function_call_arguments.done": StreamDecoder._arguments_done,
    "response.custom_tool_call_input.done": StreamDecoder._arguments_done,
    "response.created": StreamDecoder._created,
    "response.queued": StreamDecoder._created,
    "response.in_progress": StreamDecoder._created,
    "response.output_item.added": StreamDecoder._added,
    "response.output_item.done": StreamDecoder._done,
    **dict.fromkeys(_ENDS, StreamDecoder._terminal),
}
