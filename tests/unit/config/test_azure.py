"""Azure: both forms of its URLs, deployments in place of models, its key header and its tokens, its content filter."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ratatoskr import ConfigurationError, ContentFiltered, Ratatoskr, Token, UnsupportedParameter
from ratatoskr.config.azure import choose_form
from ratatoskr.providers.specs import SPECS
from ratatoskr.testing import Received, Reply, ScriptedUpstream

KEY = "azure-canary-0123"
SPEC = SPECS["azure"]
V1 = "https://x.openai.azure.com/openai/v1"
CLASSIC = "https://x.openai.azure.com/openai?api-version=2024-10-21"


@pytest.mark.parametrize(
    ("endpoint", "version", "url"),
    [
        ("https://x.openai.azure.com", None, V1),
        ("https://x.openai.azure.com/", None, V1),
        ("https://x.openai.azure.com/openai", None, V1),
        ("https://x.openai.azure.com/openai/v1/", None, V1 + "/"),
        ("https://x.openai.azure.com", "v1", V1),
        ("https://x.openai.azure.com", "2024-10-21", CLASSIC),
        ("https://x.openai.azure.com/openai/v1", "2024-10-21", CLASSIC),
        ("https://x.openai.azure.com/openai/deployments/mine", "2024-10-21", CLASSIC),
        ("https://gateway.example/azure/v1", None, "https://gateway.example/azure/v1"),
    ],
)
def test_the_version_or_the_endpoint_chooses_the_form(endpoint: str, version: str | None, url: str) -> None:
    assert choose_form(SPEC, endpoint, version) == url


def test_the_version_of_the_environment_counts_where_nothing_else_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_VERSION", "2024-10-21")
    assert choose_form(SPEC, "https://x.openai.azure.com", None) == CLASSIC
    assert choose_form(SPEC, "https://x.openai.azure.com", "v1") == V1
    assert choose_form(SPEC, V1, None) == V1
    monkeypatch.setenv("OPENAI_API_VERSION", "2024&x=1")
    with pytest.raises(ConfigurationError, match="api_version must be a date"):
        choose_form(SPEC, "https://x.openai.azure.com", None)


async def call(
    script: Any = "Up the tree.", path: str = "", model: str = "gpt-5-mini", key: Any = KEY, **options: Any
) -> tuple[Any, list[Received]]:
    async with ScriptedUpstream(script) as upstream:
        endpoint = upstream.base_url("anthropic") + path
        params = options.pop("params", {})
        async with Ratatoskr.builder().azure(endpoint, key, **options).retries(0).build() as gateway:
            answer = await gateway.chat("Who?", f"azure:{model}", **params)
            async with gateway.chat_stream("Who?", f"azure:{model}", **params) as stream:
                assert (await stream.collect()).text == answer.text
        return answer, upstream.requests


async def test_the_newer_form_has_the_deployment_as_its_model_and_the_key_in_its_header() -> None:
    answer, requests = await call(deployments={"gpt-5-mini": "mine"})
    for request in requests:
        assert request.target == "/openai/v1/chat/completions"
        assert json.loads(request.raw)["model"] == "mine"
        assert request.headers["api-key"] == KEY
        assert "authorization" not in request.headers
    assert (answer.provider, answer.text) == ("azure", "Up the tree.")


async def test_the_older_form_has_the_deployment_in_its_path_and_the_version_in_its_query() -> None:
    _, requests = await call(deployments={"gpt-5-mini": "mine/2"}, api_version="2024-10-21")
    expected = "/openai/deployments/mine%2F2/chat/completions?api-version=2024-10-21"
    assert [request.target for request in requests] == [expected] * 2


async def test_a_model_without_a_deployment_is_one_itself() -> None:
    _, requests = await call(model="my-own", api_version="2024-10-21")
    assert requests[0].target.startswith("/openai/deployments/my-own/chat/completions?")


@pytest.mark.parametrize("model", ["gpt-5-mini", "mine"])
async def test_the_rules_of_the_model_apply_to_its_deployment(model: str) -> None:
    deployments = {"gpt-5-mini": "mine"}
    with pytest.raises(UnsupportedParameter, match="temperature"):
        await call(model=model, deployments=deployments, params={"temperature": 0.5})
    _, requests = await call(model=model, deployments=deployments, params={"max_tokens": 50})
    assert json.loads(requests[0].raw)["max_completion_tokens"] == 50


@pytest.mark.parametrize("made", [Token("entra-token-1"), "entra-token-1"])
async def test_what_a_function_returns_is_sent_as_a_bearer_token(made: Any) -> None:
    _, requests = await call(key=lambda: made)
    assert requests[0].headers["authorization"] == "Bearer entra-token-1"
    assert "api-key" not in requests[0].headers


async def test_the_environment_configures_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async with ScriptedUpstream("hi") as upstream:
        monkeypatch.setenv("AZURE_OPENAI_API_KEY", KEY)
        assert "azure" not in repr(Ratatoskr.builder().ollama().build())
        monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", upstream.base_url("anthropic"))
        monkeypatch.setenv("OPENAI_API_VERSION", "2024-10-21")
        monkeypatch.setattr("ratatoskr.config.entry.is_listening", lambda _: False)
        async with Ratatoskr.from_env() as gateway:
            await gateway.chat("Who?", "azure:mine")
            (health,) = (await gateway.health()).providers
        assert upstream.last.target == "/openai/deployments/mine/chat/completions?api-version=2024-10-21"
        assert (health.key_origin, health.base_url_origin) == ("AZURE_OPENAI_API_KEY", "AZURE_OPENAI_ENDPOINT")


async def test_its_content_filter_is_told() -> None:
    inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": {"hate": {"filtered": True}}}
    error = {"message": "The response was filtered.", "code": "content_filter", "status": 400, "innererror": inner}
    body = json.dumps({"error": error}).encode()
    with pytest.raises(ContentFiltered) as caught:
        await call(Reply(400, {"content-type": "application/json", "apim-request-id": "req-7"}, (body,)))
    assert (caught.value.provider, caught.value.provider_code) == ("azure", "content_filter")
    assert caught.value.request_id == "req-7"


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"api_version": "2024?x"}, "api_version"),
        ({"api_version": 2024}, "api_version"),
        ({"deployments": ["mine"]}, "deployments"),
        ({"deployments": {"gpt-5": ""}}, "deployments"),
        ({"deployments": {"gpt-5": 5}}, "deployments"),
        ({"endpoint": "x.openai.azure.com"}, "base_url"),
        ({"endpoint": 5}, "base_url"),
        ({}, "base_url"),
    ],
)
def test_wrong_arguments_are_told(options: dict[str, Any], field: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Ratatoskr.builder().azure(key=KEY, **options).build()
    assert caught.value.field == field
