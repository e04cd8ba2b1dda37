"""Streams: events, and the same message as the complete response; no bytes break the decoders."""

import contextlib
import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratatoskr.errors import MalformedResponse
from ratatoskr.types import (
    ChatRequest,
    CitationDelta,
    ContentDelta,
    Done,
    Message,
    ProviderEvent,
    ReasoningDelta,
    ToolCall,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    UsageEvent,
)
from ratatoskr.wire.dialect import Target
from ratatoskr.wire.failure import FailureReported, ReportedFailure
from ratatoskr.wire.responses import StreamDecoder, decode_error, decode_response, encode_request
from unit.wire.responses import conftest as sample


@pytest.mark.parametrize("names", [True, False])
def test_a_stream_gives_the_same_turn_as_the_complete_response(wire, names):
    events, turn = wire.stream(wire.events_for(wire.output), names)
    complete = decode_response(wire.to_json(wire.response_body(wire.output)), wire.target)
    assert turn.parts() == complete.parts()
    for name in ("usage", "model", "response_id", "finish_reason", "native_finish_reason", "detail"):
        assert getattr(turn, name) == getattr(complete, name)
    assert [type(e) for e in events].count(Done) == 1
    assert events[-2:] == [UsageEvent(complete.usage), Done("tool_calls")]


def test_events_name_the_part_that_they_belong_to(wire):
    events, turn = wire.stream(wire.events_for(wire.output))
    for index, part in enumerate(turn.parts()):
        deltas = [e.text for e in events if isinstance(e, (ContentDelta, ReasoningDelta)) and e.part == index]
        assert "".join(deltas) == getattr(part, "text", "")
    assert [e.part for e in events if isinstance(e, CitationDelta)] == [2]
    assert [e.kind for e in events if isinstance(e, ProviderEvent)] == ["web_search_call", "novelty_call"]
    assert events[0] == ReasoningDelta("Fi", part=0)
    assert ReasoningDelta("\n\nSe", part=0) in events


def test_events_of_a_call(wire):
    events, turn = wire.stream(wire.events_for([wire.output[3]]))
    call = turn.parts()[0]
    assert events[0] == ToolCallStart(0, "call_1", "add")
    assert "".join(e.arguments for e in events if isinstance(e, ToolCallDelta)) == '{"b": 2.0, "a":1}'
    assert events[-3] == ToolCallEnd(0, call)
    assert call.state[0].data == wire.to_json(wire.output[3])


def test_a_text_delta_is_a_content_delta(wire):
    decoder = StreamDecoder(wire.target)
    data = b'{"type":"response.output_text.delta","output_index":0,"content_index":0,"item_id":"m","delta":"Hi"}'
    assert decoder.feed("response.output_text.delta", data) == [ContentDelta("Hi", part=0)]


def test_items_without_deltas_give_everything(wire):
    events = [e for e in wire.events_for(wire.output) if e["type"].endswith(("output_item.done", "completed"))]
    _, turn = wire.stream(events)
    assert turn.parts() == decode_response(wire.to_json(wire.response_body(wire.output)), wire.target).parts()


def test_items_of_the_last_event_only_give_everything(wire):
    _, turn = wire.stream(wire.events_for(wire.output)[-1:])
    assert turn.parts() == decode_response(wire.to_json(wire.response_body(wire.output)), wire.target).parts()


def test_a_last_event_without_output_changes_nothing(wire):
    _, turn = wire.stream(wire.events_for(wire.output, wire.response_body([])))
    assert turn.parts() == decode_response(wire.to_json(wire.response_body(wire.output)), wire.target).parts()


def test_text_is_completed_by_its_done_event(wire):
    text = {**wire.output[2], "content": wire.output[2]["content"][:1]}
    events = [e for e in wire.events_for([text]) if e.get("delta") != " \N{EARTH GLOBE EUROPE-AFRICA}"]
    got, turn = wire.stream(events)
    assert turn.parts()[0].text == "Hi 🌍"
    assert "".join(e.text for e in got if isinstance(e, ContentDelta)) == "Hi 🌍"


def test_state_is_that_of_the_done_item_not_of_the_last_event(wire):
    other = {**wire.output[0], "encrypted_content": "another-blob"}
    _, turn = wire.stream(wire.events_for([wire.output[0]], wire.response_body([other])))
    assert turn.parts()[0].state[0].data == wire.to_json(wire.output[0])


def test_a_reasoning_item_that_ends_late_keeps_its_place(wire):
    events = wire.events_for([{**wire.output[0], "summary": []}, wire.output[2]])
    late = events.pop(2)
    assert late["type"] == "response.output_item.done"
    events.insert(-1, late)
    _, turn = wire.stream(events)
    assert [part.type for part in turn.parts()] == ["reasoning_part", "text_part", "text_part"]


def call(n, at):
    item = {"type": "function_call", "id": f"fc_{n}", "call_id": f"call_{n}", "name": "f", "arguments": f"[{n}]"}
    return item, {"output_index": at, "item_id": f"fc_{n}"}


@pytest.mark.parametrize("same_index", [True, False])
def test_interleaved_calls_with_one_index_are_separated(wire, same_index):
    events, (first, where_first), (second, where_second) = [], call(1, 0), call(2, 0 if same_index else 1)
    for item, where in ((first, where_first), (second, where_second)):
        added = {**item, "arguments": ""}
        events.append({"type": "response.output_item.added", "output_index": where["output_index"], "item": added})
    name = "response.function_call_arguments.delta"
    for character in range(3):
        for item, where in ((first, where_first), (second, where_second)):
            events.append({"type": name, **where, "delta": item["arguments"][character]})
    for item, where in ((first, where_first), (second, where_second)):
        events.append({"type": "response.output_item.done", "output_index": where["output_index"], "item": item})
    events.append({"type": "response.completed", "response": wire.response_body([first, second])})
    got, turn = wire.stream(events)
    assert [(p.id, p.arguments) for p in turn.parts()] == [("call_1", "[1]"), ("call_2", "[2]")]
    assert [e.index for e in got if isinstance(e, ToolCallEnd)] == [0, 1]


def test_ids_that_change_with_every_event(wire):
    events = wire.events_for(wire.output)
    for n, event in enumerate(events):
        if "item_id" in event:
            event["item_id"] = f"other_{n}"
        if "item" in event:
            event["item"] = {**event["item"], "id": f"another_{n}"}
    _, turn = wire.stream(events)
    assert len(turn.parts()) == 6
    assert turn.parts()[4].arguments == '{"b": 2.0, "a":1}'


def test_a_call_with_a_late_name_begins_when_it_is_known(wire):
    item, where = call(1, 0)
    events = [
        {"type": "response.function_call_arguments.delta", **where, "delta": "[1"},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": wire.response_body([item])},
    ]
    got, turn = wire.stream(events)
    assert got[:3] == [ToolCallStart(0, "call_1", "f"), ToolCallDelta(0, "[1"), ToolCallDelta(0, "]")]
    assert isinstance(turn.parts()[0], ToolCall)


def test_missing_ids_are_generated_deterministically(wire):
    item = {"type": "function_call", "name": "f", "arguments": "{}"}
    ids = {wire.stream(wire.events_for([{**item, "id": None}]))[1].parts()[0].id for _ in range(2)}
    ids |= {wire.message([item]).tool_calls[0].id}
    assert len(ids) == 1
    assert ids.pop().startswith("call_")


def test_a_surrogate_pair_split_over_deltas_is_joined(wire):
    decoder = StreamDecoder(wire.target)
    begin = b'{"type":"response.output_text.delta","output_index":0,"item_id":"m","logprobs":[],"delta":"'
    first = decoder.feed("", begin + rb"a\ud83c" + b'"}')
    second = decoder.feed("", begin + rb"\udf0d" + b'"}')
    assert (first, second) == ([ContentDelta("a", part=0)], [ContentDelta("🌍", part=0)])


def test_log_probabilities_of_deltas_are_used_if_the_item_has_none(wire):
    text = {**wire.output[2], "content": [{"type": "output_text", "text": "Hi", "annotations": []}]}
    events = wire.events_for([text])
    assert events[2]["delta"] == "Hi"
    events[2]["logprobs"] = [{"token": "Hi", "logprob": -0.25}]
    _, turn = wire.stream(events)
    assert [(t.token, t.logprob) for t in turn.parts()[0].logprobs] == [("Hi", -0.25)]


@pytest.mark.parametrize("id", ["", None])
def test_items_without_ids_are_separated_by_index(wire, id):
    output = [{**item, "id": id} for item in (*wire.output, {**wire.output[2], "phase": "commentary"})]
    events = wire.events_for(output)
    complete = wire.message(output).content
    assert wire.stream(events)[1].parts() == complete
    assert wire.stream([events[0], events[-1]])[1].parts() == complete


def test_an_item_of_the_last_event_with_the_index_of_another_is_kept(wire):
    reasoning, message = wire.output[0], wire.output[2]
    events = [
        *wire.events_for([message])[:-1],
        {"type": "response.completed", "response": wire.response_body([reasoning, message])},
    ]
    parts = wire.stream(events)[1].parts()
    assert [part.type for part in parts] == ["text_part", "text_part", "reasoning_part"]
    assert set(parts) == set(wire.message([reasoning, message]).content)


def test_a_message_without_content_is_kept_in_its_place(wire):
    silent = {"id": "msg_0", "type": "message", "status": "incomplete", "role": "assistant", "content": []}
    output = [wire.output[0], silent, wire.output[3]]
    answer = wire.message(output)
    assert wire.stream(wire.events_for(output))[1].parts() == answer.content
    body = encode_request(ChatRequest((Message.user("Hi"), answer)), wire.target, stream=False).body
    assert json.loads(msgspec.json.encode(body["input"]))[1:] == output


@pytest.mark.parametrize(
    ("begun", "events"),
    [
        ({"arguments": '{"b": 2}'}, []),
        ({"arguments": ""}, [{"type": "response.function_call_arguments.done", "arguments": '{"b": 2}'}]),
        (
            {"arguments": ""},
            [
                {"type": "response.function_call_arguments.delta", "delta": '{"b"'},
                {"type": "response.function_call_arguments.done", "arguments": '{"b": 2}'},
            ],
        ),
    ],
)
def test_a_call_without_a_done_event_is_built_from_its_deltas(wire, begun, events):
    item = {**wire.output[3], **begun}
    where = {"output_index": 0, "item_id": item["id"]}
    added = {"type": "response.output_item.added", "output_index": 0, "item": item}
    end = {"type": "response.completed", "response": wire.response_body([])}
    found, turn = wire.stream([added, *({**where, **event} for event in events), end])
    (call,) = turn.parts()
    assert (call.name, call.arguments, turn.finish_reason) == ("add", '{"b": 2}', "tool_calls")
    assert "".join(e.arguments for e in found if isinstance(e, ToolCallDelta)) == '{"b": 2}'
    history = (Message.user("Hi"), Message.assistant([call]))
    body = encode_request(ChatRequest(history), wire.target, stream=False).body
    assert json.loads(msgspec.json.encode(body["input"]))[1] == {**item, "arguments": '{"b": 2}'}


def test_an_incomplete_call_is_not_a_part(wire):
    events = wire.events_for([wire.output[3]])
    _, turn = wire.stream(events[:-2])
    assert (turn.done, turn.parts()) == (False, ())


def test_no_truncated_stream_is_complete(wire):
    events = wire.events_for(wire.output)
    for cut in range(len(events)):
        got, turn = wire.stream(events[:cut])
        assert not turn.done
        assert not any(isinstance(e, Done) for e in got)


def test_everything_after_the_end_is_ignored(wire):
    decoder = StreamDecoder(wire.target)
    decoder.feed("", wire.to_json(wire.events_for(wire.output)[-1]))
    assert decoder.turn.done
    for data in (
        b"[DONE]",
        b"not json",
        b'{"type":"error","message":"late"}',
        wire.to_json(wire.events_for(wire.output)[3]),
    ):
        assert decoder.feed("", data) == []


def test_unknown_events_and_done_marks_are_ignored(wire):
    decoder = StreamDecoder(wire.target)
    assert decoder.feed("", b"[DONE]") == []
    assert decoder.feed("keepalive", b'{"type":"keepalive"}') == []
    assert decoder.feed("response.novelty.delta", b'{"type":"response.novelty.delta","delta":{"x":1}}') == []
    assert not decoder.turn.done


def test_content_without_our_event_is_a_provider_event(wire):
    data = b'{"type":"response.image_generation_call.partial_image","output_index":0,"partial_image_b64":"AAEC"}'
    kind = "response.image_generation_call.partial_image"
    assert StreamDecoder(wire.target).feed(kind, data) == [ProviderEvent(kind, data)]


@pytest.mark.parametrize(
    "data",
    [
        b'{"type":"error","code":"rate_limit_exceeded","message":"Slow down","param":null,"sequence_number":3}',
        b'{"type":"error","error":{"type":"tokens","code":"rate_limit_exceeded","message":"Slow down"}}',
        (
            b'{"type":"response.failed","response":{"status":"failed",'
            b'"error":{"code":"rate_limit_exceeded","message":"Slow down"}}}'
        ),
        b'{"error":{"code":"rate_limit_exceeded","message":"Slow down"}}',
    ],
)
def test_errors_in_a_stream_are_raised(wire, data):
    with pytest.raises(FailureReported) as caught:
        StreamDecoder(wire.target).feed("", data)
    assert (caught.value.failure.code, caught.value.failure.message) == ("rate_limit_exceeded", "Slow down")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b'"x"',
        b'{"type":"response.completed"}',
        b'{"type":"response.output_text.delta","delta":1}',
        b'{"type":"response.output_item.done","item":[]}',
    ],
)
def test_an_event_of_another_shape_is_malformed(wire, data):
    with pytest.raises(MalformedResponse):
        StreamDecoder(wire.target).feed("", data)


def test_an_incomplete_response_has_its_reason(wire):
    end = wire.response_body([], status="incomplete", incomplete_details={"reason": "max_output_tokens"})
    text = {**wire.output[2], "content": wire.output[2]["content"][:1]}
    events = wire.events_for([text], end)
    events[-1]["type"] = "response.incomplete"
    got, turn = wire.stream(events)
    assert got[-1] == Done("length")
    assert turn.native_finish_reason == "max_output_tokens"


def test_a_summary_that_differs_at_its_end_stays_as_streamed(wire):
    """Seen in November 2026: the summary began again in mid-stream; deltas cannot be withdrawn."""
    rewritten = {**wire.output[0], "summary": [{"type": "summary_text", "text": "Anew."}]}
    events = wire.events_for([wire.output[0]], wire.response_body([rewritten]))
    events[-2]["item"] = rewritten
    got, turn = wire.stream(events)
    part = turn.parts()[0]
    assert part.text == "".join(e.text for e in got if isinstance(e, ReasoningDelta)) == "First.\n\nSecond."
    assert part.state[0].data == wire.to_json(rewritten)


TARGET = Target("openai", "gpt-5.5", "responses")

EVENTS = sample.events_for(sample.OUTPUT)

KEYS = st.sampled_from(sorted({key for event in EVENTS for key in event} | set(sample.CALL) | set(sample.MESSAGE)))

SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.text(max_size=4) | st.just("\ud83d")
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4))

TYPES = st.sampled_from([event["type"] for event in EVENTS] + ["error", "response.failed", "response.novelty"])


def fed(decoder, name, data):
    try:
        return decoder.feed(name, data)
    except (FailureReported, MalformedResponse):
        return []


@given(
    st.lists(st.tuples(TYPES | st.just(""), st.dictionaries(KEYS, VALUES, max_size=5), TYPES | st.none()), max_size=8)
)
@settings(max_examples=150, deadline=None)
def test_random_events_never_break_the_stream(events):
    decoder, found = StreamDecoder(TARGET), []
    for name, event, kind in events:
        found += fed(decoder, name, json.dumps({**event, **({"type": kind} if kind else {})}).encode())
    decoder.turn.parts()
    assert sum(isinstance(event, Done) for event in found) == int(decoder.turn.done)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_mutated_events_never_break_the_stream(data):
    events = data.draw(st.permutations(EVENTS)) if data.draw(st.booleans()) else list(EVENTS)
    decoder, found = StreamDecoder(TARGET), []
    with contextlib.suppress(FailureReported, MalformedResponse):  # after which nothing is fed to a decoder
        for event in events:
            changed = dict(event)
            if data.draw(st.integers(0, 5)) == 0:
                holder = data.draw(st.sampled_from(["self", "item", "response"]))
                target = dict(changed[holder]) if isinstance(changed.get(holder), dict) else changed
                target[data.draw(st.sampled_from(sorted(target)))] = data.draw(VALUES)
                changed = changed if target is changed else {**changed, holder: target}
            found += decoder.feed(data.draw(st.sampled_from(["", event["type"]])), json.dumps(changed).encode())
    for index, part in enumerate(decoder.turn.parts()):
        if decoder.turn.done and part.type == "text_part":
            deltas = [e.text for e in found if isinstance(e, ContentDelta) and e.part == index]
            assert "".join(deltas) == part.text


@given(st.binary(max_size=60) | VALUES.map(lambda value: json.dumps(value).encode()))
@settings(max_examples=200, deadline=None)
def test_random_bytes_never_break_a_decoder(body):
    fed(StreamDecoder(TARGET), "response.completed", body)
    assert isinstance(decode_error(body), ReportedFailure)
    with contextlib.suppress(FailureReported, MalformedResponse):
        decode_response(body, TARGET)


@given(st.integers(0, 4000), st.binary(max_size=3))
@settings(max_examples=200, deadline=None)
def test_broken_bodies_never_break_the_decoder(at, put):
    body = sample.to_json(sample.response_body(sample.OUTPUT))
    broken = body[: at % len(body)] + put + body[at % len(body) + len(put) :]
    with contextlib.suppress(FailureReported, MalformedResponse):
        assert decode_response(broken, TARGET).done
