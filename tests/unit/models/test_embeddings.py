"""The table of embedding models: complete rows, names that say what they are, and the same facts as the catalogue's."""

from __future__ import annotations

import pytest

from ratatoskr.local.store.catalog import CATALOG
from ratatoskr.models.embeddings import EMBEDDING_MODELS, EmbeddingModel, find_embedding_model, is_embedding_name
from ratatoskr.providers.specs import SPECS
from ratatoskr.providers.specs.decisions import DECISIONS
from ratatoskr.providers.specs.embed import EMBED
from ratatoskr.providers.specs.rerank import RERANK


@pytest.mark.parametrize("row", EMBEDDING_MODELS, ids=lambda row: row.pattern)
def test_a_row_names_its_source_and_its_vendor(row: EmbeddingModel) -> None:
    assert row.dimensions > 0
    assert "20" in row.source or "from memory" in row.source
    assert row.provider in {"", *EMBED}
    assert (row.pooling is None) == bool(row.provider), "a model with open weights may be pooled here"


@pytest.mark.parametrize("entry", [one for one in CATALOG if one.task == "embed"], ids=lambda one: one.name)
def test_a_model_of_this_process_is_known_alike(entry: object) -> None:
    known = find_embedding_model(entry.repository)  # type: ignore[attr-defined]
    if known is None:
        return  # its prompts at a provider are not known, so that it is asked in this process alone
    facts = (known.dimensions, known.max_tokens, known.pooling, known.query_prompt)
    assert facts == (entry.dimensions, entry.max_length, entry.pooling, entry.query_instruction)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "name",
    [
        "text-embedding-3-small",
        "openai/text-embedding-3-large",
        "gemini-embedding-001",
        "mistral-embed",
        "codestral-embed-2505",
        "nomic-embed-text",
        "nomic-embed-text:v1.5",
        "mxbai-embed-large",
        "snowflake-arctic-embed:335m",
        "all-minilm:22m",
        "BAAI/bge-m3",
        "intfloat/e5-small-v2",
        "Qwen/Qwen3-Embedding-0.6B",
        "voyage-4-lite",
        "embed-v4.0",
        "embed-english-v3.0",
        "jina-embeddings-v3",
    ],
)
def test_names_of_embedding_models_are_told(name: str) -> None:
    assert is_embedding_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "gpt-5.4",
        "claude-sonnet-5",
        "gemini-3.5-flash",
        "Qwen/Qwen3-4B",
        "BAAI/bge-reranker-base",
        "rerank-2.5",
        "jina-reranker-v2-base-multilingual",
        "embedded-chat-model",
        "gemma3n:e4b",
        "gemma4:e2b",
    ],
)
def test_names_of_other_models_are_not(name: str) -> None:
    assert not is_embedding_name(name)


def test_each_api_of_a_task_is_that_of_a_provider_and_has_a_source() -> None:
    for table in (EMBED, RERANK, DECISIONS):
        for name, spec in table.items():
            assert name in SPECS
            assert "20" in spec.source or "from memory" in spec.source
