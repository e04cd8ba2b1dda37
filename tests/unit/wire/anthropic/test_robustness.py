"""No bytes make the decoders fail in any other way than they say."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ratatoskr.errors import MalformedResponse
from ratatoskr.types.event import Done, ToolCallEnd
from ratatoskr.wire.anthropic import StreamDecoder, decode_response
from ratatoskr.wire.dialect import Target
from ratatoskr.wire.failure import FailureReported

TARGET = Target("anthropic", "m", "messages")

_leaves = st.none() | st.booleans() | st.integers(-2, 2**70) | st.floats(allow_nan=False) | st.text(max_size=8)
_json = st.recursive(
    _leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
_words = st.sampled_from(
    ["text", "thinking", "redacted_thinking", "tool_use", "server_tool_use", "mcp_tool_use", "x_tool_result", "odd"]
)
_block = st.fixed_dictionaries(
    {"type": _words | _json},
    optional={
        name: st.text(max_size=5) | _json
        for name in (
            "text",
            "thinking",
            "signature",
            "id",
            "name",
            "input",
            "content",
            "tool_use_id",
            "citations",
            "data",
        )
    },
)
_delta = st.fixed_dictionaries(
    {
        "type": st.sampled_from(
            ["text_delta", "thinking_delta", "signature_delta", "input_json_delta", "citations_delta", "odd_delta"]
        )
        | _json
    },
    optional={
        name: st.text(max_size=5) | _json
        for name in (
            "text",
            "thinking",
            "signature",
            "partial_json",
            "citation",
            "stop_reason",
            "stop_details",
            "container",
        )
    },
)
_event = st.fixed_dictionaries(
    {
        "type": st.sampled_from(
            [
                "message_start",
                "content_block_start",
                "content_block_delta",
                "content_block_delta",
                "content_block_stop",
                "message_delta",
                "message_stop",
                "error",
                "odd",
            ]
        )
    },
    optional={
        "index": st.integers(0, 2),
        "content_block": _block,
        "delta": _delta,
        "usage": _json,
        "message": st.fixed_dictionaries(
            {}, optional={"id": _json, "content": st.lists(_block, max_size=2), "usage": _json}
        ),
        "error": _json,
    },
)


def _dump(value: Any) -> bytes:
    return json.dumps(value).encode()  # lone surrogates stay as escapes, as providers send them


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(_event, max_size=8))
def test_events_of_any_kind_give_events_or_a_told_or_malformed_error(events):
    decoder = StreamDecoder(TARGET)
    out = []
    with contextlib.suppress(FailureReported, MalformedResponse):
        for event in events:
            out += decoder.feed(event["type"], _dump(event))
    assert [e for e in out if isinstance(e, Done)] == ([out[-1]] if decoder.turn.done else [])
    calls = [part for part in decoder.turn.parts() if part.type == "tool_call"]
    assert [e.call for e in out if isinstance(e, ToolCallEnd)][: len(calls)] == calls
    for part in decoder.turn.parts():
        assert type(part).from_json(part.to_json()) == part


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(_block, max_size=4), _json, _json)
def test_bodies_of_any_kind_give_a_turn_or_a_told_or_malformed_error(blocks, usage, extra):
    body = {"content": blocks, "usage": usage, "stop_details": extra, "container": extra}
    with contextlib.suppress(FailureReported, MalformedResponse):
        turn = decode_response(_dump(body), TARGET)
        assert turn.done
        turn.parts()


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_a_damaged_event_gives_events_or_a_told_or_malformed_error(every_block, events, data):
    given_events = events(every_block)
    at = data.draw(st.integers(0, len(given_events) - 1))
    name, body = given_events[at]
    start = data.draw(st.integers(0, len(body)))
    damage = data.draw(st.binary(max_size=4))
    given_events[at] = (name, body[:start] + damage + body[start + data.draw(st.integers(0, 4)) :])
    decoder = StreamDecoder(TARGET)
    with contextlib.suppress(FailureReported, MalformedResponse):
        for event, body in given_events:
            decoder.feed(event, body)


@given(st.binary(max_size=200), st.sampled_from(["", "error", "content_block_delta"]))
def test_any_bytes_give_events_or_a_told_or_malformed_error(body, name):
    with contextlib.suppress(FailureReported, MalformedResponse):
        StreamDecoder(TARGET).feed(name, body)
    with contextlib.suppress(FailureReported, MalformedResponse):
        decode_response(body, TARGET)
