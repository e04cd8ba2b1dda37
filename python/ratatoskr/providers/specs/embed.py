"""The APIs of embeddings as rows: where they are, what they take, and how much at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

__all__ = ["COMPATIBLE", "EMBED", "EmbedSpec", "Members"]

Members = Mapping[str, Any]
"""Members of a request's body."""
_NONE: Members = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class EmbedSpec:
    """The API of embeddings of one provider.

    Attributes:
        provider: its name in the table of providers; empty for any host with OpenAI's API.
        shape: the form of requests and answers.
        path: what follows the base URL; `{model}` stands for the model's name.
        beside: the end of the base URL that is left out, where this API is beside that of chats.
        max_texts: the most texts of a request.
        max_tokens: the most tokens of all texts of a request; `None` where there is no such limit.
        concurrency: the number of requests of one call under way at a time.
        members: of every request.
        dimensions: the member for the number of dimensions; empty where there is none.
        document: members that say that the texts are documents.
        query: members that say that they are queries.
        cuts: members that ask for texts to be cut that are too long; `None` where the API refuses them always.
        refuses: members that ask for them to be refused; `None` where the API cuts them always.
        hub_names: whether models are named by their repositories on the hub, and are those very models.
        applies_prompts: whether the host puts the model's own prompt before each text.
        source: where this was read, with the date; what is from memory is named.
    """

    provider: str
    shape: Literal["openai", "google", "ollama", "cohere", "huggingface"] = "openai"
    path: str = "/embeddings"
    beside: str = ""
    max_texts: int = 2048
    max_tokens: int | None = None
    concurrency: int = 8
    members: Members = field(default_factory=lambda: _NONE)
    dimensions: str = "dimensions"
    document: Members = field(default_factory=lambda: _NONE)
    query: Members = field(default_factory=lambda: _NONE)
    cuts: Members | None = None
    refuses: Members | None = field(default_factory=lambda: _NONE)
    hub_names: bool = False
    applies_prompts: bool = False
    source: str = ""


_BASE64: Members = MappingProxyType({"encoding_format": "base64"})

COMPATIBLE = EmbedSpec(
    "",
    max_texts=256,
    source="OpenAI's API reference, from memory; what hosts differ in is not sent; the number is ours",
)
"""Any other host with OpenAI's API."""

_ROWS: tuple[EmbedSpec, ...] = (
    EmbedSpec(
        "openai",
        max_texts=2048,
        max_tokens=300_000,
        members=_BASE64,
        source="learn.microsoft.com/azure/foundry/reference/rest/embeddings-create-embedding, which repeats OpenAI's"
        " reference, 2026-11",
    ),
    EmbedSpec(
        "azure",
        max_texts=2048,
        max_tokens=300_000,
        members=_BASE64,
        source="learn.microsoft.com/azure/foundry/reference/rest/embeddings-create-embedding, 2026-11",
    ),
    EmbedSpec(
        "openrouter",
        max_texts=2048,
        max_tokens=300_000,
        members=_BASE64,
        document=MappingProxyType({"input_type": "search_document"}),
        query=MappingProxyType({"input_type": "search_query"}),
        source="github.com/agentjido/req_llm/pull/641 (members), 2026-11; words and limits from memory",
    ),
    EmbedSpec(
        "google",
        "google",
        "/v1beta/models/{model}:batchEmbedContents",
        max_texts=100,
        max_tokens=20_000,
        dimensions="outputDimensionality",
        document=MappingProxyType({"taskType": "RETRIEVAL_DOCUMENT"}),
        query=MappingProxyType({"taskType": "RETRIEVAL_QUERY"}),
        cuts=_NONE,
        refuses=None,
        source="ai.google.dev/api/embeddings, 2026-11; the limits from memory",
    ),
    EmbedSpec(
        "ollama",
        "ollama",
        "/api/embed",
        max_texts=256,
        concurrency=4,
        cuts=MappingProxyType({"truncate": True}),
        refuses=MappingProxyType({"truncate": False}),
        source="EmbedRequest of ollama-oxide 0.2.0 on docs.rs (path, members), 2026-11; the number is ours",
    ),
    EmbedSpec(
        "mistral",
        max_texts=128,
        max_tokens=16_384,
        dimensions="output_dimension",
        source="docs.mistral.ai/api/endpoint/embeddings (members) and rig-core 0.42.0 on docs.rs (256 texts at most),"
        " 2026-11; the number of tokens from memory",
    ),
    EmbedSpec(
        "together",
        max_texts=128,
        dimensions="",
        hub_names=True,
        source="docs.together.ai/reference/embeddings, from memory",
    ),
    EmbedSpec(
        "deepinfra", max_texts=1024, hub_names=True, source="deepinfra.com/docs/advanced/openai_api, from memory"
    ),
    EmbedSpec(
        "huggingface",
        "huggingface",
        "/hf-inference/models/{model}/pipeline/feature-extraction",
        beside="/v1",
        max_texts=32,
        concurrency=4,
        dimensions="",
        cuts=MappingProxyType({"truncate": True}),
        refuses=MappingProxyType({"truncate": False}),
        hub_names=True,
        source="the client of huggingface_hub 2.4 (paths), 2026-11; the number of texts is the default of"
        " text-embeddings-inference, from memory",
    ),
    EmbedSpec(
        "cohere",
        "cohere",
        "/v2/embed",
        beside="/compatibility/v1",
        max_texts=96,
        members=MappingProxyType({"embedding_types": ["base64"]}),
        dimensions="output_dimension",
        document=MappingProxyType({"input_type": "search_document"}),
        query=MappingProxyType({"input_type": "search_query"}),
        cuts=MappingProxyType({"truncate": "END"}),
        refuses=MappingProxyType({"truncate": "NONE"}),
        source="docs.aws.amazon.com/bedrock model-parameters-embed-v3, which repeats Cohere's reference, 2026-11;"
        " the path, base64 and output_dimension from memory",
    ),
    EmbedSpec(
        "voyage",
        max_texts=1000,
        max_tokens=120_000,
        members=_BASE64,
        dimensions="output_dimension",
        document=MappingProxyType({"input_type": "document"}),
        query=MappingProxyType({"input_type": "query"}),
        cuts=MappingProxyType({"truncation": True}),
        refuses=MappingProxyType({"truncation": False}),
        applies_prompts=True,
        source="mongodb.com/docs/api/doc/atlas-embedding-and-reranking-api createEmbedding, 2026-11",
    ),
    EmbedSpec(
        "jina",
        max_texts=512,
        max_tokens=8192 * 16,
        members=MappingProxyType({"embedding_type": "base64"}),
        document=MappingProxyType({"task": "retrieval.passage"}),
        query=MappingProxyType({"task": "retrieval.query"}),
        cuts=MappingProxyType({"truncate": True}),
        refuses=MappingProxyType({"truncate": False}),
        applies_prompts=True,
        source="jina.ai/embeddings, from memory",
    ),
    *(
        EmbedSpec(name, max_texts=256, source=f"{page}, which has an address for embeddings, from memory")
        for name, page in (
            ("fireworks", "docs.fireworks.ai"),
            ("nebius", "docs.tokenfactory.nebius.com"),
            ("novita", "novita.ai/docs"),
            ("scaleway", "scaleway.com/en/docs/generative-apis"),
            ("vercel", "vercel.com/docs/ai-gateway"),
            ("google-openai", "ai.google.dev/gemini-api/docs/openai"),
        )
    ),
    EmbedSpec("siliconflow", max_texts=32, hub_names=True, source="docs.siliconflow.com, from memory"),
    EmbedSpec("dashscope", max_texts=10, source="alibabacloud.com/help/en/model-studio, from memory"),
    *(
        EmbedSpec(name, max_texts=256, concurrency=4, members=_BASE64, source=f"{page}, from memory; number ours")
        for name, page in (
            ("vllm", "docs.vllm.ai/en/stable/serving/openai_compatible_server.html"),
            ("llamacpp", "github.com/ggml-org/llama.cpp tools/server/README.md"),
        )
    ),
    *(
        EmbedSpec(name, max_texts=256, concurrency=4, source=f"{page}, from memory; number ours")
        for name, page in (
            ("lmstudio", "lmstudio.ai/docs/api/openai-api"),
            ("localai", "localai.io/features/embeddings"),
            ("sglang", "docs.sglang.io/docs/basic_usage/openai_api_embeddings"),
        )
    ),
    EmbedSpec(
        "tei",
        max_texts=32,
        concurrency=4,
        members=_BASE64,
        source="huggingface.github.io/text-embeddings-inference, from memory",
    ),
)

EMBED: Mapping[str, EmbedSpec] = MappingProxyType({spec.provider: spec for spec in _ROWS})
"""The APIs of embeddings by the provider's name. A provider without a row has none."""
