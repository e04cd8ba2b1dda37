"""Responses of Gemini, and the parts they become."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given

from ratatoskr.errors import MalformedResponse
from ratatoskr.types.event import ProviderEvent
from ratatoskr.types.part import (
    AudioPart,
    FilePart,
    ImagePart,
    ProviderPart,
    ProviderState,
    ServerToolCall,
    ServerToolResult,
    TextPart,
    TokenLogprob,
    ToolCall,
)
from ratatoskr.wire import gemini
from ratatoskr.wire.failure import FailureReported, ReportedFailure
from unit.wire.gemini.samples import ISSUER, TARGET, anything, chunk, decode_parts, decode_stream, signature_state


@given(anything)
def test_no_body_breaks_the_decoder(body: bytes):
    with contextlib.suppress(FailureReported, MalformedResponse):
        assert gemini.decode_response(body, TARGET).done
    assert isinstance(gemini.decode_error(body), ReportedFailure)


def test_only_the_first_of_several_candidates_is_read():
    body = {
        "candidates": [
            {"index": 1, "content": {"parts": [{"text": "no"}]}},
            chunk({"text": "yes"}, finish="STOP")["candidates"][0],
        ]
    }
    assert gemini.decode_response(json.dumps(body).encode(), TARGET).parts() == (TextPart("yes"),)


def test_a_lone_surrogate_beside_bytes_that_are_kept_is_replaced():
    turn = decode_parts(
        {"text": "a\ud800", "thoughtSignature": "s"}, {"functionCall": {"name": "f", "args": {"x": "\ud800"}}}
    )
    text, call = turn.parts()
    assert text == TextPart("a\ufffd", state=signature_state("s"))
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
    events, turn = decode_stream(chunk(part, finish="STOP"))
    assert turn.parts() == (made,)
    assert events[0] == ProviderEvent(next(iter(part)), raw)


def test_an_image_of_the_thinking_is_not_an_image_of_the_answer():
    part = {"inlineData": {"mimeType": "image/png", "data": "eA=="}, "thought": True}
    assert decode_parts(part).parts() == (ProviderPart("inlineData", json.dumps(part).encode(), ISSUER),)


def test_googles_own_tools_are_server_tools_that_keep_their_bytes():
    code = {"executableCode": {"language": "PYTHON", "code": "1/0"}}
    failed = {"codeExecutionResult": {"outcome": "OUTCOME_FAILED", "output": "no"}}
    search = {"toolCall": {"toolType": "GOOGLE_SEARCH_WEB", "args": {"q": "x"}, "id": "s1"}}
    found = {"toolResponse": {"toolType": "GOOGLE_SEARCH_WEB", "response": {"n": 1}, "id": "s1"}}
    parts = decode_parts(code, failed, search, found).parts()
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


def test_a_part_of_unknown_kind_is_kept():
    raw = {"thoughtSignature": "s", "novelty": {"x": 1}}
    events, turn = decode_stream(chunk(raw, finish="STOP"))
    assert turn.parts() == (ProviderPart("novelty", json.dumps(raw).encode(), ISSUER),)
    assert events[0] == ProviderEvent("novelty", json.dumps(raw).encode())


def test_made_up_ids_are_stable_and_differ_between_answers():
    call = {"functionCall": {"name": "f", "args": {}}}
    one, same = decode_parts(call).parts()[0], decode_stream(chunk(call, finish="STOP"))[1].parts()[0]
    other = decode_parts(call, responseId="r2").parts()[0]
    unnamed = [decode_parts(call, {"text": text}, responseId=None, modelVersion=None).parts()[0] for text in "ab"]
    ids = [part.id for part in (one, same, other, *unnamed) if isinstance(part, ToolCall)]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 4


def test_an_id_that_came_twice_is_given_to_one_call_only():
    call = {"functionCall": {"name": "f", "args": {}, "id": "x"}}
    first, second = decode_parts(call, call).parts()
    assert isinstance(first, ToolCall)
    assert isinstance(second, ToolCall)
    assert first.id == "x" != second.id


def test_log_probabilities_belong_to_the_text():
    result = {
        "chosenCandidates": [{"token": "a", "logProbability": -0.5}],
        "topCandidates": [
            {"candidates": [{"token": "a", "logProbability": -0.5}, {"token": "b", "logProbability": -2}]}
        ],
    }
    token = TokenLogprob("a", -0.5, None, (TokenLogprob("a", -0.5), TokenLogprob("b", -2.0)))
    _, turn = decode_stream(chunk({"text": "a"}, candidate={"logprobsResult": result}), chunk(finish="STOP"))
    assert turn.parts() == (TextPart("a", (), (token,)),)
    assert decode_parts(candidate={"logprobsResult": result}).parts() == ()


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b"1", b"null", b"<html>", b'{"candidates": [{}]}', b'{"candidates": 1}']
)
def test_a_body_of_another_shape_is_malformed(body: bytes):
    with pytest.raises(MalformedResponse):
        gemini.decode_response(body, TARGET)
