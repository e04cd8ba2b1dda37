"""The APIs of reranking as rows: where they are, what they take, and how much at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from ratatoskr.providers.specs.embed import Members

__all__ = ["COMPATIBLE_RERANK", "RERANK", "RerankSpec"]

_NONE: Members = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class RerankSpec:
    """The API of reranking of one provider.

    Attributes:
        provider: its name in the table of providers; empty for any other host.
        path: what follows the base URL.
        beside: the end of the base URL that is left out.
        documents: the member for the documents.
        top: the member for the number of documents to return; empty where there is none.
        max_documents: the most documents of a request.
        members: of every request.
        cuts: members that ask for texts to be cut that are too long; `None` where the API has no such word.
        refuses: members that ask for them to be refused; likewise.
        models: a regular expression for names that are this provider's without its prefix.
        source: where this was read, with the date; what is from memory is named.
    """

    provider: str
    path: str = "/rerank"
    beside: str = ""
    documents: Literal["documents", "texts"] = "documents"
    top: str = "top_n"
    max_documents: int = 1000
    members: Members = field(default_factory=lambda: _NONE)
    cuts: Members | None = None
    refuses: Members | None = None
    models: str = ""
    source: str = ""


_NO_TEXTS: Members = MappingProxyType({"return_documents": False})

COMPATIBLE_RERANK = RerankSpec("", source="Jina's form, which vLLM, llama.cpp and others serve, from memory")
"""Any other host."""

_ROWS: tuple[RerankSpec, ...] = (
    RerankSpec(
        "cohere",
        "/v2/rerank",
        "/compatibility/v1",
        models=r"rerank-(?:v\d|english|multilingual).*",
        source="github.com/HKUDS/LightRAG/issues/1813 (path, top_n and no top_k) and Airflow's CohereRerankOperator"
        " (documents, index, score), 2026-11",
    ),
    RerankSpec(
        "jina",
        members=_NO_TEXTS,
        models=r"jina-reranker-.*|jina-colbert-.*",
        source="jina.ai/reranker, from memory, 2026-11",
    ),
    RerankSpec(
        "voyage",
        top="top_k",
        cuts=MappingProxyType({"truncation": True}),
        refuses=MappingProxyType({"truncation": False}),
        models=r"rerank-(?:lite-)?\d.*",
        source="docs.voyageai.com/docs/reranker (models) and RerankRequest of the client voyageai 0.0.4 on unpkg.com"
        " (1,000 documents, members), 2026-11",
    ),
    RerankSpec("together", members=_NO_TEXTS, source="docs.together.ai/reference/rerank, from memory, 2026-11"),
    RerankSpec("siliconflow", members=_NO_TEXTS, source="docs.siliconflow.com, from memory, 2026-11"),
    RerankSpec(
        "tei",
        beside="/v1",
        documents="texts",
        top="",
        cuts=MappingProxyType({"truncate": True}),
        refuses=MappingProxyType({"truncate": False}),
        source="ai.azure.com/catalog/models/alibaba-nlp-gte-reranker-modernbert-base, which is served by it (path and"
        " members), 2026-11",
    ),
    *(
        RerankSpec(name, source=f"{page}, from memory, 2026-11; the number is ours")
        for name, page in (
            ("vllm", "docs.vllm.ai/en/stable/serving/openai_compatible_server.html"),
            ("llamacpp", "github.com/ggml-org/llama.cpp tools/server/README.md"),
            ("localai", "localai.io/features/reranker"),
            ("sglang", "docs.sglang.io/docs/supported-models/decision_models, which names /v1/rerank"),
        )
    ),
)

RERANK: Mapping[str, RerankSpec] = MappingProxyType({spec.provider: spec for spec in _ROWS})
"""The APIs of reranking by the provider's name. A built-in provider without a row has none."""
