"""Whatever comes: events, `FailureReported` or `MalformedResponse`, and nothing else."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ratatoskr.errors import MalformedResponse
from ratatoskr.types.event import Done
from ratatoskr.types.message import Message
from ratatoskr.wire import gemini
from ratatoskr.wire.dialect import Target
from ratatoskr.wire.failure import FailureReported, ReportedFailure

TARGET = Target("google", "gemini-3.5-flash", "generate_content")
REAL: list[Any] = [
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
def mutated(draw: st.DrawFn) -> bytes:
    value = json.loads(json.dumps(draw(st.sampled_from(REAL))))
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


anything = mutated() | st.binary(max_size=40) | values.map(lambda v: json.dumps(v).encode())


@given(st.lists(anything, max_size=4))
def test_no_stream_breaks_the_decoder(chunks: list[bytes]):
    decoder = gemini.StreamDecoder(TARGET)
    events: list[Any] = []
    with contextlib.suppress(FailureReported, MalformedResponse):
        for data in chunks:
            events += decoder.feed("", data)
        events += decoder.end()
    done = [event for event in events if isinstance(event, Done)]
    assert done == ([Done(decoder.turn.finish_reason or "unknown")] if decoder.turn.done else [])
    message = Message("assistant", decoder.turn.parts())
    assert Message.from_json(message.to_json().encode()) == message, "no lone surrogate, nothing lost"


@given(anything)
def test_no_body_breaks_the_decoder(body: bytes):
    with contextlib.suppress(FailureReported, MalformedResponse):
        assert gemini.decode_response(body, TARGET).done
    assert isinstance(gemini.decode_error(body), ReportedFailure)


@given(st.lists(mutated(), max_size=4))
def test_an_array_and_a_stream_of_the_same_chunks_give_the_same_message(chunks: list[bytes]):
    decoder = gemini.StreamDecoder(TARGET)
    try:
        for data in chunks:
            decoder.feed("", data)
        decoder.end()
        turn = gemini.decode_response(b"[" + b",".join(chunks) + b"]", TARGET)
    except (FailureReported, MalformedResponse):
        return
    assert decoder.turn.done
    assert turn.parts() == decoder.turn.parts()
