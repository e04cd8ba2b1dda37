"""Complete responses and streams give the same message: text, content chunks, refusals, log probabilities, errors."""

from __future__ import annotations

import pytest

from ratatoskr.errors import MalformedResponse
from ratatoskr.types.event import ContentDelta, Done, ProviderEvent
from ratatoskr.types.part import (
    ProviderPart,
    ProviderState,
    TextPart,
    TokenLogprob,
)
from ratatoskr.wire import chat_completions as dialect
from ratatoskr.wire.failure import FailureReported
from ratatoskr.wire.turn import REFUSAL_STATE
from unit.wire.chat_completions.states import ISSUER


def test_text(wire):
    events, turn = wire.deltas({"role": "assistant", "content": ""}, {"content": "Hel"}, {"content": "lo"})
    assert events == [ContentDelta("Hel"), ContentDelta("lo"), Done("stop")]
    assert turn.parts() == wire.decode({"content": "Hello"}).parts() == (TextPart("Hello"),)
    assert (turn.model, turn.response_id, turn.native_finish_reason) == ("some-model-1", "r1", "stop")


def test_content_chunks_are_alternating_text_and_thinking(wire):
    def thinking(text):
        return {"type": "thinking", "thinking": [{"type": "text", "text": text}]}

    text = {"type": "text", "text": "Yes."}
    events, turn = wire.deltas(
        {"content": [thinking("H")]},
        {"content": [thinking("m.")]},
        {"content": "Ye"},
        {"content": [{"type": "text", "text": "s."}]},
        {"content": [thinking("Then")]},
        {"content": "No."},
    )
    assert [type(e).__name__ for e in events[:3]] == ["ReasoningDelta", "ReasoningDelta", "ContentDelta"]
    assert [part.text for part in turn.parts()] == ["Hm.", "Yes.", "Then", "No."]
    complete = wire.decode({"content": [thinking("Hm."), text, thinking("Then"), {"type": "text", "text": "No."}]})
    assert turn.parts() == complete.parts()


def test_an_unknown_content_chunk_is_kept(wire):
    chunks = [{"type": "text", "text": "a"}, {"type": "reference", "reference_ids": [0]}, {"type": "text", "text": "b"}]
    events, turn = wire.deltas(*({"content": [chunk]} for chunk in chunks))
    data = b'{"type":"reference","reference_ids":[0]}'
    assert turn.parts() == (TextPart("a"), ProviderPart("content.reference", data, ISSUER), TextPart("b"))
    assert ProviderEvent("content.reference", data) in events
    assert wire.decode({"content": chunks}).parts() == turn.parts()


def test_a_refusal_is_text_and_a_finish_reason(wire):
    events, turn = wire.deltas({"content": None, "refusal": "I ca"}, {"refusal": "n't."})
    assert events[-1] == Done("refusal")
    refusal = TextPart("I can't.", state=(ProviderState(wire.target.issuer, REFUSAL_STATE),))
    assert turn.parts() == wire.decode({"content": None, "refusal": "I can't."}).parts() == (refusal,)
    assert turn.native_finish_reason == "stop"


def test_log_probabilities(wire):
    def token(text, **more):
        return {"token": text, "logprob": -0.5, "bytes": [104], "top_logprobs": [], **more}

    top = [{"token": "x", "logprob": None, "bytes": None}]
    tokens = [token("h", top_logprobs=top), token("i", bytes="aA==")]
    chunks = [wire.chunk({"content": t["token"]}, choice={"logprobs": {"content": [t]}}) for t in tokens]
    empty = wire.chunk({"content": ""}, choice={"logprobs": {"content": [], "refusal": None}})
    _, turn = wire.stream(empty, *chunks, wire.chunk({}, "stop", choice={"logprobs": None}))
    expected = (
        TokenLogprob("h", -0.5, (104,), (TokenLogprob("x", -9999.0),)),
        TokenLogprob("i", -0.5, (104,)),
    )
    assert turn.parts() == (TextPart("hi", logprobs=expected),)
    assert wire.decode({"content": "hi"}, choice={"logprobs": {"content": tokens}}).parts() == turn.parts()


def test_log_probabilities_of_thinking_do_not_change_the_order(wire):
    chunk = wire.chunk({"reasoning": "H"}, choice={"logprobs": {"content": [{"token": "H", "logprob": 0}]}})
    _, turn = wire.stream(chunk, wire.chunk({"content": "Yes"}, "stop"))
    assert [part.type for part in turn.parts()] == ["reasoning_part", "text_part"]
    assert [t.token for t in turn.parts()[1].logprobs] == ["H"]


def test_log_probabilities_of_other_shapes(wire):
    old = {"tokens": ["a", "b"], "token_logprobs": [-1.0, None]}
    assert wire.decode({"content": "ab"}, choice={"logprobs": old}).parts()[0].logprobs == (
        TokenLogprob("a", -1.0),
        TokenLogprob("b", -9999.0),
    )
    assert wire.decode({"content": "ab"}, choice={"logprobs": -0.1}).parts() == (TextPart("ab"),)
    special = {"tokens": ["a", None], "token_logprobs": [-1.0, -2.0]}
    tokens = wire.decode({"content": "a"}, choice={"logprobs": special}).parts()[0].logprobs
    assert [(one.token, one.logprob) for one in tokens] == [("a", -1.0), ("", -2.0)]


def test_a_log_probability_that_is_a_number_belongs_to_the_delta(wire):
    chunks = [wire.chunk({"content": text}, choice={"logprobs": -n}) for n, text in enumerate("abc")]
    _, turn = wire.stream(*chunks, wire.chunk({"content": ""}, "stop", choice={"logprobs": -9}))
    assert [(one.token, one.logprob) for one in turn.parts()[0].logprobs] == [("a", 0), ("b", -1), ("c", -2)]


def test_only_the_first_of_several_choices_is_kept(wire):
    other = {"index": 1, "message": {"content": "No"}, "finish_reason": "length"}
    mine = {"index": 0, "message": {"content": "Yes"}, "finish_reason": "stop"}
    turn = wire.decode(choices=[other, mine, {**other, "index": 2}])
    assert turn.parts() == (TextPart("Yes"),)
    assert turn.finish_reason == "stop"
    assert [n.code for n in turn.notices] == ["other_choices_dropped"]
    _, turn = wire.deltas({"content": "Yes"}, wire.chunk({"content": "No"}, choice={"index": 1}))
    assert turn.parts() == (TextPart("Yes"),)
    assert [n.code for n in turn.notices] == ["other_choices_dropped"]


@pytest.mark.parametrize(
    "body", [b'{"id":"x","choices":[]}', b"{}", b'{"choices":[{"index":0}]}', b"[]", b"", b"<html>"]
)
def test_a_body_without_a_message_is_malformed(wire, body):
    with pytest.raises(MalformedResponse):
        dialect.decode_response(body, wire.target)


def test_an_error_with_status_200_is_raised(wire):
    with pytest.raises(FailureReported) as caught:
        dialect.decode_response(b'{"error":{"message":"Provider returned error","code":400}}', wire.target)
    assert (caught.value.failure.message, caught.value.failure.status) == ("Provider returned error", 400)
    with pytest.raises(FailureReported):
        wire.decode({"content": ""}, choice={"error": {"message": "no", "code": 502}})
    with pytest.raises(FailureReported):
        dialect.decode_response(b'{"object":"error","message":"bad","code":400}', wire.target)


def test_a_lone_surrogate_in_a_response_becomes_a_replacement_character(wire):
    call = rb'{"id":"c","function":{"name":"f","arguments":"\ud83d"}}'
    message = rb'{"content":"a\ud800b","tool_calls":[' + call + b"]}"
    body = b'{"choices":[{"message":' + message + b',"finish_reason":"stop"}]}'
    text, call = dialect.decode_response(body, wire.target).parts()
    assert text.text == "a\ufffdb"
    assert call.arguments == "\ufffd"
