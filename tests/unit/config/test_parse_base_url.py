"""Base URLs as people write and copy them: cleaned where the meaning is clear, refused by the field elsewhere."""

from __future__ import annotations

import json
import traceback
from typing import Any

import pytest

from ratatoskr import ConfigurationError, Ratatoskr
from ratatoskr.config import base_url, provider
from ratatoskr.config.base_url import parse_base_url
from ratatoskr.config.provider import ProviderConfig, find_base_url_notices, resolve_base_url
from ratatoskr.providers.exchange import ProviderClient
from ratatoskr.providers.specs import SPECS
from ratatoskr.testing import ScriptedUpstream

CANARY = "canary-0123456789"


@pytest.mark.parametrize(
    ("given", "url"),
    [
        (" https://h/v1 ", "https://h/v1"),
        ("https://h/v1\n", "https://h/v1"),
        ("\r\n\thttps://h/v1\r\n", "https://h/v1"),
        ("https://h/v1///", "https://h/v1"),
        ("https://h/", "https://h"),
        ("HTTPS://H.Example:443/V1", "https://h.example/V1"),
        ("https://h:8443", "https://h:8443"),
        ("https://h:/v1", "https://h/v1"),
        ("https://[2001:DB8::0:1]/v1", "https://[2001:db8::1]/v1"),
        ("https://0x7f.1", "https://127.0.0.1"),
        (
            "https://h/openai/deployments/gpt?api-version=2024-10-21",
            "https://h/openai/deployments/gpt?api-version=2024-10-21",
        ),
        ("https://h/v1/?a=b&c=%20d", "https://h/v1?a=b&c=%20d"),
        ("https://h/v1?", "https://h/v1"),
        ("https://h/a%20b/v1", "https://h/a%20b/v1"),
        ("https://h/keys?keyspace=a&tokenizer=b", "https://h/keys?keyspace=a&tokenizer=b"),
    ],
)
def test_one_address_has_one_spelling(given: str, url: str) -> None:
    parsed = parse_base_url(given)
    assert (parsed.url, parsed.problem, parsed.endpoint) == (url, "", "")
    assert parse_base_url(parsed.url).url == url


@pytest.mark.parametrize(
    ("given", "url", "endpoint"),
    [
        ("https://h/v1/chat/completions", "https://h/v1", "/chat/completions"),
        ("https://h/v1/chat/completions/", "https://h/v1", "/chat/completions"),
        ("https://h/v1/completions", "https://h/v1", "/completions"),
        ("https://h/v1/responses", "https://h/v1", "/responses"),
        ("https://h/v1/embeddings", "https://h/v1", "/embeddings"),
        ("https://h/v1/messages", "https://h/v1", "/messages"),
        ("https://h/api/chat", "https://h", "/api/chat"),
        ("https://h/ollama/api/generate", "https://h/ollama", "/api/generate"),
        ("https://h/v1beta/models/gemini-3:generateContent", "https://h/v1beta", "/models/gemini-3:generateContent"),
        (
            "https://h/v1beta/models/g:streamGenerateContent?alt=sse",
            "https://h/v1beta?alt=sse",
            "/models/g:streamGenerateContent",
        ),
        ("https://h/d/gpt/chat/completions?api-version=1", "https://h/d/gpt?api-version=1", "/chat/completions"),
        ("https://h/chat", "https://h/chat", ""),
        ("https://h/v1/models", "https://h/v1/models", ""),
    ],
)
def test_an_endpoint_is_taken_off_with_a_notice(given: str, url: str, endpoint: str) -> None:
    config = ProviderConfig("openai", base_url=given)
    assert resolve_base_url(config)[0] == url
    notices = find_base_url_notices(config)
    assert [(notice.code, notice.field) for notice in notices] == [("base_url_changed", "base_url")] * bool(endpoint)
    assert all(endpoint in notice.message for notice in notices)


def test_an_endpoint_in_the_environment_is_taken_off_with_a_notice(monkeypatch: pytest.MonkeyPatch) -> None:
    config = ProviderConfig("ollama")
    assert find_base_url_notices(config) == ()
    monkeypatch.setenv("OLLAMA_HOST", "localhost:8080/api/chat")
    assert resolve_base_url(config)[0] == "http://localhost:8080"
    (notice,) = find_base_url_notices(config)
    assert (notice.code, "/api/chat was taken off OLLAMA_HOST" in notice.message) == ("base_url_changed", True)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("https://h/v1\r\nx-evil: 1", "white space"),
        ("https://h\n.evil.example/v1", "white space"),
        ("https://h /v1", "white space"),
        ("https://h/v1\u00a0/x", "white space"),
        ("https://h/\u200bv1", "white space"),
        ("https://h/\x00", "white space"),
        ("https://h/v1#part", "without a fragment"),
        ("https://h/v1#", "without a fragment"),
        (f"https://me:{CANARY}@h/v1", "without a user name"),
        (f"https://{CANARY}@h/v1", "without a user name"),
        (f"https://h/v1?key={CANARY}", "without a key in a query"),
        (f"https://h/v1?a=b&subscription-key={CANARY}", "without a key in a query"),
        (f"https://h/v1?access_token={CANARY}", "without a key in a query"),
        (f"https://h/v1?API_KEY={CANARY}", "without a key in a query"),
        ("https://h/v1?a=<b>", "percent-encoded query"),
        ("https://h/v1?a=%zz", "percent-encoded query"),
        ("https://h/v1/../admin", "without . and .."),
        ("https://h/./v1", "without . and .."),
        ("https://h/a\\b", "ASCII form"),
        ("https://h/ä", "ASCII form"),
        ("https://h/%2", "ASCII form"),
        ("https://h:0/v1", "ASCII form"),
        ("https://h:99999", "ASCII form"),
        ("https://h:x", "ASCII form"),
        ("https:///v1", "ASCII form"),
        ("https://", "ASCII form"),
        ("//h/v1", "ASCII form"),
        ("h/v1", "ASCII form"),
        ("api.example.com", "ASCII form"),
        ("ftp://h", "ASCII form"),
        ("https:h", "ASCII form"),
        ("https://[::1", "ASCII form"),
        ("", "ASCII form"),
        ("   ", "ASCII form"),
        (5, "ASCII form"),
        (b"https://h", "ASCII form"),
    ],
)
def test_an_address_that_cannot_be_meant_is_refused_and_not_repeated(given: Any, reason: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Ratatoskr.builder().openai("k" * 20, base_url=given).build()
    assert (caught.value.provider, caught.value.field) == ("openai", "base_url")
    assert caught.value.message.startswith("base_url must be http(s)://host[:port][/path]")
    assert reason in caught.value.message
    report = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    inner = [frame.locals for frame in report.stack if frame.filename in (provider.__file__, base_url.__file__)]
    assert inner
    assert CANARY not in str(inner) + str(caught.value)


@pytest.mark.parametrize(
    ("spec", "given", "path", "url"),
    [
        ("openai", "https://h/v1?api-version=1", "/chat/completions", "https://h/v1/chat/completions?api-version=1"),
        ("google", "https://h?a=b", "/v1beta/models/m:x?alt=sse", "https://h/v1beta/models/m:x?alt=sse&a=b"),
        ("anthropic", "https://h/v1", "/v1/messages", "https://h/v1/messages"),
        ("anthropic", "https://h/proxy", "/v1/messages", "https://h/proxy/v1/messages"),
        ("anthropic", "https://h/v1", "/v1/models?limit=1000", "https://h/v1/models?limit=1000"),
        ("google", "https://h/v1beta", "/v1beta/models/m:x", "https://h/v1beta/models/m:x"),
        ("ollama", "http://localhost:1/api", "/api/chat", "http://localhost:1/api/chat"),
        ("openai", "https://h/chat", "/chat/completions", "https://h/chat/chat/completions"),
    ],
)
def test_the_query_and_the_version_of_a_base_url_are_sent_once(spec: str, given: str, path: str, url: str) -> None:
    client = ProviderClient(SPECS[spec], None, base_url=given)  # type: ignore[arg-type]
    assert client.url(path) == url


async def test_the_notice_is_on_every_response_and_the_query_in_every_request() -> None:
    async with ScriptedUpstream("hi") as upstream:
        copied = f"{upstream.base_url('compatible')}/chat/completions?api-version=7"
        async with Ratatoskr.builder().compatible("house", base_url=copied).build() as gateway:
            for _ in range(2):
                response = await gateway.chat("hi", "house:m")
                assert [notice.code for notice in response.warnings] == ["base_url_changed"]
            async with gateway.chat_stream("hi", "house:m") as stream:
                assert [notice.code for notice in (await stream.collect()).warnings] == ["base_url_changed"]
            (plan,) = (await gateway.explain("hi", "house:m")).plans
        targets = {request.target for request in upstream.requests}
        assert targets == {"/compatible/v1/chat/completions?api-version=7"}
        assert plan.url == f"{upstream.base_url('compatible')}/chat/completions?api-version=7"
        assert json.loads(upstream.requests[0].raw)["model"] == "m"
