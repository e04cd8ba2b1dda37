"""Usage, prices, finish reasons, and bodies that hold no answer."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from ratatoskr.errors import MalformedResponse
from ratatoskr.types.event import Done, UsageEvent
from ratatoskr.types.part import TextPart
from ratatoskr.types.usage import Cost, Usage
from ratatoskr.wire import chat_completions as dialect
from ratatoskr.wire.failure import FailureReported

USAGES = [
    ({"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14}, Usage(9, None, None, 5, None, "provider")),
    (
        {
            "prompt_tokens": 100,
            "completion_tokens": 50,
            "total_tokens": 150,
            "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 30},
            "completion_tokens_details": {"reasoning_tokens": 20},
        },
        Usage(10, 60, 30, 30, 20, "provider"),
    ),
    ({"prompt_tokens": 9, "prompt_cache_hit_tokens": 4}, Usage(5, 4, None, None, None, "provider")),
    ({"prompt_tokens": 9, "num_cached_tokens": 4}, Usage(5, 4, None, None, None, "provider")),
    ({"prompt_tokens": 9, "prompt_token_details": {"cached_tokens": 4}}, Usage(5, 4, None, None, None, "provider")),
    ({"prompt_tokens": 9, "cached_tokens": 4, "completion_tokens": 1}, Usage(5, 4, None, 1, None, "provider")),
    (
        {"prompt_tokens": 9, "prompt_tokens_details": {"cached_tokens": 2, "cache_creation_input_tokens": 4}},
        Usage(3, 2, 4, None, None, "provider"),
    ),
    (  # xAI counts thinking beside the completion
        {
            "prompt_tokens": 10,
            "completion_tokens": 2,
            "total_tokens": 112,
            "completion_tokens_details": {"reasoning_tokens": 100},
        },
        Usage(10, None, None, 2, 100, "provider"),
    ),
    (
        {"prompt_tokens": -1, "completion_tokens": 3, "prompt_tokens_details": None},
        Usage(None, None, None, 3, None, "provider"),
    ),
]


@pytest.mark.parametrize(("told", "usage"), USAGES)
def test_usage(wire, told, usage):
    assert wire.whole({"content": "Hi"}, usage=told).usage == usage
    after = b'{"choices":[],"usage":%s}' % json.dumps(told).encode()
    events, turn = wire.stream(wire.chunk({"content": "Hi"}, usage=None), wire.chunk({}, "stop"), after)
    assert turn.usage == usage
    assert events[-2:] == [UsageEvent(usage), Done("stop")]


def test_usage_from_any_chunk_never_sinks_and_comes_once(wire):
    events, turn = wire.stream(
        wire.chunk({"content": "Hi"}, usage={"prompt_tokens": 9, "prompt_tokens_details": {"cached_tokens": 4}}),
        wire.chunk({}, "stop", x_groq={"id": "x", "usage": {"completion_tokens": 3}}),
        wire.chunk({}, "stop", usage={"prompt_tokens": 0, "completion_tokens": 2}),
    )
    assert turn.usage == Usage(5, 4, None, 3, None, "provider")
    assert sum(isinstance(e, UsageEvent) for e in events) == 1


def test_usage_that_was_not_told_is_unknown(wire):
    events, turn = wire.deltas({"content": "Hi"})
    assert turn.usage == Usage()
    assert not any(isinstance(e, UsageEvent) for e in events)


@pytest.mark.parametrize("written", ["0.0076509169000000005", "7e-05", "0", "0.10"])
def test_openrouters_price_is_taken_as_it_is_written(wire, written):
    body = b'{"choices":[{"message":{"content":"x"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"cost":%s}}'
    data = body % written.encode()
    turn = dialect.decode_response(data, wire.at("openrouter").target)
    assert turn.cost == Cost(Decimal(written))
    assert str(turn.cost.amount) == str(Decimal(written))
    assert dialect.decode_response(data, wire.at().target).cost is None


@pytest.mark.parametrize("cost", [{"total": 1}, "free", None])
def test_a_price_that_is_no_number_is_none(wire, cost):
    assert wire.at("openrouter").whole({"content": "x"}, usage={"prompt_tokens": 1, "cost": cost}).cost is None


REASONS = [
    ("stop", None, "stop"),
    ("STOP", None, "stop"),
    ("eos_token", None, "stop"),
    ("length", None, "length"),
    ("model_length", None, "length"),
    ("content_filter", None, "content_filter"),
    ("content_filter", "refusal", "refusal"),
    ("stop", "PROHIBITED_CONTENT", "content_filter"),
    ("stop", "pause_turn", "paused"),
    ("stop", "MALFORMED_FUNCTION_CALL", "stop"),
    ("something_new", None, "unknown"),
]


@pytest.mark.parametrize(("word", "native", "reason"), REASONS)
def test_finish_reasons(wire, word, native, reason):
    _, turn = wire.stream(wire.chunk({"content": "Hi"}), wire.chunk({}, word, choice={"native_finish_reason": native}))
    assert (turn.finish_reason, turn.native_finish_reason) == (reason, native or word)
    whole = wire.whole({"content": "Hi"}, word, choice={"native_finish_reason": native})
    assert (whole.finish_reason, whole.native_finish_reason) == (reason, native or word)


def test_a_whole_answer_without_a_finish_reason_is_unknown(wire):
    assert wire.whole({"content": "Hi"}, None).finish_reason == "unknown"


@pytest.mark.parametrize(
    ("word", "native"),
    [
        ("error", None),
        ("error", "MALFORMED_FUNCTION_CALL"),
        ("insufficient_system_resource", None),
        ("stop", "error"),
        ("stop", "MALFORMED_FUNCTION_CALL"),
        ("stop", "OTHER"),
    ],
)
def test_ends_that_are_failures(wire, word, native):
    last = {"native_finish_reason": native}
    with pytest.raises(FailureReported) as caught:
        wire.whole({"content": "", "reasoning": "Hm."}, word, choice=last)
    assert caught.value.failure.code == (native or word)
    with pytest.raises(FailureReported):
        wire.stream(wire.chunk({"content": ""}), wire.chunk({"content": ""}, word, choice=last))


def test_an_empty_stop_is_an_empty_answer(wire):
    assert wire.whole({"content": ""}).parts() == ()
    events, _ = wire.deltas({"content": ""})
    assert events == [Done("stop")]


def test_only_the_first_of_several_choices_is_kept(wire):
    other = {"index": 1, "message": {"content": "No"}, "finish_reason": "length"}
    mine = {"index": 0, "message": {"content": "Yes"}, "finish_reason": "stop"}
    turn = wire.whole(choices=[other, mine, {**other, "index": 2}])
    assert turn.parts() == (TextPart("Yes"),)
    assert turn.finish_reason == "stop"
    assert [n.code for n in turn.notices] == ["other_choices_dropped"]
    _, turn = wire.deltas({"content": "Yes"}, wire.chunk({"content": "No"}, choice={"index": 1}))
    assert turn.parts() == (TextPart("Yes"),)
    assert [n.code for n in turn.notices] == ["other_choices_dropped"]


@pytest.mark.parametrize(
    "body", [b'{"id":"x","choices":[]}', b"{}", b'{"choices":[{"index":0}]}', b"[]", b"", b"<html>"]
)
def test_a_body_without_an_answer_is_malformed(wire, body):
    with pytest.raises(MalformedResponse):
        dialect.decode_response(body, wire.target)


def test_an_error_inside_a_200_is_told(wire):
    with pytest.raises(FailureReported) as caught:
        dialect.decode_response(b'{"error":{"message":"Provider returned error","code":400}}', wire.target)
    assert (caught.value.failure.message, caught.value.failure.status) == ("Provider returned error", 400)
    with pytest.raises(FailureReported):
        wire.whole({"content": ""}, choice={"error": {"message": "no", "code": 502}})
    with pytest.raises(FailureReported):
        dialect.decode_response(b'{"object":"error","message":"bad","code":400}', wire.target)


def test_a_lone_surrogate_in_a_whole_answer_becomes_a_replacement_character(wire):
    call = rb'{"id":"c","function":{"name":"f","arguments":"\ud83d"}}'
    message = rb'{"content":"a\ud800b","tool_calls":[' + call + b"]}"
    body = b'{"choices":[{"message":' + message + b',"finish_reason":"stop"}]}'
    text, call = dialect.decode_response(body, wire.target).parts()
    assert text.text == "a\ufffdb"
    assert call.arguments == "\ufffd"
