"""Everything that travels comes back equal, over the octets of a message, whoever it was written for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from tests.unit.service import values

from ratatoskr import GenerateResponse
from ratatoskr.service.convert import embed, event, message, model, options, part, request, response
from ratatoskr.service.pb import ratatoskr_pb2 as pb


def compact(write: Callable[..., Any]) -> Callable[[Any], Any]:
    return lambda value: write(value, listed=False)


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
