"""A closed client answers and refuses what a closed gateway of this process does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.unit.service.serving import client_of

from ratatoskr import GatewayClosed, NoProvider, Ratatoskr, Usage
from ratatoskr.errors import RatatoskrError

MODEL = "openai:gpt-4.1"
CALLS: dict[str, Callable[[Any], Awaitable[Any]]] = {
    "chat": lambda gateway: gateway.chat("Hi", MODEL),
    "generate": lambda gateway: gateway.generate("Up", MODEL),
    "embed": lambda gateway: gateway.embed("Hi", "openai:text-embedding-3-small"),
    "embed_batch of nothing": lambda gateway: gateway.embed_batch([], "openai:text-embedding-3-small"),
    "infer_nli": lambda gateway: gateway.infer_nli("a", "b", MODEL),
    "infer_nli_batch of nothing": lambda gateway: gateway.infer_nli_batch([], MODEL),
    "classify_stance": lambda gateway: gateway.classify_stance("a", "b", MODEL),
    "classify_zero_shot": lambda gateway: gateway.classify_zero_shot("a", ["b", "c"], MODEL),
    "classify": lambda gateway: gateway.classify("a", MODEL),
    "rerank": lambda gateway: gateway.rerank("a", ["b"], MODEL),
    "count_tokens": lambda gateway: gateway.count_tokens("a", MODEL),
    "tokenize": lambda gateway: gateway.tokenize("a", MODEL),
    "tokenize_batch": lambda gateway: gateway.tokenize_batch(["a"], MODEL),
    "list_models": lambda gateway: gateway.list_models(),
    "model_status": lambda gateway: gateway.model_status(MODEL),
    "model_metadata": lambda gateway: gateway.model_metadata(MODEL),
    "fetch_model_metadata": lambda gateway: gateway.fetch_model_metadata(MODEL),
    "list_presets": lambda gateway: gateway.list_presets(),
    "resolve_preset": lambda gateway: gateway.resolve_preset("mid/coding"),
    "refresh_models": lambda gateway: gateway.refresh_models("/no/such/file"),
    "explain": lambda gateway: gateway.explain(MODEL),
    "preload": lambda gateway: gateway.preload("m"),
    "unload": lambda gateway: gateway.unload("m"),
    "preconnect": lambda gateway: gateway.preconnect(),
    "cost": lambda gateway: gateway.cost(Usage(10, 5), MODEL),
    "cost of a name without a provider": lambda gateway: gateway.cost(Usage(10, 5), "gpt-4.1"),
    "cost of a provider that is not configured": lambda gateway: gateway.cost(Usage(10, 5), "anthropic:claude-opus-5"),
    "cost of an unknown model": lambda gateway: gateway.cost(Usage(10, 5), "openai:no-such-model"),
    "cost of what no provider serves": lambda gateway: gateway.cost(Usage(10, 5), "claude-opus-5"),
    "capabilities": lambda gateway: gateway.capabilities(),
    "health": lambda gateway: gateway.health(),
}


def made() -> Ratatoskr:
    return Ratatoskr.builder().openai("k", base_url="http://127.0.0.1:9/v1").build()


async def outcome(call: Awaitable[Any]) -> Any:
    try:
        return await call
    except RatatoskrError as error:
        return type(error), error.message.partition(" (")[0]


@pytest.mark.parametrize("name", CALLS)
async def test_it_does_what_a_closed_gateway_of_this_process_does(name: str) -> None:
    async with made() as here, made() as served, client_of(served.backend) as client:
        await client.health()
        await client.capabilities()
        for gateway in (here, client):
            await gateway.aclose()
        expected, found = [await outcome(CALLS[name](gateway)) for gateway in (here, client)]
        if name == "health":  # origins of keys are the daemon's own
            assert (found.healthy, found.version, [one.name for one in found.providers]) == (
                expected.healthy,
                expected.version,
                [one.name for one in expected.providers],
            )
        elif name == "cost of what no provider serves":
            assert (found[0], expected[0]) == (NoProvider, NoProvider)
        else:
            assert found == expected
        if name not in ("health", "capabilities") and not name.startswith("cost"):
            assert expected == (GatewayClosed, "the gateway is closed")


async def test_what_was_never_asked_is_told_without_the_daemon() -> None:
    async with made() as served, client_of(served.backend) as client:
        await client.aclose()
        assert await client.capabilities() == frozenset()
        assert (await client.health()).healthy is False
        cost = await client.cost(Usage(10, 5), "gpt-4.1")
    assert cost is not None
    assert cost.amount
