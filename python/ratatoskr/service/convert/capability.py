"""What a backend can do, each with its method on the wire and the converters of both directions.

A capability is one row: the server needs nothing else. A question to `Backend.inspect` is a row of `QUERIES`, and the
client needs nothing else either; another method of a backend is a row of `CAPABILITIES`, and one of the same name in
`RemoteBackend`, which asks by the row that carries several texts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from ratatoskr.service.convert import embed, model, request, response
from ratatoskr.service.methods import METHODS, SERVICE, Method
from ratatoskr.service.pb import ratatoskr_pb2 as pb
from ratatoskr.types.embed import Embeddings, EmbedRequest
from ratatoskr.types.model import Explanation
from ratatoskr.types.query import ExplainRequest, GetCapabilities, GetHealth, GetModelStatus, ListModels

__all__ = ["CAPABILITIES", "CHAT", "CHAT_STREAM", "EMBED_BATCH", "GENERATE", "GENERATE_STREAM", "QUERIES", "Rpc"]


def method_of(name: str) -> Method:
    """Return a method of the main service."""
    return METHODS[f"/{SERVICE}/{name}"]


@dataclass(frozen=True, slots=True)
class Rpc:
    """A method of a backend as one of the service.

    Attributes:
        method: of the service.
        backend: the name of the backend's method; a backend without it does not serve the capability.
        request_to_pb: from the backend's request to the message.
        request_from_pb: and back.
        answer_to_pb: from the backend's answer to the message; takes `listed`, whether the reader knows only the listed
            fields.
        answer_from_pb: and back.
    """

    method: Method
    backend: str
    request_to_pb: Callable[[Any], Any]
    request_from_pb: Callable[[Any], Any]
    answer_to_pb: Callable[..., Any]
    answer_from_pb: Callable[[Any], Any]


CHAT: Final = Rpc(
    method_of("Chat"),
    "chat",
    request.request_to_pb,
    request.request_from_pb,
    response.response_to_pb,
    response.response_from_pb,
)
GENERATE: Final = Rpc(
    method_of("Generate"),
    "chat",
    request.prompt_to_pb,
    request.prompt_from_pb,
    response.generate_to_pb,
    response.generate_from_pb,
)
EMBED_BATCH: Final = Rpc(
    method_of("EmbedBatch"),
    "embed",
    request.embed_request_to_pb,
    request.embed_request_from_pb,
    embed.embeddings_to_pb,
    embed.embeddings_from_pb,
)


def _single_to_pb(query: EmbedRequest) -> pb.EmbedRequest:
    return pb.EmbedRequest(text=next(iter(query.texts)), model=query.model, options=request.embed_options_to_pb(query))


def _single_from_pb(message: pb.EmbedRequest) -> EmbedRequest:
    return EmbedRequest([message.text], message.model, **request.embed_options_from_pb(message))


def _first_to_pb(answer: Embeddings, *, listed: bool) -> pb.EmbedResponse:
    return embed.embedding_to_pb(answer.single())


def _explain_to_pb(query: ExplainRequest) -> pb.ExplainRequest:
    return pb.ExplainRequest(request=request.request_to_pb(query.request), body=query.body)


CHAT_STREAM: Final = method_of("ChatStream")
GENERATE_STREAM: Final = method_of("GenerateStream")

QUERIES: Final[dict[type[Any], Rpc]] = {
    ListModels: Rpc(
        method_of("ListModels"),
        "inspect",
        lambda query: pb.ListModelsRequest(provider=query.provider),
        lambda message: ListModels(message.provider if message.HasField("provider") else None),
        lambda models, listed: pb.ListModelsResponse(models=[model.model_to_pb(one) for one in models]),
        lambda message: [model.model_from_pb(one) for one in message.models],
    ),
    GetModelStatus: Rpc(
        method_of("ModelStatus"),
        "inspect",
        lambda query: pb.ModelStatusRequest(model=query.model),
        lambda message: GetModelStatus(message.model),
        lambda status, listed: model.MODEL_STATUS.to_pb(status),
        model.MODEL_STATUS.from_pb,
    ),
    ExplainRequest: Rpc(
        method_of("Explain"),
        "inspect",
        _explain_to_pb,
        lambda message: ExplainRequest(request.request_from_pb(message.request), message.body),
        lambda explanation, listed: pb.ExplainResponse(explanation_json=explanation.to_json()),
        lambda message: Explanation.from_json(message.explanation_json),
    ),
    GetCapabilities: Rpc(
        method_of("GetCapabilities"),
        "inspect",
        lambda query: pb.CapabilitiesRequest(),
        lambda message: GetCapabilities(),
        lambda names, listed: model.capabilities_to_pb(names),
        model.capabilities_from_pb,
    ),
    GetHealth: Rpc(
        method_of("Health"),
        "inspect",
        lambda query: pb.HealthRequest(),
        lambda message: GetHealth(),
        lambda health, listed: model.HEALTH.to_pb(health),
        model.HEALTH.from_pb,
    ),
}
"""The questions that `Backend.inspect` answers."""

CAPABILITIES: Final = (
    CHAT,
    GENERATE,
    EMBED_BATCH,
    Rpc(
        method_of("Embed"),
        "embed",
        _single_to_pb,
        _single_from_pb,
        _first_to_pb,
        embed.embedding_from_pb,
    ),
    *QUERIES.values(),
)
"""Everything that is answered by one message."""
