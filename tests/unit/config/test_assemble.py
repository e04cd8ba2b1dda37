"""A gateway made from a recipe, and one that takes over the unchanged parts of another."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest
import trustme

from ratatoskr import ConfigurationError, EmbeddedGateway, GatewayClosed, Ratatoskr
from ratatoskr.config.assemble import Assembly, Shared, assemble
from ratatoskr.config.builder import Builder
from ratatoskr.testing import ScriptedTurn, ScriptedUpstream
from ratatoskr.transport.httpx import HttpxTransport
from ratatoskr.transport.native import NativeTransport

TEXT = "Up and down the ash tree."


@pytest.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with ScriptedUpstream(ScriptedTurn(TEXT)) as upstream:
        yield upstream


@pytest.fixture
def begin(upstream: ScriptedUpstream) -> Callable[[], Builder]:
    """Return a builder of two providers at the upstream."""

    def begin() -> Builder:
        builder = Ratatoskr.builder().openai("key", base_url=upstream.base_url("openai"))
        return builder.provider("anthropic", "key", base_url=upstream.base_url("anthropic"))

    return begin


def parts(gateway: EmbeddedGateway) -> Assembly:
    assert isinstance(gateway.assembly, Assembly)
    return gateway.assembly


async def answers(gateway: EmbeddedGateway, model: str = "openai:gpt-4.1") -> bool:
    return (await gateway.chat("Who?", model)).content == TEXT


async def test_an_equal_recipe_shares_everything(begin: Callable[[], Builder], upstream: ScriptedUpstream) -> None:
    old = begin().build()
    assert await answers(old)
    new = assemble(begin().recipe(), reuse=old)
    assert parts(new).transport is parts(old).transport
    assert isinstance(parts(new).transport.value, NativeTransport)
    assert parts(new).providers == parts(old).providers
    assert await answers(new)
    await old.aclose()
    with pytest.raises(GatewayClosed):
        await old.chat("Who?", "openai:gpt-4.1")
    assert await answers(new)
    assert await answers(new, "anthropic:claude-sonnet-5")
    assert upstream.connections == 1
    await new.aclose()
    with pytest.raises(GatewayClosed):
        await new.chat("Who?", "openai:gpt-4.1")


async def test_a_changed_provider_alone_is_made_anew(begin: Callable[[], Builder], upstream: ScriptedUpstream) -> None:
    old = begin().build()
    builder = Ratatoskr.builder().openai("another", base_url=upstream.base_url("openai"))
    builder.provider("anthropic", "key", base_url=upstream.base_url("anthropic"))
    new = assemble(builder.groq("key").recipe(), reuse=old)
    assert parts(new).transport is parts(old).transport
    assert parts(new).providers["openai"] is not parts(old).providers["openai"]
    assert parts(new).providers["anthropic"] is parts(old).providers["anthropic"]
    assert [*parts(new).providers] == ["openai", "anthropic", "groq"]
    await old.aclose()
    assert await answers(new)
    assert upstream.requests[-1].headers["authorization"] == "Bearer another"
    await new.aclose()


async def test_a_key_that_changed_in_the_environment_makes_the_provider_anew(
    monkeypatch: pytest.MonkeyPatch, upstream: ScriptedUpstream
) -> None:
    recipe = Ratatoskr.builder().openai(base_url=upstream.base_url("openai")).recipe()
    monkeypatch.setenv("OPENAI_API_KEY", "one")
    old = assemble(recipe)
    same = assemble(recipe, reuse=old)
    assert parts(same).providers["openai"] is parts(old).providers["openai"]
    monkeypatch.setenv("OPENAI_API_KEY", "two")
    new = assemble(recipe, reuse=old)
    assert parts(new).providers["openai"] is not parts(old).providers["openai"]
    assert await answers(new)
    assert upstream.requests[-1].headers["authorization"] == "Bearer two"
    for gateway in (old, same, new):
        await gateway.aclose()


@pytest.mark.parametrize(
    "change",
    [
        lambda b: b.limits("openai", 3),
        lambda b: b.proxy("http://p:1"),
        lambda b: b.tls(ca=trustme.CA().cert_pem.bytes()),
    ],
)
async def test_another_transport_makes_every_provider_anew(
    begin: Callable[[], Builder], change: Callable[[Builder], Builder]
) -> None:
    old = begin().build()
    new = assemble(change(begin()).recipe(), reuse=old)
    assert parts(new).transport is not parts(old).transport
    assert not [name for name, one in parts(new).providers.items() if one is parts(old).providers[name]]
    await new.aclose()
    assert await answers(old)
    await old.aclose()


@pytest.mark.parametrize(
    ("base_url", "origin"),
    [
        ("https://api.example.com/v1/", "https://api.example.com"),
        ("HTTPS://API.Example.COM:443/V1", "https://api.example.com"),
        ("https://api.example.com:0443", "https://api.example.com"),
        ("https://api.example.com./v1", "https://api.example.com."),
        ("https://XN--bcher-KVA.example", "https://xn--bcher-kva.example"),
        ("https://api.example.com:/v1", "https://api.example.com"),
        ("http://LOCALHOST:080", "http://localhost"),
        ("http://localhost:08080", "http://localhost:8080"),
        ("http://127.1:443", "http://127.0.0.1:443"),
        ("http://127.0.0.01", "http://127.0.0.1"),
        ("http://127.0.0.1./v1", "http://127.0.0.1"),
        ("http://0x7f.0.0.1", "http://127.0.0.1"),
        ("http://2130706433", "http://127.0.0.1"),
        ("http://[0:0::0:1]:8080/v1", "http://[::1]:8080"),
        ("https://[::FFFF:1.2.3.4]", "https://[::ffff:102:304]"),
    ],
)
async def test_limits_are_of_the_origin_as_the_transport_writes_it(base_url: str, origin: str) -> None:
    gateway = Ratatoskr.builder().openai("key", base_url=base_url).limits("openai", 3).build()
    assert parts(gateway)._transport_inputs.config.in_flight_by_origin == {origin: 3}
    assert parts(gateway).inputs["openai"].base_url.startswith(origin)
    await gateway.aclose()


async def test_the_smaller_limit_of_two_providers_at_one_origin_holds() -> None:
    builder = Ratatoskr.builder().compatible("one", base_url="http://localhost:1/a")
    builder.compatible("two", base_url="http://LOCALHOST:1/b").limits("one", 2).limits("two", 5)
    gateway = builder.build()
    assert parts(gateway)._transport_inputs.config.in_flight_by_origin == {"http://localhost:1": 2}
    await gateway.aclose()


@pytest.mark.parametrize("model", ["anthropic:claude-sonnet-5", "gtp-5.4"])
def test_a_rule_or_a_fallback_that_no_provider_serves_is_refused(model: str) -> None:
    with pytest.raises(ConfigurationError, match=model) as caught:
        Ratatoskr.builder().openai("key").fallback("*", ["gpt-4.1", model]).build()
    assert caught.value.field == "fallback"
    with pytest.raises(ConfigurationError, match=model) as caught:
        Ratatoskr.builder().openai("key").routing({"fast": ["gpt-4.1", model]}).build()
    assert caught.value.field == "rules"


async def test_settings_alone_change_no_part(begin: Callable[[], Builder]) -> None:
    old = begin().build()
    new = assemble(begin().retries(0).timeout(5).routing({"x": "openai:gpt-4.1"}).recipe(), reuse=old)
    assert parts(new).transport is parts(old).transport
    assert parts(new).providers == parts(old).providers
    await old.aclose()
    assert await answers(new, "x")
    await new.aclose()


async def test_a_clients_transport_is_shared_for_the_same_client_alone(begin: Callable[[], Builder]) -> None:
    async with httpx.AsyncClient() as client, httpx.AsyncClient() as other:
        old = begin().http_client(client).build()
        assert isinstance(parts(old).transport.value, HttpxTransport)
        new = assemble(begin().http_client(client).recipe(), reuse=old)
        third = assemble(begin().http_client(other).recipe(), reuse=old)
        assert parts(new).transport is parts(old).transport
        assert parts(third).transport is not parts(old).transport
        await old.aclose()
        assert await answers(new)
        assert await answers(third)
        await new.aclose()
        await third.aclose()


async def test_local_models_stay_loaded_where_their_settings_are_unchanged(
    begin: Callable[[], Builder], model_folder: Path, graphs: Path
) -> None:
    def local(budget: int) -> Builder:
        return begin().local_embeddings(model_folder).cache_dir(graphs).ram_budget(budget)

    old = local(2**31).build()
    vector = (await old.embed("ash", str(model_folder))).vector
    new = assemble(local(2**31).retries(0).recipe(), reuse=old)
    assert parts(new).local is parts(old).local
    await old.aclose()
    [model] = (await new.health()).local
    assert model.status == "ready"
    assert ((await new.embed("ash", str(model_folder))).vector == vector).all()
    other = assemble(local(2**30).recipe(), reuse=new)
    assert parts(other).local is not parts(new).local
    without = assemble(begin().recipe(), reuse=new)
    assert parts(without).local is None
    for gateway in (new, other, without):
        await gateway.aclose()


async def test_closing_in_any_order_and_twice_closes_the_parts_once_the_last_is_closed(
    begin: Callable[[], Builder],
) -> None:
    first = begin().build()
    second = assemble(begin().recipe(), reuse=first)
    third = assemble(begin().recipe(), reuse=second)
    await asyncio.gather(second.aclose(), second.aclose())
    await second.aclose()
    assert await answers(first)
    assert await answers(third)
    await third.aclose()
    assert await answers(first)
    await first.aclose()
    with pytest.raises(GatewayClosed):
        assemble(begin().recipe(), reuse=first)


async def test_a_set_up_that_is_refused_leaves_the_old_gateway_as_it_was(begin: Callable[[], Builder]) -> None:
    old = begin().build()
    transport = parts(old).transport
    with pytest.raises(ConfigurationError):
        assemble(begin().xai().recipe(), reuse=old)
    assert await answers(old)
    await old.aclose()
    with pytest.raises(GatewayClosed):
        transport.acquire(parts(old))


async def test_an_owner_that_was_dropped_without_closing_does_not_keep_a_part_open() -> None:
    class Part:
        closed = 0

        async def aclose(self) -> None:
            self.closed += 1

    part = Part()
    kept, dropped = (Assembly(Ratatoskr.builder().openai("key").recipe()) for _ in range(2))
    shared = Shared(part, kept)
    shared.acquire(dropped)
    await shared.release(kept)
    assert part.closed == 0
    shared.acquire(kept)
    del dropped
    gc.collect()
    await shared.release(kept)
    assert part.closed == 1
