"""Names as people and other programs write them: each finds its own model, or none."""

from __future__ import annotations

import pytest

from ratatoskr.config.catalogue import CatalogueFiles
from ratatoskr.models.catalogue import Catalogue
from ratatoskr.models.entry import ModelEntry, NameIndex

CATALOGUE = Catalogue(CatalogueFiles())
SPELLINGS = {
    "anthropic:claude-opus-5-5": "claude-opus-5-5",
    "anthropic:claude-opus-4-1-20250805": "claude-opus-4-1",
    "anthropic:claude-sonnet-4-5@20250929": "claude-sonnet-4-5",
    "anthropic:anthropic/claude-sonnet-4.5": "claude-sonnet-4-5",
    "anthropic:claude-haiku-4-5-20251001": "claude-haiku-4-5",
    "anthropic:claude-3-5-sonnet-latest": "claude-3-5-sonnet",
    "anthropic:claude-3-7-sonnet-20250219": "claude-3-7-sonnet-latest",
    "anthropic:Claude-Opus-5-5": "claude-opus-5-5",
    "anthropic:claude-sonnet-5.5": "claude-sonnet-5-5",
    "anthropic:claude-haiku-5-5": "claude-haiku-5-5",
    "openai:gpt-4o-2024-08-06": "gpt-4o",
    "openai:gpt-4o-mini-2024-07-18": "gpt-4o-mini",
    "openai:openai/gpt-4o": "gpt-4o",
    "openai:gpt-5.4": "gpt-5.4",
    "openai:gpt-5-4": "gpt-5.4",
    "openai:gpt-5": "gpt-5",
    "openai:gpt-5-2025-08-07": "gpt-5",
    "openai:gpt-5-mini": "gpt-5-mini",
    "openai:o3-2025-04-16": "o3",
    "openai:o4-mini": "o4-mini",
    "openai:gpt-4.1-nano-2025-04-14": "gpt-4.1-nano",
    "openai:gpt-3.5-turbo-0125": "gpt-3.5-turbo",
    "openai:text-embedding-3-small": "text-embedding-3-small",
    "openai:ft:gpt-4o-mini-2024-07-18:org::abc": "ft:gpt-4o-mini",
    "openai:chatgpt-4o-latest": "chatgpt-4o-latest",
    "openai:gpt-4o-audio-preview": "gpt-4o-audio-preview",
    "openai:gpt-6-sol": "gpt-6-sol",
    "openai:gpt-6.1-sol": "gpt-6.1-sol",
    "openai:gpt-6-luna": "gpt-6-luna",
    "google:gemini-2.5-pro": "gemini-2.5-pro",
    "google:models/gemini-2.5-flash": "gemini-2.5-flash",
    "google:gemini-2.5-flash-lite": "gemini-2.5-flash-lite",
    "google:google/gemini-2.5-pro": "gemini-2.5-pro",
    "google:publishers/google/models/gemini-2.5-pro": "gemini-2.5-pro",
    "google:gemini-2.0-flash-001": "gemini-2.0-flash",
    "google:gemini-2.5-pro-preview-05-06": "gemini-2.5-pro",
    "google:gemini-1.5-pro-latest": "gemini-1.5-pro",
    "google:gemini-3.8-flash": "gemini-3.8-flash",
    "google:gemini-4-argon": "gemini-4-argon",
    "google:gemini/gemini-2.5-pro": "gemini-2.5-pro",
    "google:gemini-embedding-001": "gemini-embedding-001",
    "xai:grok-4": "grok-4-0709",
    "xai:x-ai/grok-4": "grok-4-0709",
    "xai:grok-4-0709": "grok-4-0709",
    "xai:grok-4.7": "grok-4.7",
    "xai:grok-3-mini": "grok-3-mini",
    "xai:grok-3-latest": "grok-3",
    "xai:grok-code-fast-1": "grok-code-fast-1",
    "mistral:mistral-large-latest": "mistral-large-2512",
    "mistral:mistral-small-2603": "mistral-small-2603",
    "mistral:mistralai/codestral-2508": "codestral-2508",
    "mistral:ministral-8b-2410": "ministral-8b",
    "mistral:mistral-embed": "mistral-embed",
    "deepseek:deepseek-chat": "deepseek-chat",
    "deepseek:deepseek-v4-flash": "deepseek-v4-flash",
    "deepseek:deepseek/deepseek-reasoner": "deepseek-reasoner",
    "deepseek:deepseek-ai/deepseek-v4-flash": "deepseek-v4-flash",
    "groq:llama-3.3-70b-versatile": "llama-3.3-70b-versatile",
    "groq:openai/gpt-oss-120b": "openai/gpt-oss-120b",
    "groq:llama-3.1-8b-instant": "llama-3.1-8b-instant",
    "groq:moonshotai/kimi-k2-instruct": "moonshotai/kimi-k2-instruct",
    "cerebras:gpt-oss-120b": "gpt-oss-120b",
    "cerebras:qwen-3-32b": "qwen-3-32b",
    "cerebras:llama3.1-8b": "llama3.1-8b",
    "moonshot:kimi-k2-thinking": "kimi-k2-thinking",
    "moonshot:moonshotai/kimi-k2-0905-preview": "kimi-k2-0905-preview",
    "together:meta-llama/Llama-3.3-70B-Instruct-Turbo": "meta-llama/Llama-3.3-70B-Instruct-Turbo",
    "together:deepseek-ai/DeepSeek-V3": "deepseek-ai/deepseek-v3",
    "openrouter:anthropic/claude-sonnet-4.5": "anthropic/claude-sonnet-4.5",
    "openrouter:openai/gpt-oss-120b:free": "openai/gpt-oss-120b:free",
    "openrouter:openai/gpt-4o:nitro": "openai/gpt-4o",
    "openrouter:openrouter/anthropic/claude-opus-5.5": "anthropic/claude-opus-5.5",
    "openrouter:google/gemini-2.5-pro:online": "google/gemini-2.5-pro",
    "openrouter:deepseek/deepseek-r1:free": "deepseek/deepseek-r1:free",
    "openrouter:anthropic/claude-sonnet-4.5:floor": "anthropic/claude-sonnet-4.5",
    "openrouter:meta-llama/llama-3.3-70b-instruct:free": "meta-llama/llama-3.3-70b-instruct:free",
    "openrouter:qwen/qwen3-coder": "qwen/qwen3-coder",
    "openrouter:mistralai/mistral-small-3.2-24b-instruct": "mistralai/mistral-small-3.2-24b-instruct",
    "openrouter:anthropic/claude-4.5-sonnet-20250929": "anthropic/claude-sonnet-4.5",
    "huggingface:openai/gpt-oss-120b:cerebras": "openai/gpt-oss-120b:cerebras",
    "huggingface:deepseek-ai/DeepSeek-V3:together": "deepseek-ai/DeepSeek-V3:together",
    "huggingface:meta-llama/Llama-3.3-70B-Instruct:groq": "meta-llama/Llama-3.3-70B-Instruct:groq",
    "openai:gpt-oss-safeguard-20b": "gpt-oss-safeguard-20b",
    "openai:gpt-4o-mini-realtime-preview": "gpt-4o-mini-realtime-preview",
    "openai:gpt-4o-2024-05-13": "gpt-4o-2024-05-13",
    "anthropic: claude-opus-5-5 ": "claude-opus-5-5",
}
NEAR = """
    openai:gpt-oss-safeguard-20b2 openai:gpt-4o-audio openai:gpt-4o-tts openai:gpt-4-0 openai:gpt-4o-mini-search
    openai:gpt-5-mini-pro openai:gpt-5.4-codex openai:gpt-6 openai:gpt-6-sol-pro openai:gpt-6.2-sol
    openai:gpt-60-sol openai:gpt-5-codex-max-2 openai:o1-pro-mini openai:o4 openai:gpt-4.1-pico
    openai:text-embedding-3 openai:text-embedding-3-xl openai:gpt-image-3 openai:whisper openai:dall-e-4
    anthropic:claude-opus-5-6 anthropic:claude-opus-5-5-fast anthropic:claude-opus anthropic:claude-sonnet-55
    anthropic:claude-haiku-5 anthropic:claude-fable-5-3 anthropic:claude anthropic:claude-3-5-opus
    anthropic:claude-sonnet-4-5-mini google:gemini-3.8-flash-lite google:gemini-4 google:gemini-4-argon-mini
    google:gemini-2.5-pro-audio google:gemini-2.5-flash-native-audio google:gemini-2.5 google:gemma-4-2b-it
    google:gemini-38-flash xai:grok-4.7-fast xai:grok-5 xai:grok-4.20-multi xai:grok-code-fast-2
    mistral:mistral-small-2604 mistral:mistral-large-2412 mistral:ministral-3 mistral:codestral-2509
    mistral:mistral deepseek:deepseek-v4 deepseek:deepseek-v4-ultra deepseek:deepseek-r2
    groq:openai/gpt-oss-safeguard groq:llama-3.3-70b groq:gpt-oss-20b groq:llama-4-scout cerebras:gpt-oss-20b
    moonshot:kimi-k2.8 together:meta-llama/Llama-3.3-70B-Instruct openrouter:openai/gpt-oss-120b:paid
    openrouter:anthropic/claude-sonnet-4.55 openrouter:openai/gpt-4o-audio openrouter:deepseek/deepseek-r1:extended
    openrouter:claude-sonnet-4.5:free openrouter:meta-llama/llama-3.3-70b huggingface:openai/gpt-oss-120b:nowhere
    huggingface:deepseek-ai/DeepSeek-V3:cerebras-x nowhere:gpt-4o
""".split()  # noqa: SIM905  # one list of words
"""Names that look like those of models, and are in no table."""


@pytest.mark.parametrize(("name", "model"), SPELLINGS.items())
def test_a_spelling_finds_its_model(name: str, model: str) -> None:
    provider, _, given = name.partition(":")
    found = CATALOGUE.find(provider, given)
    assert found is not None
    assert found.id == model


@pytest.mark.parametrize("name", NEAR)
def test_a_near_name_finds_no_other_model(name: str) -> None:
    provider, _, model = name.partition(":")
    assert CATALOGUE.find(provider, model) is None


def test_there_are_enough_of_both() -> None:
    assert len(SPELLINGS) >= 60
    assert len(NEAR) >= 40


def test_every_name_in_the_tables_finds_the_model_it_belongs_to() -> None:
    """Also pydantic/genai-prices#701: a name that merely begins like another model's is not that model."""
    for provider in ("anthropic", "openai", "google", "xai", "mistral", "deepseek", "groq", "openrouter", "together"):
        for entry in CATALOGUE.models(provider):
            found = CATALOGUE.find(provider, entry.id)
            assert found is not None
            assert found.id == entry.id
            assert CATALOGUE.find(provider, f"{entry.id}-quux") is None


def test_dots_and_hyphens_are_one_only_where_that_means_one_model() -> None:
    index = NameIndex("", [ModelEntry(id="m-1.5"), ModelEntry(id="m-1-5"), ModelEntry(id="n-2.5")])
    assert [index.find(name) and index.find(name).id for name in ("m-1.5", "m-1-5", "n-2-5")] == [  # type: ignore[union-attr]
        "m-1.5",
        "m-1-5",
        "n-2.5",
    ]
