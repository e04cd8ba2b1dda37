"""What a backend can do, each with its method on the wire and the converters of both directions.

A capability is one row: the server needs nothing else. A question to `Backend.inspect` is a row of `QUERIES`, and the
client needs nothing else either; another method of a backend is a row of `CAPABILITIES`, and one of the same name in
`RemoteBackend`, which asks by the row that carries several texts.
"""

from __future__ import annotations

import importlib
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from ratatoskr.service.convert import embed, model, request, response
from ratatoskr.service.convert.codec import refuse
from ratatoskr.service.methods import ADMIN, METHODS, SERVICE, Method
from ratatoskr.service.pb import ratatoskr_pb2 as pb
from ratatoskr.types.embed import Embeddings, EmbedRequest
from ratatoskr.types.model import Explanation
from ratatoskr.types.query import (
    ExplainRequest,
    GetCapabilities,
    GetCost,
    GetHealth,
    GetModelMetadata,
    GetModelStatus,
    ListModels,
    ListPresets,
    Query,
    RefreshModels,
    ResolvePreset,
)

__all__ = ["ANALYSES", "CAPABILITIES", "CHAT", "CHAT_STREAM", "COUNT_TOKENS", "EMBED_BATCH", "GENERATE"]
__all__ += ["GENERATE_STREAM", "ONE_TEXT", "QUERIES", "TOKENIZE", "TOKENIZE_ONE", "Rpc", "message_of"]
__all__ += ["row_of"]


def method_of(name: str, service: str = SERVICE) -> Method:
    """Return a method of a service, by default the main one."""
    return METHODS[f"/{service}/{name}"]


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


class _OnUse:
    """A module of converters that is imported when one of its functions is first called, as most clients use few."""

    def __init__(self, name: str) -> None:
        self._name = f"ratatoskr.service.convert.{name}"

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return self._function(name)

    def codec(self, name: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
        """Return the two functions of a codec of the module."""
        return self._function(f"{name}.to_pb"), self._function(f"{name}.from_pb")

    def _function(self, path: str) -> Callable[..., Any]:
        find = operator.attrgetter(path)

        def convert(*arguments: Any, **options: Any) -> Any:
            return find(importlib.import_module(self._name))(*arguments, **options)

        return convert


analysis, catalogue, tokens = _OnUse("analysis"), _OnUse("catalogue"), _OnUse("tokens")

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


def message_of(kind: Any, **fields: Any) -> Any:
    """Return a message with these fields; raises `InvalidInput` for a text that has no UTF-8 form."""
    try:
        return kind(**fields)
    except ValueError as error:
        name, value = next(iter(fields.items()))
        raise refuse(name, value, error) from None


def _explain_to_pb(query: ExplainRequest) -> pb.ExplainRequest:
    return pb.ExplainRequest(request=request.request_to_pb(query.request), body=query.body)


def _of_codecs(name: str, backend: str, request: str, answer: str) -> Rpc:
    write, read = analysis.codec(answer)
    return Rpc(method_of(name), backend, *analysis.codec(request), lambda found, listed: write(found), read)


ANALYSES: Final[dict[str, Rpc]] = {
    "nli": Rpc(
        method_of("InferNliBatch"),
        "nli",
        *analysis.codec("NLI_REQUEST"),
        analysis.judgements_to_pb,
        analysis.judgements_from_pb,
    ),
    "zero_shot": _of_codecs("ClassifyZeroShotBatch", "zero_shot", "ZERO_SHOT_REQUEST", "CLASSIFICATIONS"),
    "classify": _of_codecs("ClassifyBatch", "classify", "CLASSIFY_REQUEST", "CLASSIFICATIONS"),
    "stance": _of_codecs("ClassifyStanceBatch", "stance", "STANCE_REQUEST", "STANCES"),
    "rerank": _of_codecs("Rerank", "rerank", "RERANK_REQUEST", "RANKING"),
}
"""Text analysis by the names of the backend's methods."""
ONE_TEXT: Final[dict[str, Rpc]] = {
    "nli": Rpc(
        method_of("InferNli"),
        "nli",
        analysis.pair_to_pb,
        analysis.pair_from_pb,
        analysis.judgement_to_pb,
        analysis.judgement_from_pb,
    ),
    "zero_shot": Rpc(
        method_of("ClassifyZeroShot"),
        "zero_shot",
        *analysis.codec("ONE_ZERO_SHOT_REQUEST"),
        analysis.classification_to_pb,
        analysis.classification_from_pb,
    ),
    "stance": Rpc(
        method_of("ClassifyStance"),
        "stance",
        *analysis.codec("ONE_STANCE_REQUEST"),
        analysis.stance_to_pb,
        analysis.stance_from_pb,
    ),
}
"""The same of one text, which every daemon serves."""
COUNT_TOKENS: Final = Rpc(
    method_of("CountTokens"),
    "count_tokens",
    tokens.count_request_to_pb,
    tokens.count_request_from_pb,
    tokens.count_to_pb,
    tokens.count_from_pb,
)
TOKENIZE: Final = Rpc(
    method_of("TokenizeBatch"),
    "tokenize",
    tokens.tokenize_request_to_pb,
    tokens.tokenize_request_from_pb,
    lambda found, listed: pb.TokenizeBatchResponse(arrays=tokens.tokens_to_pb(found)),
    lambda message: tokens.tokens_from_pb(message.arrays),
)
TOKENIZE_ONE: Final = Rpc(
    method_of("Tokenize"),
    "tokenize",
    tokens.tokenize_one_to_pb,
    tokens.tokenize_one_from_pb,
    tokens.tokens_to_listed,
    tokens.tokens_from_listed,
)
CHAT_STREAM: Final = method_of("ChatStream")
GENERATE_STREAM: Final = method_of("GenerateStream")

QUERIES: Final[dict[type[Any], Rpc]] = {
    ListModels: Rpc(
        method_of("ListModels"),
        "inspect",
        lambda query: message_of(pb.ListModelsRequest, provider=query.provider),
        lambda message: ListModels(message.provider if message.HasField("provider") else None),
        lambda models, listed: pb.ListModelsResponse(models=[model.model_to_pb(one) for one in models]),
        lambda message: [model.model_from_pb(one) for one in message.models],
    ),
    GetModelStatus: Rpc(
        method_of("ModelStatus"),
        "inspect",
        lambda query: message_of(pb.ModelStatusRequest, model=query.model),
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
    GetModelMetadata: Rpc(
        method_of("GetModelMetadata"),
        "inspect",
        lambda query: message_of(pb.ModelMetadataRequest, model=query.model),
        lambda message: GetModelMetadata(message.model),
        catalogue.metadata_to_pb,
        catalogue.metadata_from_pb,
    ),
    ListPresets: Rpc(
        method_of("ListPresets"),
        "inspect",
        lambda query: pb.ListPresetsRequest(),
        lambda message: ListPresets(),
        catalogue.presets_to_pb,
        catalogue.presets_from_pb,
    ),
    ResolvePreset: Rpc(
        method_of("ResolvePreset"),
        "inspect",
        catalogue.preset_query_to_pb,
        catalogue.preset_query_from_pb,
        catalogue.preset_to_pb,
        catalogue.preset_from_pb,
    ),
    GetCost: Rpc(
        method_of("GetCost"),
        "inspect",
        catalogue.cost_query_to_pb,
        catalogue.cost_query_from_pb,
        catalogue.cost_to_pb,
        catalogue.cost_from_pb,
    ),
    RefreshModels: Rpc(
        method_of("RefreshModels", ADMIN),  # reads files of the daemon's machine, and changes prices for all
        "inspect",
        catalogue.refresh_query_to_pb,
        catalogue.refresh_query_from_pb,
        catalogue.report_to_pb,
        catalogue.report_from_pb,
    ),
}
"""The questions that `Backend.inspect` answers."""

FETCH_METADATA: Final = Rpc(
    method_of("FetchModelMetadata"),
    "inspect",
    lambda query: message_of(pb.ModelMetadataRequest, model=query.model),
    lambda message: GetModelMetadata(message.model, fetch=True),
    catalogue.metadata_to_pb,
    catalogue.metadata_from_pb,
)


def row_of(query: Query[Any]) -> Rpc | None:
    """Return the row of a question; `None` for one that a daemon is not asked."""
    if isinstance(query, GetModelMetadata) and query.fetch:
        return FETCH_METADATA
    return QUERIES.get(type(query))


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
    *ANALYSES.values(),
    *ONE_TEXT.values(),
    COUNT_TOKENS,
    TOKENIZE,
    TOKENIZE_ONE,
    *QUERIES.values(),
    FETCH_METADATA,
)
"""Everything that is answered by one message."""
