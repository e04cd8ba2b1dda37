"""Requests to Gemini and responses of it, and the codec run over them."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from hypothesis import strategies as st

from ratatoskr.types.chat import ChatOptions, ChatRequest
from ratatoskr.types.message import Message
from ratatoskr.types.part import ProviderState
from ratatoskr.types.rules import ModelRules
from ratatoskr.types.tool import ToolDefinition
from ratatoskr.wire import gemini
from ratatoskr.wire.dialect import Encoded, Target
from ratatoskr.wire.turn import TurnBuilder

TARGET = Target("google", "gemini-3.5-flash", "generate_content")
ISSUER = TARGET.issuer


def chunk(*parts: Any, finish: str | None = None, **more: Any) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": list(parts)}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    candidate |= more.pop("candidate", {})
    return {"candidates": [candidate], "modelVersion": "gemini-3.5-flash-001", "responseId": "r1", **more}


def decode_parts(*parts: Any, finish: str = "STOP", **more: Any) -> TurnBuilder:
    return gemini.decode_response(json.dumps(chunk(*parts, finish=finish, **more)).encode(), TARGET)


def decode_stream(*chunks: Any) -> tuple[list[Any], TurnBuilder]:
    decoder = gemini.StreamDecoder(TARGET)
    events = [event for one in chunks for event in decoder.feed("", json.dumps(one).encode())]
    return events + decoder.end(), decoder.turn


def signature_state(signature: str) -> tuple[ProviderState, ...]:
    return (ProviderState(ISSUER, json.dumps(signature).encode()),)


RESPONSES: list[Any] = [
    {
        "candidates": [
            {
                "content": {
                    "parts": [
                        {"text": "a", "thought": True, "thoughtSignature": "s"},
                        {"text": "Hello"},
                        {"functionCall": {"name": "f", "id": "1", "args": {"a": [1]}, "willContinue": False}},
                        {"functionCall": {"partialArgs": [{"jsonPath": "$.a[0].b", "numberValue": 1}]}},
                        {"inlineData": {"mimeType": "image/png", "data": "eA=="}},
                        {"executableCode": {"language": "PYTHON", "code": "1"}},
                        {"codeExecutionResult": {"outcome": "OUTCOME_OK", "id": "x"}},
                        {"toolCall": {"toolType": "X", "args": {}}},
                        {"toolResponse": {"toolType": "X", "response": {}}},
                    ]
                },
                "finishReason": "STOP",
                "finishMessage": "m",
                "logprobsResult": {"chosenCandidates": [{"token": "a", "logProbability": 1}], "topCandidates": [{}]},
                "groundingMetadata": {
                    "groundingChunks": [{"web": {"uri": "u", "title": "t"}}],
                    "groundingSupports": [
                        {"segment": {"startIndex": 1, "endIndex": 3, "text": "el"}, "groundingChunkIndices": [0]}
                    ],
                },
                "citationMetadata": {"citationSources": [{"startIndex": 0, "endIndex": 2}]},
                "urlContextMetadata": {"urlMetadata": [{"retrievedUrl": "u"}]},
                "continuationToken": "x",
            }
        ],
        "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 2, "totalTokenCount": 3},
        "promptFeedback": {"blockReason": None},
        "modelVersion": "m",
        "responseId": "r",
    },
    {"error": {"code": 1, "message": "m", "details": [{"@type": "google.rpc.RetryInfo", "retryDelay": "1s"}]}},
]
words = st.text(st.characters() | st.sampled_from("\ud83d\ude00\ud800"), max_size=6)
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def mutated_responses(draw: st.DrawFn) -> bytes:
    value = json.loads(json.dumps(draw(st.sampled_from(RESPONSES))))
    for _ in range(draw(st.integers(0, 3))):
        place = value
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(place[key], (dict, list)) and place[key] and draw(st.integers(0, 4)):
                place = place[key]
                continue
            place[key] = draw(values)
            break
    return json.dumps(value).encode()


anything = mutated_responses() | st.binary(max_size=40) | values.map(lambda v: json.dumps(v).encode())
LEVEL = ModelRules(thinking="level", efforts={"low": "low", "high": "high"}, off="lowest")
BUDGET = ModelRules(thinking="budget", off="zero")
SCHEMA = {"type": "object", "properties": {"n": {"$ref": "#/$defs/n"}}, "$defs": {"n": {"type": "integer"}}}
ADD = ToolDefinition("add", "Add two numbers.", {"type": "object", "$defs": {"x": {"type": "number"}}})


def encode(*messages: Message, rules: ModelRules = LEVEL, model: str = "gemini-3.5-flash", **fields: Any) -> Encoded:
    flags = fields.pop("flags", frozenset())
    target = Target("google", model, "generate_content", rules, flags)
    stream = fields.pop("stream", False)
    kept = {name: fields.pop(name) for name in ("tools", "tool_choice") if name in fields}
    request = ChatRequest(messages or (Message.user("Hi"),), options=ChatOptions(**fields), **kept)
    return gemini.encode_request(request, target, stream=stream)


def encode_body(*messages: Message, **fields: Any) -> Any:
    return json.loads(msgspec.json.encode(encode(*messages, **fields).body))


GEMINI_3 = Target("google", "gemini-3.5-flash", "generate_content", ModelRules(thinking="level"))
GEMINI_2 = Target("google", "gemini-2.5-flash", "generate_content", ModelRules(thinking="budget"))
USER = Message.user("Hi")


def encode_history(*messages: Message, target: Target = GEMINI_3) -> Encoded:
    return gemini.encode_request(ChatRequest(messages), target, stream=False)


def encode_contents(*messages: Message, target: Target = GEMINI_3) -> Any:
    return json.loads(msgspec.json.encode(encode_history(*messages, target=target).body))["contents"]
