"""Everything that travels comes back equal, over the octets of a message, whoever it was written for."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from tests.unit.service import values

from ratatoskr import (
    ChatOptions,
    ChatRequest,
    ChatResponse,
    ContentDelta,
    EmbedRequest,
    GenerateResponse,
    InvalidInput,
    Message,
    ModelInfo,
    ProviderEvent,
    TextPart,
    Usage,
)
from ratatoskr.service.convert import embed, event, message, model, options, part, request, response
from ratatoskr.service.convert.capability import QUERIES
from ratatoskr.service.pb import ratatoskr_pb2 as pb
from ratatoskr.types.query import ExplainRequest, GetModelStatus, ListModels


def compact(write: Callable[..., Any]) -> Callable[[Any], Any]:
    return lambda value: write(value, listed=False)


def of_row(query: Any) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    return QUERIES[query].request_to_pb, QUERIES[query].request_from_pb


def of_generated(found: pb.GenerateResponse) -> GenerateResponse:
    return GenerateResponse.of(response.generate_from_pb(found))


ROWS: dict[str, tuple[Any, Callable[[Any], Any], Callable[[Any], Any]]] = {
    "part": (values.parts, part.part_to_pb, part.part_from_pb),
    "message": (values.messages, message.message_to_pb, message.message_from_pb),
    "message, compact": (values.messages, compact(message.message_to_pb), message.message_from_pb),
    "usage": (values.usages, response.usage_to_pb, response.usage_from_pb),
    "usage, compact": (values.usages, compact(response.usage_to_pb), response.usage_from_pb),
    "cost": (values.costs, response.COST.to_pb, response.COST.from_pb),
    "attempt": (values.attempts, response.ATTEMPT.to_pb, response.ATTEMPT.from_pb),
    "notice": (values.notices, response.NOTICE.to_pb, response.NOTICE.from_pb),
    "response": (values.responses, response.response_to_pb, response.response_from_pb),
    "response, compact": (values.responses, compact(response.response_to_pb), response.response_from_pb),
    "generated": (values.generated, response.generate_to_pb, of_generated),
    "generated, compact": (values.generated, compact(response.generate_to_pb), of_generated),
    "event": (values.events, event.event_to_pb, event.event_from_pb),
    "events": (values.tuples(values.events, 4).filter(bool).map(list), event.events_to_pb, event.events_from_pb),
    "options": (values.options, options.options_to_pb, options.options_from_pb),
    "prompt's options": (values.options, options.generate_options_to_pb, options.options_from_generate),
    "request": (values.requests, request.request_to_pb, request.request_from_pb),
    "prompt": (values.prompts, request.prompt_to_pb, request.prompt_from_pb),
    "embed request": (values.embed_requests, request.embed_request_to_pb, request.embed_request_from_pb),
    "embeddings": (values.embeddings, embed.embeddings_to_pb, embed.embeddings_from_pb),
    "embeddings, compact": (values.embeddings, compact(embed.embeddings_to_pb), embed.embeddings_from_pb),
    "embedding": (values.one_embedding, embed.embedding_to_pb, embed.embedding_from_pb),
    "model": (values.models, model.model_to_pb, model.model_from_pb),
    "status": (values.statuses, model.MODEL_STATUS.to_pb, model.MODEL_STATUS.from_pb),
    "models asked for": (values.st.builds(ListModels, values.maybe_text), *of_row(ListModels)),
    "status asked for": (values.st.builds(GetModelStatus, values.texts), *of_row(GetModelStatus)),
    "explanation asked for": (
        values.st.builds(ExplainRequest, values.requests, values.booleans),
        *of_row(ExplainRequest),
    ),
    "capabilities": (values.st.frozensets(values.texts), model.capabilities_to_pb, model.capabilities_from_pb),
    "health": (values.healths, model.HEALTH.to_pb, model.HEALTH.from_pb),
}


@pytest.mark.parametrize("name", ROWS)
def test_what_is_written_is_read_back_equal(name: str) -> None:
    strategy, to_pb, from_pb = ROWS[name]

    @settings(max_examples=60)
    @given(strategy)
    def check(value: Any) -> None:
        written = to_pb(value)
        read = from_pb(type(written).FromString(written.SerializeToString()))
        assert read == value

    check()


@pytest.mark.parametrize("name", ["part", "message", "request", "response", "events", "embed request", "model"])
def test_a_lone_surrogate_is_refused_by_name(name: str) -> None:
    wrong = "a\ud800b"
    bad: dict[str, Any] = {
        "part": TextPart(wrong),
        "message": Message.user(wrong),
        "request": ChatRequest((Message.user("Hi"),), options=ChatOptions("m", user=wrong)),
        "response": ChatResponse(Message.assistant(wrong)),
        "events": [ContentDelta("a"), ContentDelta(wrong)],
        "embed request": EmbedRequest(["a", wrong], "m"),
        "model": ModelInfo(wrong, "p", "n"),
    }
    with pytest.raises(InvalidInput, match="surrogate") as caught:
        ROWS[name][1](bad[name])
    assert caught.value.field


def test_an_event_of_a_newer_daemon_is_one_of_its_provider() -> None:
    octets = pb.ChatEvent().SerializeToString() + bytes([0xFA, 0x3F, 3]) + b"new"  # field 1023
    (found,) = event.events_from_pb(pb.ChatEvent.FromString(octets))
    assert isinstance(found, ProviderEvent)
    assert json.loads(found.data) == {"protobuf": base64.b64encode(octets).decode()}
    told = event.events_to_pb([ContentDelta("a"), found])
    assert event.events_from_pb(told) == [ContentDelta("a"), found]


UNKNOWN: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "role": (message.message_from_pb, pb.Message(role=77)),  # type: ignore[arg-type]  # of a newer daemon
    "parts": (message.message_from_pb, pb.Message(role=pb.ROLE_USER, parts=[pb.Part()])),
    "finish_reason": (response.response_from_pb, pb.ChatResponse(finish_reason=77)),  # type: ignore[arg-type]
    "status": (model.MODEL_STATUS.from_pb, pb.ModelStatusResponse(status=77)),  # type: ignore[arg-type]
    "matrix": (embed.embeddings_from_pb, pb.EmbedBatchResponse(matrix=pb.Matrix(rows=2, columns=2, values=bytes(4)))),
    "values": (embed.embedding_from_pb, pb.EmbedResponse(values=bytes(7))),
    "embeddings": (
        embed.embeddings_from_pb,
        pb.EmbedBatchResponse(embeddings=[pb.Embedding(values=bytes(4)), pb.Embedding(values=bytes(8))]),
    ),
    "max_tokens": (
        options.options_from_pb,
        pb.ChatOptions(model="m", beyond=pb.Beyond(numbers={"max_tokens": "many"})),
    ),
}


@pytest.mark.parametrize("field", UNKNOWN)
def test_what_is_unknown_or_wrong_is_a_clear_error(field: str) -> None:
    from_pb, written = UNKNOWN[field]
    with pytest.raises(InvalidInput) as caught:
        from_pb(written)
    assert caught.value.field == field


def test_what_a_new_field_says_is_not_said_again_for_our_own_client() -> None:
    answer = ChatResponse(Message.assistant(TextPart("a text that is long enough", cache=True)), Usage(10, 5))
    assert b"long enough" in response.response_to_pb(answer, listed=False).SerializeToString()
    assert response.response_to_pb(answer, listed=False).SerializeToString().count(b"long enough") == 1
    assert response.response_to_pb(answer).content == "a text that is long enough"


def test_a_packed_run_of_floats_has_the_octets_of_the_field() -> None:
    numbers = [0.5, -1.5, 3.0]
    packed = struct.pack("<3f", *numbers)
    written = bytes([1 << 3 | 2, len(packed)]) + packed  # `repeated float values = 1`, packed
    assert embed.embedding_from_pb(pb.EmbedResponse.FromString(written)).vectors.tolist() == numbers
    assert pb.EmbedResponse(values=packed).SerializeToString() == written
