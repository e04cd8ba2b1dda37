"""Addresses: their provider and dialect, model lists, token counts, keys."""

from __future__ import annotations

import pytest

from ratatoskr.testing import ScriptedUpstream
from ratatoskr.testing.routes import key_of, route
from unit.testing.wires import WIRES

LISTS = {
    "openai": ("/models", "data", "id"),
    "openrouter": ("/models", "data", "id"),
    "anthropic": ("/v1/models", "data", "id"),
    "google": ("/v1beta/models", "models", "name"),
    "ollama": ("/api/tags", "models", "name"),
    "huggingface": ("/models", "data", "id"),
    "compatible": ("/models", "data", "id"),
}


@pytest.mark.parametrize("provider", list(LISTS))
async def test_models_are_listed(provider, client):
    path, key, name = LISTS[provider]
    headers = {"anthropic-version": "2023-06-01"} if provider == "anthropic" else {}
    async with ScriptedUpstream(["not used up"], models={provider: ["some/name"]}) as upstream:
        response = await client.get(upstream.base_url(provider) + path, headers=headers)
    assert [one[name].removeprefix("models/") for one in response.json()[key]] == ["some/name"]
    assert upstream.last.provider == provider


async def test_tokens_are_counted_and_ollama_says_who_it_is(client, upstream):
    root = f"http://127.0.0.1:{upstream.port}"
    assert (await client.get(root + "/")).text == "Ollama is running"
    assert "version" in (await client.get(root + "/api/version")).json()
    counted = await client.post(root + "/v1/messages/count_tokens", json=WIRES["anthropic"].body())
    assert counted.json()["input_tokens"] > 0


@pytest.mark.parametrize("provider", ["openai", "openrouter", "anthropic", "google", "ollama", "huggingface"])
async def test_unknown_addresses_are_refused_in_the_dialect(provider, client, upstream):
    response = await client.post(f"http://127.0.0.1:{upstream.port}/{provider}/v1/nowhere", json={})
    assert response.status_code == 404
    assert "error" in response.json()
    assert upstream.last.answered == "refused"


@pytest.mark.parametrize(
    ("path", "headers", "provider", "dialect", "place"),
    [
        ("/v1/chat/completions", {}, "openai", "chat_completions", "answer"),
        ("/api/v1/chat/completions", {}, "openrouter", "chat_completions", "answer"),
        ("/huggingface/v1/chat/completions", {}, "huggingface", "chat_completions", "answer"),
        ("/v1/responses", {}, "openai", "responses", "answer"),
        ("/v1/messages", {}, "anthropic", "anthropic", "answer"),
        ("/v1beta/models/m:streamGenerateContent", {}, "google", "gemini", "answer"),
        ("/api/generate", {}, "ollama", "ollama", "answer"),
        ("/v1/models", {}, "openai", "chat_completions", "list"),
        ("/v1/models", {"anthropic-version": "2023-06-01"}, "anthropic", "anthropic", "list"),
        ("/v1/models", {"x-goog-api-key": "k"}, "google", "gemini", "list"),
        ("/api/tags", {}, "ollama", "ollama", "list"),
        ("/v1/responses/input_tokens", {}, "openai", "responses", "count"),
        ("/", {}, "ollama", "ollama", "root"),
        ("/anthropic/v1/nowhere", {}, "anthropic", "anthropic", "unknown"),
    ],
)
def test_an_address_has_a_provider_a_dialect_and_a_place(path, headers, provider, dialect, place):
    found = route("GET" if place in {"list", "root"} else "POST", path, headers)
    assert (found.provider, found.dialect.name, found.place) == (provider, dialect, place)


def test_an_answer_needs_a_post():
    assert route("GET", "/v1/chat/completions", {}).place == "unknown"


@pytest.mark.parametrize(
    ("provider", "headers", "key"),
    [
        ("openai", {"authorization": "Bearer k"}, "k"),
        ("openai", {"authorization": "Basic k"}, None),
        ("openai", {"x-api-key": "k"}, None),
        ("anthropic", {"x-api-key": "k"}, "k"),
        ("anthropic", {"authorization": "bearer k"}, "k"),
        ("google", {"x-goog-api-key": "k"}, "k"),
        ("google", {"authorization": "Bearer k"}, None),
    ],
)
def test_a_key_is_read_from_the_header_of_its_provider(provider, headers, key):
    assert key_of(provider, headers) == key
