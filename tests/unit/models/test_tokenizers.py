"""Which tokenizer and which estimate a model's name stands for."""

from __future__ import annotations

import re

import pytest

from ratatoskr.models.token_estimates import ESTIMATES, Amounts
from ratatoskr.models.tokenizers import ENCODINGS, ROWS, bare_name, estimate_family, find_row

KNOWN = {
    "gpt-4o": "o200k_base",
    "GPT-4o-2024-08-06": "o200k_base",
    "openai:gpt-4.1-nano": "o200k_base",
    "openai/gpt-5-mini": "o200k_base",
    "openrouter:openai/gpt-5-mini:free": "o200k_base",
    "azure:gpt-4o": "o200k_base",
    "o1-preview": "o200k_base",
    "o4-mini-2025-04-16": "o200k_base",
    "ft:gpt-4o-mini-2024-07-18:org:name:id": "o200k_base",
    "openai:ft:gpt-3.5-turbo-0125:org::id": "cl100k_base",
    "gpt-4": "cl100k_base",
    "gpt-4-turbo-2024-04-09": "cl100k_base",
    "gpt-3.5-turbo-16k": "cl100k_base",
    "text-embedding-3-large": "cl100k_base",
    "gpt-oss:20b": "o200k_harmony",
    "groq:openai/gpt-oss-120b": "o200k_harmony",
    "deepseek-chat": "deepseek-ai/DeepSeek-V3",
    "deepseek/deepseek-r1": "deepseek-ai/DeepSeek-V3",
    "deepseek-ai/DeepSeek-V3.1": "deepseek-ai/DeepSeek-V3",
    "llama3.1:8b": "meta-llama/Llama-3.1-8B-Instruct",
    "meta-llama/llama-3.3-70b-instruct": "meta-llama/Llama-3.1-8B-Instruct",
    "qwen3:4b": "Qwen/Qwen3-0.6B",
    "Qwen/Qwen3-4B-Instruct-2507": "Qwen/Qwen3-0.6B",
    "qwen2.5:7b-instruct-q4_K_M": "Qwen/Qwen2.5-0.5B-Instruct",
}


@pytest.mark.parametrize("name", KNOWN)
def test_a_name_has_its_tokenizer_in_every_form(name: str) -> None:
    row = find_row(name)
    assert row is not None
    assert (row.encoding or row.repository) == KNOWN[name]


@pytest.mark.parametrize(
    "name",
    [
        "claude-sonnet-5",
        "gemini-3-flash",
        "mistral:7b",
        "somebody/gpt-4o-clone",  # of another vendor
        "somebody/gpt-oss-20b",
        "deepseek-r1",  # at Ollama a distilled model
        "deepseek-r1:8b",
        "deepseek-r1-distill-qwen-7b",
        "qwen3-coder:30b",
        "gpt-4o-realtime-preview",
        "gpt-4o-transcribe",
        "gpt-image-1",
        "gpt-5-audio",
        "",
    ],
)
def test_no_other_name_has_one(name: str) -> None:
    assert find_row(name) is None


def test_rows_have_either_an_encoding_or_a_repository_and_a_source() -> None:
    for row in ROWS:
        assert bool(row.encoding) != bool(row.repository), row
        assert not row.encoding or row.encoding in ENCODINGS
        assert row.source
        assert row.vendors
        re.compile(row.pattern)


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("anthropic/claude-opus-5", "claude"),
        ("openrouter:anthropic/claude-haiku-4.5:beta", "claude"),
        ("google:gemini-2.5-flash", "gemini"),
        ("gemma3:1b", "gemini"),
        ("openai/gpt-oss-20b", "gpt-oss"),
        ("o3", "openai"),
        ("moonshotai/kimi-k2.5", "other"),
    ],
)
def test_a_name_has_its_family_of_estimates(name: str, family: str) -> None:
    assert estimate_family(name) == family


@pytest.mark.parametrize(
    ("name", "bare"), [("a/b:free", "b"), ("qwen3:4b", "qwen3-4b"), ("qwen3:latest", "qwen3"), ("x:y", "y")]
)
def test_what_hosts_put_around_a_name_is_removed(name: str, bare: str) -> None:
    assert bare_name(name) == bare


def test_an_estimate_is_a_number_with_a_band() -> None:
    assert ESTIMATES["claude"].of(Amounts(0)) == (0, 0.0)
    tokens, band = ESTIMATES["claude"].of(Amounts(1000))
    assert tokens == 1200
    assert 0.2 < band < 0.22
    assert ESTIMATES["openai"].of(Amounts(1000), text_is_exact=True) == (1000, 0.0005)
    with_image, wide = ESTIMATES["claude"].of(Amounts(1000, messages=1, images=1))
    assert with_image > tokens
    assert wide > band
