"""A complete turn of the Responses API, and the events of its stream, written after the documentation."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ratatoskr.types import ChatEvent, Message
from ratatoskr.wire import responses
from ratatoskr.wire.dialect import Target
from ratatoskr.wire.turn import TurnBuilder

REASONING = {
    "id": "rs_1",
    "type": "reasoning",
    "summary": [{"type": "summary_text", "text": "First."}, {"type": "summary_text", "text": "Second."}],
    "encrypted_content": "gAAAA=",
}
SEARCH = {"id": "ws_1", "type": "web_search_call", "status": "completed", "action": {"type": "search", "query": "q"}}
ANNOTATION = {"type": "url_citation", "url": "https://a.example/", "title": "A", "start_index": 0, "end_index": 2}
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "status": "completed",
    "role": "assistant",
    "phase": "final_answer",
    "content": [
        {"type": "output_text", "text": "Hi 🌍", "annotations": [ANNOTATION], "logprobs": []},
        {"type": "refusal", "refusal": "No more."},
    ],
}
CALL = {
    "id": "fc_1",
    "type": "function_call",
    "status": "completed",
    "call_id": "call_1",
    "name": "add",
    "arguments": '{"b": 2.0, "a":1}',
}
UNHEARD = {"id": "nv_1", "type": "novelty_call", "payload": {"deep": [1, 2]}}
OUTPUT = [REASONING, SEARCH, MESSAGE, CALL, UNHEARD]
USAGE = {
    "input_tokens": 100,
    "input_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 10},
    "output_tokens": 50,
    "output_tokens_details": {"reasoning_tokens": 20},
    "total_tokens": 150,
}


def to_json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def response_body(output: list[Any], **fields: Any) -> dict[str, Any]:
    response = {"id": "resp_1", "object": "response", "created_at": 1, "model": "gpt-5.5-2026-04-23"}
    ended = {"status": "completed", "error": None, "incomplete_details": None, "output": output, "usage": USAGE}
    return {**response, **ended, **fields}


def events_for(output: list[Any], end: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """Return the events of a stream with these items, with deltas of two characters."""
    events = [{"type": "response.created", "response": response_body([], status="in_progress", usage=None)}]
    for at, item in enumerate(output):
        where = {"output_index": at, "item_id": item["id"]}
        begun = {**item, "status": "in_progress"}
        for empty in ({"content": []}, {"arguments": ""}, {"input": ""}, {"summary": []}):
            begun.update({name: value for name, value in empty.items() if name in item})
        events.append({"type": "response.output_item.added", "output_index": at, "item": begun})
        events += _item_events(item, where)
        events.append({"type": "response.output_item.done", "output_index": at, "item": item})
    events.append({"type": "response.completed", "response": end or response_body(output)})
    return [{**event, "sequence_number": n} for n, event in enumerate(events)]


def _deltas(text: str) -> list[str]:
    return [text[i : i + 2] for i in range(0, len(text), 2)]


def _item_events(item: dict[str, Any], where: dict[str, Any]) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    for n, section in enumerate(item.get("summary", ())):
        name = "response.reasoning_summary_text.delta"
        events += [{"type": name, **where, "summary_index": n, "delta": d} for d in _deltas(section["text"])]
    for n, part in enumerate(item.get("content", ())):
        here = {**where, "content_index": n}
        name, member = ("refusal", "refusal") if part["type"] == "refusal" else ("output_text", "text")
        events += [{"type": f"response.{name}.delta", **here, "delta": d} for d in _deltas(part[member])]
        for i, note in enumerate(part.get("annotations", ())):
            name = "response.output_text.annotation.added"
            events.append({"type": name, **here, "annotation_index": i, "annotation": note})
    name = "response.function_call_arguments.delta"
    return events + [{"type": name, **where, "delta": d} for d in _deltas(item.get("arguments", ""))]


class Wire:
    """The dialect under test, with one target."""

    target = Target("openai", "gpt-5.5", "responses")
    output = OUTPUT
    to_json = staticmethod(to_json)
    response_body = staticmethod(response_body)
    events_for = staticmethod(events_for)

    def stream(self, events: list[dict[str, Any]], names: bool = True) -> tuple[list[ChatEvent], Any]:
        decoder = responses.StreamDecoder(self.target)
        decoded: list[ChatEvent] = []
        for event in events:
            decoded += decoder.feed(event["type"] if names else "", to_json(event))
        decoded += decoder.end()
        return decoded, decoder.turn

    def decode(self, output: list[Any], **fields: Any) -> TurnBuilder:
        """Decode a complete response with these items."""
        return responses.decode_response(to_json(response_body(output, **fields)), self.target)

    def message(self, output: list[Any]) -> Message:
        """Return the message of a complete response with these items."""
        return Message.assistant(self.decode(output).parts())


@pytest.fixture
def wire() -> Wire:
    return Wire()
