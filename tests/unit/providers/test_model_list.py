"""Lists of models in the two shapes that providers send."""

from __future__ import annotations

import json

import pytest

from ratatoskr.errors import MalformedResponse
from ratatoskr.providers.model_list import parse_model_list
from ratatoskr.types.model import ModelInfo


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


@pytest.mark.parametrize("shape", ["data", "models"])
def test_a_model_without_a_name_is_left_out_and_the_other_member_is_ignored(shape: str) -> None:
    body = json.dumps({"data": [{"name": "in-data"}], "models": [{"id": "in-models"}]}).encode()
    assert parse_model_list("p", body, shape) == []  # type: ignore[arg-type]  # both are


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"data": {}}', b'{"data": [1]}', b'{"data": [{"id": 1}]}'])
def test_anything_else_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedResponse):
        parse_model_list("openai", body, "data")
