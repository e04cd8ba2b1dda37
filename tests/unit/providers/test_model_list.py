"""Lists of models in the two shapes that providers send."""

from __future__ import annotations

import json
from typing import Any, Literal

import pytest

from ratatoskr.errors import MalformedResponse, RatatoskrError
from ratatoskr.providers.model_list import parse_model_list
from ratatoskr.types.model import ModelInfo
from unit.providers.fakes import LIMITS, FakeReply, FakeTransport, provider_of


def test_a_list_in_data_is_read_by_id() -> None:
    body = json.dumps({"object": "list", "data": [{"id": "gpt-5", "owned_by": "openai"}, {"id": "o3"}]}).encode()
    assert parse_model_list("openai", body, "data") == [
        ModelInfo("openai:gpt-5", "openai", "gpt-5"),
        ModelInfo("openai:o3", "openai", "o3"),
    ]


def test_a_list_in_models_is_read_by_name_without_the_prefix_of_google() -> None:
    body = json.dumps({"models": [{"name": "models/gemini-3-pro"}, {"name": "qwen3:8b", "id": "x"}]}).encode()
    names = [(model.id, model.name) for model in parse_model_list("google", body, "models")]
    assert names == [("google:gemini-3-pro", "gemini-3-pro"), ("google:qwen3:8b", "qwen3:8b")]


def test_the_context_window_is_kept_where_the_provider_gives_it() -> None:
    body = json.dumps({"data": [{"id": "a/b", "context_length": 128_000}, {"id": "c"}]}).encode()
    assert [model.context_window for model in parse_model_list("openrouter", body, "data")] == [128_000, None]
    body = json.dumps({"data": [{"id": "claude", "max_input_tokens": 200_000, "max_tokens": 64_000}]}).encode()
    assert parse_model_list("anthropic", body, "data")[0].context_window == 200_000
    body = json.dumps({"models": [{"name": "models/g", "inputTokenLimit": 1_048_576, "outputTokenLimit": 8}]}).encode()
    assert parse_model_list("google", body, "models")[0].context_window == 1_048_576


@pytest.mark.parametrize("shape", ["data", "models"])
def test_a_model_without_a_name_is_left_out_and_the_other_member_is_ignored(shape: str) -> None:
    body = json.dumps({"data": [{"name": "in-data"}], "models": [{"id": "in-models"}]}).encode()
    assert parse_model_list("p", body, shape) == []  # type: ignore[arg-type]  # both are


@pytest.mark.parametrize("shape", ["data", "models"])
@pytest.mark.parametrize(
    "body", [b"{}", b'{"object": "list"}', b'{"detail": "Not Found"}', b'{"data": null, "models": null}']
)
def test_a_document_without_a_list_is_no_empty_list(body: bytes, shape: Literal["data", "models"]) -> None:
    with pytest.raises(MalformedResponse):
        parse_model_list("p", body, shape)
    other = "models" if shape == "data" else "data"
    with pytest.raises(MalformedResponse, match=f"a list of models without '{shape}'"):
        parse_model_list("p", json.dumps({other: [{"id": "a", "name": "a"}]}).encode(), shape)
    assert parse_model_list("p", json.dumps({shape: []}).encode(), shape) == []


def test_an_odd_context_window_does_not_cost_the_list() -> None:
    windows: list[Any] = [8192.0, "8k", 1.5, -1, {}, None]
    body = json.dumps({"data": [{"id": f"m{i}", "context_length": w} for i, w in enumerate(windows)]}).encode()
    models = parse_model_list("p", body, "data")
    assert [model.context_window for model in models] == [8192, None, None, None, None, None]


@pytest.mark.parametrize("error", [{"message": "no credits", "type": "insufficient_quota"}, "no credits"])
@pytest.mark.parametrize("provider", ["openrouter", "anthropic", "google", "openai", "ollama", "groq"])
async def test_an_error_under_200_is_told(provider: str, error: Any) -> None:
    for body in ({"error": error}, {"error": error, "data": [], "models": []}, [{"error": error}]):
        with pytest.raises(RatatoskrError, match="no credits") as raised:
            await provider_of(FakeTransport(FakeReply(json.dumps(body).encode())), provider).models(LIMITS)
        assert raised.value.provider == provider
        assert not isinstance(raised.value, MalformedResponse)
    with pytest.raises(MalformedResponse) as malformed:
        await provider_of(FakeTransport(FakeReply(b"{}")), provider).models(LIMITS)
    assert malformed.value.provider == provider


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"data": {}}', b'{"data": [1]}', b'{"data": [{"id": 1}]}'])
def test_anything_else_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedResponse):
        parse_model_list("openai", body, "data")
