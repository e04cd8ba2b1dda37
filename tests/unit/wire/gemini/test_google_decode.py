"""What Gemini answers, whole and in streams."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ratatoskr.errors import MalformedResponse
from ratatoskr.types.event import (
    ContentDelta,
    Done,
    ProviderEvent,
    ReasoningDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
)
from ratatoskr.types.part import (
    AudioPart,
    FilePart,
    ImagePart,
    ProviderPart,
    ProviderState,
    ReasoningPart,
    ServerToolCall,
    ServerToolResult,
    TextPart,
    TokenLogprob,
    ToolCall,
)
from ratatoskr.wire import gemini
from unit.wire.gemini.answers import ISSUER, TARGET, chunk, signed, stream, whole

STREAMED = (
    chunk({"text": "Thin", "thought": True}),
    chunk({"text": "king", "thought": True}, {"text": "An"}),
    chunk({"text": ""}),
    chunk({"text": "swer"}),
    chunk({"text": " signed", "thoughtSignature": "s1"}),
    chunk({"text": " more"}, {"functionCall": {"name": "f", "args": {"b": 1, "a": 2}}, "thoughtSignature": "s2"}),
    chunk({"functionCall": {"name": "f", "args": {}}}),
    chunk({"text": "", "thoughtSignature": "s3"}, finish="STOP"),
)


def test_a_stream_gives_its_events_in_order():
    events, turn = stream(*STREAMED)
    first, second = turn.parts()[4:6]
    assert isinstance(first, ToolCall)
    assert isinstance(second, ToolCall)
    assert events == [
        ReasoningDelta("Thin", part=0),
        ReasoningDelta("king", part=0),
        ContentDelta("An", part=1),
        ContentDelta("swer", part=1),
        ContentDelta(" signed", part=2),
        ContentDelta(" more", part=3),
        ToolCallStart(0, first.id, "f"),
        ToolCallDelta(0, '{"b": 1, "a": 2}'),
        ToolCallEnd(0, first),
        ToolCallStart(1, second.id, "f"),
        ToolCallDelta(1, "{}"),
        ToolCallEnd(1, second),
        Done("tool_calls"),
    ]
    assert first.id != second.id


def test_a_signature_stays_on_the_part_that_carried_it():
    _, turn = stream(*STREAMED)
    calls = [part for part in turn.parts() if isinstance(part, ToolCall)]
    assert turn.parts() == (
        ReasoningPart("Thinking"),
        TextPart("Answer"),
        TextPart(" signed", state=signed("s1")),
        TextPart(" more"),
        ToolCall(calls[0].id, "f", '{"b": 1, "a": 2}', state=signed("s2")),
        ToolCall(calls[1].id, "f", "{}"),
        TextPart("", state=signed("s3")),
    )


def test_the_same_parts_whole_and_in_a_stream_give_the_same_message():
    _, streamed = stream(*STREAMED)
    parts = [part for one in STREAMED for part in one["candidates"][0]["content"]["parts"]]
    turn = whole(*parts)
    assert turn.parts() == streamed.parts()
    assert turn.finish_reason == streamed.finish_reason == "tool_calls"
    array = gemini.decode_response(json.dumps(STREAMED).encode(), TARGET)
    assert array.parts() == streamed.parts()


def test_a_stream_is_whole_only_with_a_reason_and_a_clean_end():
    decoder = gemini.StreamDecoder(TARGET)
    decoder.feed("", json.dumps(chunk({"text": "a"})).encode())
    assert decoder.end() == []
    assert not decoder.turn.done
    assert decoder.feed("", json.dumps(chunk(finish="STOP")).encode()) == []
    assert decoder.end() == [Done("stop")]
    assert decoder.feed("", json.dumps(chunk({"text": "late"})).encode()) == []
    assert decoder.end() == []
    assert decoder.turn.parts() == (TextPart("a"),)


def test_what_is_no_chunk_of_ours_is_ignored():
    events, turn = stream({"novelty": {"x": 1}}, chunk({"text": "a"}, finish="STOP"), {"usageMetadata": {}})
    assert events == [ContentDelta("a"), Done("stop")]
    assert (turn.model, turn.response_id) == ("gemini-3.5-flash-001", "r1")


def test_only_the_first_of_several_candidates_is_read():
    body = {
        "candidates": [
            {"index": 1, "content": {"parts": [{"text": "no"}]}},
            chunk({"text": "yes"}, finish="STOP")["candidates"][0],
        ]
    }
    assert gemini.decode_response(json.dumps(body).encode(), TARGET).parts() == (TextPart("yes"),)


def test_a_chunk_may_come_in_an_array_and_a_stream_may_end_with_done():
    decoder = gemini.StreamDecoder(TARGET)
    assert decoder.feed("", b" [" + json.dumps(chunk({"text": "a"}, finish="STOP")).encode() + b"]") == [
        ContentDelta("a")
    ]
    assert decoder.feed("", b"[DONE]") == []
    assert decoder.end() == [Done("stop")]


def test_halves_of_a_pair_are_joined_over_chunks_and_a_lone_one_is_replaced():
    events, turn = stream(chunk({"text": "a\ud83d"}), chunk({"text": "\ude00b\ud800"}, finish="STOP"))
    assert turn.parts() == (TextPart("a\U0001f600b\ufffd"),)
    assert "".join(event.text for event in events if isinstance(event, ContentDelta)) == "a\U0001f600b\ufffd"


def test_a_lone_surrogate_beside_bytes_that_are_kept_breaks_nothing():
    turn = whole({"text": "a\ud800", "thoughtSignature": "s"}, {"functionCall": {"name": "f", "args": {"x": "\ud800"}}})
    text, call = turn.parts()
    assert text == TextPart("a\ufffd", state=signed("s"))
    assert isinstance(call, ToolCall)
    assert json.loads(call.arguments) == {"x": "\ud800"}


@pytest.mark.parametrize(
    ("part", "made"),
    [
        ({"inlineData": {"mimeType": "image/png", "data": "eA=="}}, ImagePart(data=b"x", media_type="image/png")),
        ({"inlineData": {"mimeType": "image/png", "data": "eA"}}, ImagePart(data=b"x", media_type="image/png")),
        (
            {"inlineData": {"mimeType": "audio/L16;rate=24000", "data": "-_8="}},
            AudioPart(data=b"\xfb\xff", media_type="audio/L16;rate=24000"),
        ),
        ({"inlineData": {"data": ""}}, FilePart(data=b"", media_type="application/octet-stream")),
        (
            {"fileData": {"fileUri": "https://x/v.mp4", "mimeType": "video/mp4"}},
            FilePart(url="https://x/v.mp4", media_type="video/mp4"),
        ),
    ],
)
def test_generated_media_are_parts(part: Any, made: Any):
    raw = json.dumps(part).encode()
    events, turn = stream(chunk(part, finish="STOP"))
    assert turn.parts() == (made,)
    assert events[0] == ProviderEvent(next(iter(part)), raw)


def test_a_picture_that_is_only_thought_is_no_picture_of_the_answer():
    part = {"inlineData": {"mimeType": "image/png", "data": "eA=="}, "thought": True}
    assert whole(part).parts() == (ProviderPart("inlineData", json.dumps(part).encode(), ISSUER),)


def test_googles_own_tools_are_server_tools_that_keep_their_bytes():
    code = {"executableCode": {"language": "PYTHON", "code": "1/0"}}
    failed = {"codeExecutionResult": {"outcome": "OUTCOME_FAILED", "output": "no"}}
    search = {"toolCall": {"toolType": "GOOGLE_SEARCH_WEB", "args": {"q": "x"}, "id": "s1"}}
    found = {"toolResponse": {"toolType": "GOOGLE_SEARCH_WEB", "response": {"n": 1}, "id": "s1"}}
    parts = whole(code, failed, search, found).parts()
    call, result, asked, answer = parts
    assert isinstance(call, ServerToolCall)
    assert (call.name, json.loads(call.arguments)) == ("code_execution", code["executableCode"])
    assert isinstance(result, ServerToolResult)
    assert (result.tool_call_id, result.is_error) == (call.id, True)
    assert asked == ServerToolCall("s1", "GOOGLE_SEARCH_WEB", '{"q": "x"}', state=asked.state)
    assert answer == ServerToolResult("s1", "GOOGLE_SEARCH_WEB", '{"n": 1}', state=answer.state)
    assert [part.state for part in parts] == [
        (ProviderState(ISSUER, json.dumps(raw).encode()),) for raw in (code, failed, search, found)
    ]


def test_a_part_without_a_word_is_kept():
    raw = {"thoughtSignature": "s", "novelty": {"x": 1}}
    events, turn = stream(chunk(raw, finish="STOP"))
    assert turn.parts() == (ProviderPart("novelty", json.dumps(raw).encode(), ISSUER),)
    assert events[0] == ProviderEvent("novelty", json.dumps(raw).encode())


def test_made_up_ids_are_stable_and_differ_between_answers():
    call = {"functionCall": {"name": "f", "args": {}}}
    one, same = whole(call).parts()[0], stream(chunk(call, finish="STOP"))[1].parts()[0]
    other = whole(call, responseId="r2").parts()[0]
    unnamed = [whole(call, {"text": text}, responseId=None, modelVersion=None).parts()[0] for text in "ab"]
    ids = [part.id for part in (one, same, other, *unnamed) if isinstance(part, ToolCall)]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 4


def test_an_id_that_came_twice_is_given_to_one_call_only():
    call = {"functionCall": {"name": "f", "args": {}, "id": "x"}}
    first, second = whole(call, call).parts()
    assert isinstance(first, ToolCall)
    assert isinstance(second, ToolCall)
    assert first.id == "x" != second.id


def test_arguments_in_pieces_are_told_when_they_are_whole():
    pieces = [
        {"name": "f", "willContinue": True},
        {"partialArgs": [{"jsonPath": "$.city", "stringValue": "Bos", "willContinue": True}], "willContinue": True},
        {"partialArgs": [{"jsonPath": "$.city", "stringValue": "ton"}], "willContinue": True},
        {
            "partialArgs": [
                {"jsonPath": "$.days[0].n", "numberValue": 3},
                {"jsonPath": "$.days[0]['a b']", "boolValue": True},
            ],
            "willContinue": True,
        },
        {"partialArgs": [{"jsonPath": "$.days[1]", "nullValue": "NULL_VALUE"}], "willContinue": True},
        {},
    ]
    events, turn = stream(*[chunk({"functionCall": piece}) for piece in pieces], chunk(finish="STOP"))
    (call,) = turn.parts()
    assert isinstance(call, ToolCall)
    assert call.arguments == '{"city":"Boston","days":[{"n":3,"a b":true},null]}'
    assert [type(event) for event in events[:3]] == [ToolCallStart, ToolCallDelta, ToolCallEnd]
    cut, turn = stream(*[chunk({"functionCall": piece}) for piece in pieces[:3]], chunk(finish="MAX_TOKENS"))
    assert cut == [Done("length")]
    assert turn.parts() == ()


def test_a_call_goes_on_where_only_the_piece_of_its_argument_says_so():
    begun = {"name": "f", "partialArgs": [{"jsonPath": "$.a", "stringValue": "b", "willContinue": True}]}
    events, turn = stream(
        chunk({"functionCall": begun}),
        chunk({"functionCall": {"partialArgs": [{"jsonPath": "$.a", "stringValue": "c"}]}}),
        chunk({"functionCall": {}}, finish="STOP"),
    )
    (call,) = turn.parts()
    assert isinstance(call, ToolCall)
    assert call.arguments == '{"a":"bc"}'
    assert events[-1] == Done("tool_calls")


def test_an_answer_that_stops_inside_a_call_is_malformed():
    begun = chunk({"functionCall": {"name": "f", "willContinue": True}})
    with pytest.raises(MalformedResponse, match="inside a function call"):
        stream(begun, chunk(finish="STOP"))
    with pytest.raises(MalformedResponse, match="before the one before it had ended"):
        stream(begun, chunk({"functionCall": {"name": "g", "args": {}}}, finish="STOP"))


@pytest.mark.parametrize("path", ["city", "$", "$[0]", "$.a[", "$.a[5]", "$.a.b.c[x]"])
def test_pieces_that_do_not_fit_are_malformed(path: str):
    with pytest.raises(MalformedResponse):
        stream(chunk({"functionCall": {"name": "f", "partialArgs": [{"jsonPath": path, "stringValue": "x"}]}}))


def test_log_probabilities_hang_on_the_text():
    result = {
        "chosenCandidates": [{"token": "a", "logProbability": -0.5}],
        "topCandidates": [
            {"candidates": [{"token": "a", "logProbability": -0.5}, {"token": "b", "logProbability": -2}]}
        ],
    }
    token = TokenLogprob("a", -0.5, None, (TokenLogprob("a", -0.5), TokenLogprob("b", -2.0)))
    _, turn = stream(chunk({"text": "a"}, candidate={"logprobsResult": result}), chunk(finish="STOP"))
    assert turn.parts() == (TextPart("a", (), (token,)),)
    assert whole(candidate={"logprobsResult": result}).parts() == ()
