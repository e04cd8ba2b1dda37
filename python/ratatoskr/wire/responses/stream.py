"""The events of a stream, which belong to an item by its id or its index, never by their order."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Raw

from ratatoskr.errors import MalformedResponse
from ratatoskr.types.event import ChatEvent
from ratatoskr.wire.dialect import Target
from ratatoskr.wire.failure import FailureReported
from ratatoskr.wire.json import decode, decode_answer, decode_without_minor, replace_surrogates
from ratatoskr.wire.responses.citations import parse_annotation
from ratatoskr.wire.responses.decode import SECTION_SEPARATOR, OutputReader, StreamedText, parse_logprobs, read_head
from ratatoskr.wire.responses.errors import decode_error
from ratatoskr.wire.responses.finish import raise_for_failure
from ratatoskr.wire.responses.shapes import (
    MINOR,
    RESPONSE_MINOR,
    CreatedResponse,
    OutputItem,
    Response,
    ResponseStreamEvent,
    ToolCallItem,
    TypeTag,
    raw_or_none,
    read_item,
)
from ratatoskr.wire.responses.tools import CLIENT_TOOLS, TOOL_CALLS, call_id_of
from ratatoskr.wire.turn import TurnBuilder

_PROVIDER_EVENTS = frozenset(
    {
        "response.image_generation_call.partial_image",
        "response.code_interpreter_call_code.delta",
        "response.mcp_call_arguments.delta",
        "response.audio.delta",
        "response.audio.transcript.delta",
    }
)
"""Events with deltas for which we have no event; the complete item has the content again."""


class _OpenItem:
    """An output item of the stream.

    Attributes:
        number: its number in the turn, whatever index the provider sent.
        id: the provider's id.
        kind: its type, once known.
        done: whether it is complete.
        added: the item of `response.output_item.added`, used if the complete item never comes.
        section: the section of a reasoning item that the last delta belongs to.
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
        self.pending = StreamedText()


class StreamDecoder:
    """Decodes the events of one stream."""

    __slots__ = ("_by_id", "_by_index", "_items", "_reader", "turn")

    def __init__(self, target: Target) -> None:
        self.turn = TurnBuilder(target.issuer)
        self._reader = OutputReader(self.turn)
        self._by_index: dict[int | None, _OpenItem] = {}
        self._by_id: dict[str, _OpenItem] = {}
        self._items: list[_OpenItem] = []

    def feed(self, event: str, data: bytes) -> list[ChatEvent]:
        """Return the events of one event of the API; after the last one everything is ignored.

        Raises:
            FailureReported: it reports an error.
            MalformedResponse: it is not an event of the API.
        """
        if self.turn.done or data == b"[DONE]":
            return []
        try:
            parsed = decode(ResponseStreamEvent, data)
        except MalformedResponse as error:
            kind = decode(TypeTag, data).type or event
            if kind not in _EVENTS:
                return self._read_other(kind, data)
            parsed = decode_without_minor(error, ResponseStreamEvent, data, MINOR, self.turn.notices)
        kind = parsed.type or event
        handle = _EVENTS.get(kind)
        if handle is None:
            if not parsed.type and raw_or_none(parsed.error) is not None:
                raise FailureReported(decode_error(data))
            return self._read_other(kind, data)
        parsed.type = kind
        handle(self, parsed)
        return self.turn.take()

    def end(self) -> list[ChatEvent]:
        """Return no events: only a terminal event ends a response."""
        return []

    def _read_other(self, kind: str, data: bytes) -> list[ChatEvent]:
        if kind in _ERRORS:
            raise FailureReported(decode_error(data))
        if kind in _PROVIDER_EVENTS:
            self.turn.event(kind, data)
        return self.turn.take()

    def _item_of(self, event: ResponseStreamEvent) -> _OpenItem:
        """Return the item of an event: by id first, as some hosts send the same index with every item."""
        return self._find(event.output_index, event.item_id) or self._begin(event.output_index, event.item_id)

    def _find(self, index: int | None, id: str | None) -> _OpenItem | None:
        return (self._by_id.get(id) if id else None) or self._by_index.get(index)

    def _begin(self, index: int | None, id: str | None) -> _OpenItem:
        item = self._by_index[index] = _OpenItem(len(self._items), id)
        self._items.append(item)
        if id:  # some hosts send an empty id with every item
            self._by_id[id] = item
        return item

    def _on_created(self, event: ResponseStreamEvent) -> None:
        response = raw_or_none(event.response)
        if response is not None:
            read_head(self.turn, decode_answer(CreatedResponse, response, RESPONSE_MINOR, self.turn.notices))

    def _on_item_added(self, event: ResponseStreamEvent) -> None:
        if raw_or_none(event.item) is None:
            return
        head, event.item = read_item(event.item, self.turn.notices)
        data = bytes(event.item)
        item = self._by_index.get(event.output_index)
        if item is None or item.done or item.id not in {None, head.id}:
            item = self._begin(event.output_index, head.id)
        item.kind, key = head.type, (item.number, -1)
        if head.type in TOOL_CALLS:
            self._begin_call(item, data)
        elif head.type == "reasoning":
            self.turn.place(key, "reasoning")
        elif head.type != "message" and head.type not in CLIENT_TOOLS:
            self.turn.place(key, "whole")
        if head.type not in {"message", "reasoning"}:
            item.added = event.item

    def _begin_call(self, item: _OpenItem, data: bytes) -> None:
        """Begin the part of a call once its name and id are known, with the arguments that have come before."""
        call, key = decode(ToolCallItem, data), (item.number, -1)
        if key in self._reader.streamed or not call.name or not call.call_id:
            return
        self._reader.has_calls = True
        self._reader.streamed[key] = StreamedText()
        self.turn.tool(key, call_id_of(call), replace_surrogates(call.name))
        for delta in item.pending.deltas:
            self._add_arguments(item, delta)

    def _add_arguments(self, item: _OpenItem, delta: str) -> None:
        key = (item.number, -1)
        streamed = self._reader.streamed.get(key)
        if streamed is None:
            item.pending.add(delta)
        else:
            streamed.add(delta)
            self.turn.arguments(key, delta)

    def _on_text_delta(self, event: ResponseStreamEvent) -> None:
        delta = event.delta
        if not delta:
            return
        item = self._by_index.get(event.output_index)
        if item is None or item.id != event.item_id:
            item = self._item_of(event)
        key = (item.number, event.content_index or 0)
        streamed = self._reader.streamed.get(key)
        if streamed is None:
            streamed = self._reader.streamed[key] = StreamedText()
        streamed.deltas.append(delta)
        streamed.length += len(delta)
        self.turn.text(key, delta)
        if event.logprobs:
            self._reader.streamed_logprobs.setdefault(key, []).extend(parse_logprobs(event.logprobs))

    def _on_text_done(self, event: ResponseStreamEvent) -> None:
        text = event.text if event.text is not None else event.refusal
        if text is not None:
            self._reader.complete_text((self._item_of(event).number, event.content_index or 0), text)

    def _on_summary_delta(self, event: ResponseStreamEvent) -> None:
        self._add_reasoning(event, ("summary", event.summary_index or 0))

    def _on_reasoning_delta(self, event: ResponseStreamEvent) -> None:
        self._add_reasoning(event, ("content", event.content_index or 0))

    def _add_reasoning(self, event: ResponseStreamEvent, section: tuple[str, int]) -> None:
        delta = event.delta
        if not delta:
            return
        item = self._item_of(event)
        if item.kind not in {None, "reasoning"}:
            return
        item.kind, key = "reasoning", (item.number, -1)
        if item.section != section:
            delta = SECTION_SEPARATOR + delta if item.section is not None else delta
            item.section = section
        self._reader.streamed.setdefault(key, StreamedText()).add(delta)
        self.turn.reasoning(key, delta)

    def _on_arguments_delta(self, event: ResponseStreamEvent) -> None:
        item = self._item_of(event)
        if event.delta and (item.kind is None or item.kind in TOOL_CALLS):
            self._add_arguments(item, event.delta)

    def _on_arguments_done(self, event: ResponseStreamEvent) -> None:
        """Add what of the arguments has not been streamed."""
        item, text = self._item_of(event), event.arguments if event.arguments is not None else event.input
        if not text or item.done or item.kind not in TOOL_CALLS | {None}:
            return
        if rest := self._reader.streamed.get((item.number, -1), item.pending).rest_of(text):
            self._add_arguments(item, rest)

    def _on_annotation_added(self, event: ResponseStreamEvent) -> None:
        if raw_or_none(event.annotation) is None:
            return
        key = (self._item_of(event).number, event.content_index or 0)
        self._reader.streamed_citations[key] = self._reader.streamed_citations.get(key, 0) + 1
        self.turn.citation(key, parse_annotation(event.annotation))

    def _on_item_done(self, event: ResponseStreamEvent) -> None:
        if raw_or_none(event.item) is None:
            return
        head, event.item = read_item(event.item, self.turn.notices)
        item = self._find(event.output_index, head.id)
        if item is None or (item.done and item.id != head.id):
            item = self._begin(event.output_index, head.id)
        self._complete(item, event.item)

    def _complete(self, item: _OpenItem, raw: Raw) -> None:
        head = decode(OutputItem, bytes(raw))
        if item.kind not in {None, head.type}:
            item = self._begin(None, head.id)
        if item.done:
            return
        item.kind, item.done, item.added = head.type, True, None
        if head.type in TOOL_CALLS:
            self._begin_call(item, bytes(raw))
        self._reader.add(item.number, raw)

    def _on_response_ended(self, event: ResponseStreamEvent) -> None:
        data = raw_or_none(event.response)
        if data is None:
            raise MalformedResponse(f"unexpected shape: {event.type} without a response")
        response = decode_answer(Response, data, RESPONSE_MINOR, self.turn.notices)
        status = _END_STATUS[event.type]
        read_head(self.turn, response)
        raise_for_failure(response, status)
        for index, output in enumerate(response.output or ()):
            head, raw = read_item(output, self.turn.notices)
            self._complete(self._find(index, head.id) or self._begin(index, head.id), raw)
        for item in list(self._items):
            if item.added is not None:
                self._complete(item, item.added)
        self._reader.complete(response, response.status or status)


_ERRORS = frozenset({"error", "response.error"})

_END_STATUS = {
    "response.completed": "completed",
    "response.done": "completed",
    "response.incomplete": "incomplete",
    "response.failed": "failed",
    "response.cancelled": "cancelled",
}
"""The last event of a stream, and its status for responses without one."""

_EVENTS: dict[str, Callable[[StreamDecoder, ResponseStreamEvent], None]] = {
    "response.output_text.delta": StreamDecoder._on_text_delta,
    "response.output_text.done": StreamDecoder._on_text_done,
    "response.output_text.annotation.added": StreamDecoder._on_annotation_added,
    "response.refusal.delta": StreamDecoder._on_text_delta,
    "response.refusal.done": StreamDecoder._on_text_done,
    "response.reasoning_summary_text.delta": StreamDecoder._on_summary_delta,
    "response.reasoning_text.delta": StreamDecoder._on_reasoning_delta,
    "response.function_call_arguments.delta": StreamDecoder._on_arguments_delta,
    "response.custom_tool_call_input.delta": StreamDecoder._on_arguments_delta,
    "response.function_call_arguments.done": StreamDecoder._on_arguments_done,
    "response.custom_tool_call_input.done": StreamDecoder._on_arguments_done,
    "response.created": StreamDecoder._on_created,
    "response.queued": StreamDecoder._on_created,
    "response.in_progress": StreamDecoder._on_created,
    "response.output_item.added": StreamDecoder._on_item_added,
    "response.output_item.done": StreamDecoder._on_item_done,
    **dict.fromkeys(_END_STATUS, StreamDecoder._on_response_ended),
}
