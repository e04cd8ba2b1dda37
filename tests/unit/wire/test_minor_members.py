"""An answer is kept, with a notice, if members that are not part of it have an unexpected form."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ratatoskr.errors import MalformedResponse
from ratatoskr.types.part import TextPart
from ratatoskr.types.usage import Usage
from ratatoskr.wire import anthropic, chat_completions, gemini, ollama, responses
from ratatoskr.wire.dialect import Target
from ratatoskr.wire.failure import FailureReported
from ratatoskr.wire.turn import TurnBuilder

DIALECTS: dict[str, Any] = {
    "anthropic": anthropic,
    "chat_completions": chat_completions,
    "gemini": gemini,
    "ollama": ollama,
    "responses": responses,
}
ODD = [[], {}, "many", "9", 1.5, -1, -1.5, -9.0, 1e300, 2**60, True]
"""Values that no count of tokens has."""


def decode(name: str, body: Any) -> TurnBuilder:
    return DIALECTS[name].decode_response(json.dumps(body).encode(), Target("host", "m", name))


def decode_stream(name: str, *events: Any) -> TurnBuilder:
    decoder = DIALECTS[name].StreamDecoder(Target("host", "m", name))
    for event in events:
        decoder.feed("", event if isinstance(event, bytes) else json.dumps(event).encode())
    decoder.end()
    return decoder.turn


def body(name: str, count: Any) -> dict[str, Any]:
    """Return an answer "hi" of 3 tokens of input and `count` tokens of output."""
    match name:
        case "anthropic":
            usage = {"input_tokens": 3, "output_tokens": count}
            content = [{"type": "text", "text": "hi"}]
            return {"type": "message", "id": "r", "content": content, "stop_reason": "end_turn", "usage": usage}
        case "chat_completions":
            choice = {"index": 0, "message": {"content": "hi"}, "finish_reason": "stop"}
            return {"id": "r", "choices": [choice], "usage": {"prompt_tokens": 3, "completion_tokens": count}}
        case "gemini":
            candidate = {"content": {"parts": [{"text": "hi"}]}, "finishReason": "STOP"}
            return {
                "candidates": [candidate],
                "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": count},
                "responseId": "r",
            }
        case "ollama":
            end = {"done": True, "done_reason": "stop", "prompt_eval_count": 3, "eval_count": count}
            return {"message": {"content": "hi"}, **end}
    item = {"type": "message", "content": [{"type": "output_text", "text": "hi"}]}
    usage = {"input_tokens": 3, "output_tokens": count}
    return {"id": "r", "status": "completed", "output": [item], "usage": usage}


def events(name: str, count: Any) -> list[Any]:
    """Return the stream of the same answer."""
    whole = body(name, count)
    match name:
        case "anthropic":
            return [
                {"type": "message_start", "message": {"type": "message", "id": "r", "usage": {"input_tokens": 3}}},
                {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "hi"}},
                {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": count}},
                {"type": "message_stop"},
            ]
        case "chat_completions":
            choice = {"index": 0, "delta": {"content": "hi"}, "finish_reason": "stop"}
            return [{"choices": [choice]}, {"choices": [], "usage": whole["usage"]}, b"[DONE]"]
        case "responses":
            return [{"type": "response.completed", "response": whole}]
    return [whole]


FIELDS = {
    "anthropic": "usage.output_tokens",
    "chat_completions": "usage.completion_tokens",
    "gemini": "usageMetadata.candidatesTokenCount",
    "ollama": "eval_count",
    "responses": "usage.output_tokens",
}


@pytest.mark.parametrize("count", ODD, ids=str)
@pytest.mark.parametrize("name", DIALECTS)
def test_an_odd_count_is_unknown_and_the_others_stay(name: str, count: Any) -> None:
    streamed = decode_stream(name, *events(name, count))
    assert streamed.done
    for turn in (decode(name, body(name, count)), streamed):
        (part,) = turn.parts()
        assert isinstance(part, TextPart)
        assert (part.text, turn.finish_reason) == ("hi", "stop")
        assert turn.usage == Usage.of_provider(input_tokens=3)
        assert [(notice.code, notice.field) for notice in turn.notices] == [("member_ignored", FIELDS[name])]


@pytest.mark.parametrize("count", [9, 9.0, 0, 0.0, None])
@pytest.mark.parametrize("name", DIALECTS)
def test_a_whole_number_and_null_give_no_notice(name: str, count: Any) -> None:
    for turn in (decode(name, body(name, count)), decode_stream(name, *events(name, count))):
        assert turn.usage == Usage.of_provider(input_tokens=3, output_tokens=count)
        assert turn.usage.output_tokens is None or type(turn.usage.output_tokens) is int
        assert turn.notices == []


@pytest.mark.parametrize(
    ("name", "path", "value", "field"),
    [
        ("chat_completions", ("usage",), [], "usage"),
        ("chat_completions", ("id",), {}, "id"),
        ("chat_completions", ("created",), [], "created"),
        ("chat_completions", ("citations",), {}, "citations"),
        ("chat_completions", ("choices", 0, "logprobs"), [], "choices.logprobs"),
        ("chat_completions", ("choices", 0, "message", "annotations"), {}, "choices.message.annotations"),
        ("chat_completions", ("choices", 0, "message", "refusal"), False, "choices.message.refusal"),
        ("anthropic", ("usage",), "none", "usage"),
        ("anthropic", ("id",), 7, "id"),
        ("anthropic", ("stop_details",), [], "stop_details"),
        ("gemini", ("usageMetadata",), [], "usageMetadata"),
        ("gemini", ("responseId",), 7, "responseId"),
        ("gemini", ("candidates", 0, "logprobsResult"), [], "candidates.logprobsResult"),
        ("ollama", ("created_at",), 7, "created_at"),
        ("ollama", ("logprobs",), {}, "logprobs"),
        ("responses", ("usage",), [], "usage"),
        ("responses", ("created_at",), "today", "created_at"),
        ("responses", ("output", 0, "content", 0, "logprobs"), {}, "logprobs"),
        ("responses", ("output", 0, "content", 0, "annotations"), {}, "annotations"),
    ],
)
def test_other_minor_members(name: str, path: tuple[Any, ...], value: Any, field: str) -> None:
    whole: Any = body(name, 2)
    inner = whole
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    turn = decode(name, whole)
    (part,) = turn.parts()
    assert isinstance(part, TextPart)
    assert (part.text, turn.finish_reason) == ("hi", "stop")
    assert [(notice.code, notice.field) for notice in turn.notices] == [("member_ignored", field)]


@pytest.mark.parametrize(
    ("name", "member", "value"),
    [
        ("anthropic", "content", {}),
        ("chat_completions", "choices", {}),
        ("gemini", "candidates", {}),
        ("ollama", "message", []),
        ("responses", "output", {}),
    ],
)
def test_the_answer_itself_stays_strict(name: str, member: str, value: Any) -> None:
    with pytest.raises(MalformedResponse, match="unexpected shape"):
        decode(name, {**body(name, 1.5), member: value})


@pytest.mark.parametrize("name", DIALECTS)
def test_a_document_of_another_shape_is_no_empty_answer(name: str) -> None:
    for document in (
        {},
        [],
        [{}],
        None,
        "ok",
        {"detail": "Not Found"},
        {"message": "ok", "code": 0},
        {"data": []},
        {"object": "list", "data": [], "models": []},
        {"choices": [{}]},
        {"choices": [{"message": {}}]},
        {"candidates": [{}]},
        {"content": None},
        {"done": True},
        {"status": "completed"},
        {"usage": {"prompt_tokens": 1}},
    ):
        with pytest.raises(MalformedResponse):
            decode(name, document)


@pytest.mark.parametrize("name", DIALECTS)
@pytest.mark.parametrize("error", ["no credits", {"message": "no credits", "code": 402}])
def test_an_error_in_place_of_an_answer_is_told(name: str, error: Any) -> None:
    for document in ({"error": error}, {"type": "error", "error": error}, {**body(name, 2), "error": error}):
        with pytest.raises(FailureReported) as reported:
            decode(name, document)
        assert "no credits" in reported.value.failure.message
        with pytest.raises(FailureReported):
            decode_stream(name, document)


@pytest.mark.parametrize("name", ["groundingMetadata", "citationMetadata", "urlContextMetadata"])
def test_odd_sources_of_gemini(name: str) -> None:
    whole = body("gemini", 2)
    whole["candidates"][0][name] = []
    for turn in (decode("gemini", whole), decode_stream("gemini", whole)):
        assert turn.parts() == (TextPart("hi"),)
        assert [(notice.code, notice.field) for notice in turn.notices] == [("member_ignored", f"candidates.{name}")]


def test_odd_citations_of_anthropic() -> None:
    whole = body("anthropic", 2)
    whole["content"][0]["citations"] = {}
    turn = decode("anthropic", whole)
    (part,) = turn.parts()
    assert isinstance(part, TextPart)
    assert (part.text, part.citations) == ("hi", ())
    assert [notice.field for notice in turn.notices] == ["content.citations"]


def test_a_blank_call_of_ollama_is_no_call() -> None:
    for blank in ({}, {"function": {}}, {"function": {"name": "", "arguments": {}}}, {"id": "", "function": None}):
        whole = body("ollama", 2)
        whole["message"]["tool_calls"] = [blank]
        turn = decode("ollama", whole)
        assert turn.parts() == (TextPart("hi"),)
        assert turn.finish_reason == "stop"


def test_a_member_that_is_odd_in_every_event_gives_one_notice() -> None:
    choice = {"index": 0, "delta": {"content": "a"}, "logprobs": [], "finish_reason": None}
    last = {"index": 0, "delta": {}, "finish_reason": "stop"}
    turn = decode_stream("chat_completions", *[{"choices": [choice]}] * 9, {"choices": [last]}, b"[DONE]")
    assert turn.parts() == (TextPart("a" * 9),)
    assert [notice.field for notice in turn.notices] == ["choices.logprobs"]


def test_invalid_utf8_and_lone_surrogates_beside_an_odd_count() -> None:
    data = rb'{"choices":[{"message":{"content":"\ud800 %b"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1.5}}'
    turn = chat_completions.decode_response(data % b"\xff", Target("host", "m", "chat_completions"))
    assert turn.parts() == (TextPart("\ufffd \ufffd"),)
