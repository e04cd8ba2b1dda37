"""The JSON of the APIs of embeddings, with the vendors' names."""

from __future__ import annotations

import msgspec

from ratatoskr.wire.json import Count


class Row(msgspec.Struct, gc=False):
    """One vector of OpenAI's form, in base64 or in numbers."""

    embedding: msgspec.Raw
    index: int | None = None


class Usage(msgspec.Struct):
    """The tokens of OpenAI's form."""

    prompt_tokens: Count | None = None
    total_tokens: Count | None = None


class EmbeddingList(msgspec.Struct):
    """OpenAI's answer."""

    data: list[Row]
    model: str | None = None
    usage: Usage | None = None


class ContentEmbedding(msgspec.Struct, gc=False):
    """One vector of Google's."""

    values: list[float]


class UsageMetadata(msgspec.Struct, rename="camel"):
    """Google's tokens."""

    prompt_token_count: Count | None = None
    total_token_count: Count | None = None


class BatchEmbedContentsResponse(msgspec.Struct, rename="camel"):
    """Google's answer."""

    embeddings: list[ContentEmbedding]
    usage_metadata: UsageMetadata | None = None


class EmbedResponse(msgspec.Struct):
    """Ollama's answer."""

    embeddings: list[list[float]]
    model: str | None = None
    prompt_eval_count: Count | None = None


class EmbeddingsByType(msgspec.Struct, rename={"floats": "float"}):
    """Cohere's vectors by their encoding."""

    base64: list[bytes] | None = None
    floats: list[list[float]] | None = None


class BilledUnits(msgspec.Struct):
    """What Cohere bills."""

    input_tokens: Count | None = None


class Meta(msgspec.Struct):
    """What Cohere says besides."""

    billed_units: BilledUnits | None = None


class EmbedByTypeResponse(msgspec.Struct):
    """Cohere's answer."""

    embeddings: EmbeddingsByType
    meta: Meta | None = None
