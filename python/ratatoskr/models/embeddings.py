"""What is known about embedding models: sizes, limits, and what a host has to be given that does not add it itself.

Facts are from the vendors' model pages and the models' cards, each with its date; what is from memory is marked.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["EMBEDDING_MODELS", "EmbeddingModel", "find_embedding_model", "is_embedding_name"]

Pooling = Literal["mean", "cls"]


@dataclass(frozen=True, slots=True)
class EmbeddingModel:
    """One embedding model, or several that are alike.

    Attributes:
        pattern: a regular expression for the model's name; for one of the hub, for its repository.
        dimensions: of its vectors, unless others are asked for.
        sizes: whether it can be asked for fewer dimensions; `None` where that is not known.
        max_tokens: the longest text.
        request_tokens: the most tokens of all texts of a request, where that depends on the model.
        provider: the vendor's name here; empty for a model with open weights.
        pooling: how the states of tokens become one vector, for a host that returns them.
        normalise: whether the vector is then scaled to length one.
        query_prompt: what the model's files put before a query, for hosts that do not.
        document_prompt: likewise before a document.
        by_prompts: whether the vendor's API has no words for the kind of texts for this model, so that it is said by
            these prompts.
        source: where this was read, with the date.
    """

    pattern: str
    dimensions: int
    sizes: bool | None = None
    max_tokens: int | None = None
    request_tokens: int | None = None
    provider: str = ""
    pooling: Pooling | None = None
    normalise: bool = True
    query_prompt: str = ""
    document_prompt: str = ""
    by_prompts: bool = False
    source: str = ""


_AZURE = "learn.microsoft.com/azure/foundry/reference/rest/embeddings-create-embedding, 2026-11; sizes from memory"
_VOYAGE = "mongodb.com/docs/api/doc/atlas-embedding-and-reranking-api createEmbedding, 2026-11; max_tokens from memory"
_GOOGLE = "docs.langchain4j.dev/integrations/embedding-models/google-ai-gemini, 2026-11"
_COHERE = "docs.aws.amazon.com/bedrock model-parameters-embed-v3, 2026-11; sizes from memory"
_CARD = "the model's card on the hub, from memory, 2026-11"
_BGE: Final = "Represent this sentence for searching relevant passages: "

EMBEDDING_MODELS: Final[tuple[EmbeddingModel, ...]] = (
    EmbeddingModel("text-embedding-3-small", 1536, True, 8192, provider="openai", source=_AZURE),
    EmbeddingModel("text-embedding-3-large", 3072, True, 8192, provider="openai", source=_AZURE),
    EmbeddingModel("text-embedding-ada-002", 1536, False, 8192, provider="openai", source=_AZURE),
    EmbeddingModel(
        "gemini-embedding-2.*",
        3072,
        True,
        8192,
        provider="google",
        query_prompt="task: search result | query: ",
        document_prompt="title: none | text: ",
        by_prompts=True,
        source="docs.cloud.google.com/gemini-enterprise-agent-platform batch-prediction-genai-embeddings (the task is"
        " in the prompt), 2026-11; its wording and the sizes from memory",
    ),
    EmbeddingModel("gemini-embedding-.+", 3072, True, 2048, provider="google", source=_GOOGLE),
    EmbeddingModel("mistral-embed.*", 1024, False, 8192, provider="mistral", source="docs.mistral.ai, from memory"),
    EmbeddingModel("codestral-embed.*", 1536, True, 8192, provider="mistral", source="docs.mistral.ai, from memory"),
    EmbeddingModel("embed-v4.0", 1536, True, 128_000, provider="cohere", source="docs.cohere.com, from memory"),
    EmbeddingModel("embed-.+-light-v3.0", 384, False, 512, provider="cohere", source=_COHERE),
    EmbeddingModel("embed-.+-v3.0", 1024, False, 512, provider="cohere", source=_COHERE),
    EmbeddingModel("voyage-(?:3.5|4)-lite", 1024, True, 32_000, 1_000_000, provider="voyage", source=_VOYAGE),
    EmbeddingModel("voyage-(?:3.5|4)", 1024, True, 32_000, 320_000, provider="voyage", source=_VOYAGE),
    EmbeddingModel("voyage-.+-large|voyage-code-3", 1024, True, 32_000, 120_000, provider="voyage", source=_VOYAGE),
    EmbeddingModel("voyage-.+", 1024, None, None, 120_000, provider="voyage", source=_VOYAGE),
    EmbeddingModel("jina-embeddings-v3", 1024, True, 8192, provider="jina", source="jina.ai/embeddings, from memory"),
    EmbeddingModel("jina-embeddings-v4", 2048, True, 32_768, provider="jina", source="jina.ai/embeddings, from memory"),
    EmbeddingModel("sentence-transformers/all-MiniLM-L6-v2", 384, False, 256, pooling="mean", source=_CARD),
    EmbeddingModel("sentence-transformers/all-MiniLM-L12-v2", 384, False, 128, pooling="mean", source=_CARD),
    EmbeddingModel("sentence-transformers/all-mpnet-base-v2", 768, False, 384, pooling="mean", source=_CARD),
    EmbeddingModel("BAAI/bge-small-en-v1.5", 384, False, 512, pooling="cls", query_prompt=_BGE, source=_CARD),
    EmbeddingModel("BAAI/bge-base-en-v1.5", 768, False, 512, pooling="cls", query_prompt=_BGE, source=_CARD),
    EmbeddingModel("BAAI/bge-large-en-v1.5", 1024, False, 512, pooling="cls", query_prompt=_BGE, source=_CARD),
    EmbeddingModel("BAAI/bge-m3", 1024, False, 8192, pooling="cls", source=_CARD),
)
"""The first row whose pattern is the whole name applies."""

_NAMES: Final = re.compile(
    r"(?:.*[/_.-])?(?:embed|embedding|embeddings|nomic-embed-text|all-minilm|all-mpnet|bge|gte|e5|paraphrase|arctic-embed)"
    r"(?:[-_.:\d].*)?|voyage-.*|.*[-_]embed(?:ding|dings)?[-_:].*",
    re.IGNORECASE,
)


@functools.lru_cache(maxsize=1024)
def find_embedding_model(name: str) -> EmbeddingModel | None:
    """Return what is known about a model by its name at a provider; OpenRouter's begin with the vendor's name."""
    for candidate in (name, name.partition("/")[2]):
        for row in EMBEDDING_MODELS:
            if candidate and re.fullmatch(row.pattern, candidate):
                return row
    return None


def is_embedding_name(name: str) -> bool:
    """Return whether a model's name says that it embeds, as in `text-embedding-3-small` or `BAAI/bge-m3`."""
    words = "rerank" not in name.lower()
    return words and (find_embedding_model(name) is not None or _NAMES.fullmatch(name) is not None)
