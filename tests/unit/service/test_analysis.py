"""Text analysis and tokens through a daemon: cut to its limits, for the models that a client may use."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from tests.unit.service.serving import client_of
from tests.unit.service.test_texts import Fewer

from ratatoskr import AuthenticationFailed, Message, Ratatoskr, Usage
from ratatoskr.service.server.call import Call, Caller, ServerHooks
from ratatoskr.testing import ScriptedGateway
from ratatoskr.types.classify import Classification, Classifications
from ratatoskr.types.nli import NliResult, NliResults
from ratatoskr.types.rerank import Ranking, rank_documents
from ratatoskr.types.stance import StanceResult, StanceResults

ABOUT: dict[str, Any] = {"model": "any", "provider": "local", "usage": Usage(1, None)}


class Analyst:
    """A backend that counts its calls, and answers with the length of each text."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.at_once = self.most = 0

    async def _lengths(self, items: Sequence[Any]) -> list[float]:
        self.sizes.append(len(items))
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        await asyncio.sleep(0.02)
        self.at_once -= 1
        return [float(len("".join(item))) for item in items]

    async def nli(self, request: Any) -> NliResults:
        lengths = await self._lengths(request.pairs)
        return NliResults(tuple(NliResult("neutral", one, 0.0, 0.0) for one in lengths), **ABOUT)

    async def zero_shot(self, request: Any) -> Classifications:
        lengths = await self._lengths(request.texts)
        return Classifications(tuple(Classification({"a": one}) for one in lengths), **ABOUT)

    classify = zero_shot

    async def stance(self, request: Any) -> StanceResults:
        lengths = await self._lengths(request.texts)
        return StanceResults(tuple(StanceResult("favor", one, 0.0, 0.0) for one in lengths), **ABOUT)

    async def rerank(self, request: Any) -> Ranking:
        lengths = await self._lengths(request.documents)
        return Ranking(rank_documents(lengths, request.top_n), truncated=1, **ABOUT)

    async def inspect(self, query: Any) -> Any:
        return frozenset({"nli"})


TEXTS = ["x" * (number * 7 % 997) for number in range(950)]
BATCHES: dict[str, tuple[tuple[Any, ...], str]] = {
    "infer_nli_batch": (([(text, "") for text in TEXTS],), "entailment"),
    "classify_zero_shot_batch": ((TEXTS, ["a"]), "confidence"),
    "classify_batch": ((TEXTS,), "confidence"),
    "classify_stance_batch": ((TEXTS, "t"), "favor"),
}


@pytest.mark.parametrize("method", BATCHES)
async def test_many_texts_are_cut_to_what_the_daemon_takes_four_calls_at_a_time(method: str) -> None:
    backend, (arguments, score) = Analyst(), BATCHES[method]
    async with client_of(backend, Fewer()) as client:
        found = await getattr(client, method)(*arguments, "any")
    assert [getattr(one, score) for one in found] == [len(text) for text in TEXTS]
    assert backend.sizes == [100] * 9 + [50]
    assert backend.most == 4
    assert (found.model, found.provider, found.usage.input_tokens) == ("any", "local", 10)


@pytest.mark.parametrize("top_n", [None, 3, 5000])
async def test_the_best_of_many_documents_are_those_of_all_pieces(top_n: int | None) -> None:
    backend = Analyst()
    async with client_of(backend, Fewer()) as client:
        found = await client.rerank("q", TEXTS, "any", top_n=top_n)
    assert backend.sizes == [100] * 9 + [50]
    expected = rank_documents([len(text) for text in TEXTS], top_n)
    assert [score for _, score in found] == [one.score for one in expected]
    assert [index for index, _ in found] == [one.index for one in expected]
    assert found.truncated == 10


async def test_large_texts_are_cut_by_their_bytes() -> None:
    backend = Analyst()
    async with client_of(backend, Fewer()) as client:
        found = await client.infer_nli_batch([("ä" * 50_000, "b" * 100_000)] * 20, "any")
    assert len(found) == 20
    assert backend.sizes == [2] * 10


async def test_many_texts_are_tokenised_in_pieces() -> None:
    texts = [f"{number} née 🐿️" for number in range(950)]
    async with Ratatoskr.builder().openai("k").build() as gateway, client_of(gateway.backend, Fewer()) as client:
        found = await client.tokenize_batch(texts, "gpt-4o")
        expected = await gateway.tokenize_batch(texts, "gpt-4o")
    assert [one.to_dict() for one in found] == [one.to_dict() for one in expected]


class NoSecrets(ServerHooks):
    """Knows clients that may not use one model."""

    def authenticate(self, call: Call) -> Caller:
        return Caller("me", admin=True)

    def check_models(self, call: Call, models: Sequence[str]) -> None:
        if "secret" in models:
            raise AuthenticationFailed("this client may not use the model secret", model="secret")


ASKED: dict[str, tuple[Any, ...]] = {
    "infer_nli": ("a", "b", "secret"),
    "infer_nli_batch": ([("a", "b")] * 2, "secret"),
    "classify_zero_shot": ("a", ["b"], "secret"),
    "classify_zero_shot_batch": (["a", "b"], ["b"], "secret"),
    "classify": ("a", "secret"),
    "classify_stance": ("a", "b", "secret"),
    "classify_stance_batch": (["a", "b"], "b", "secret"),
    "rerank": ("a", ["b"], "secret"),
    "count_tokens": ("a", "secret"),
    "tokenize": ("a", "secret"),
    "tokenize_batch": (["a", "b"], "secret"),
    "model_metadata": ("secret",),
    "fetch_model_metadata": ("secret",),
    "model_status": ("secret",),
    "cost": (Usage(1, 1), "secret"),
    "preload": ("secret",),
    "unload": ("secret",),
}


@pytest.mark.parametrize("method", ASKED)
async def test_a_model_is_refused_to_a_client_that_may_not_use_it(method: str) -> None:
    async with ScriptedGateway() as gateway, client_of(gateway.backend, NoSecrets()) as client:
        with pytest.raises(AuthenticationFailed, match="may not use"):
            await getattr(client, method)(*ASKED[method])
        if method == "count_tokens":
            with pytest.raises(AuthenticationFailed, match="may not use"):
                await client.count_tokens([Message.user("a")], "secret")
        assert gateway.analysis_requests == []


async def test_only_an_administrator_refreshes_the_catalogue() -> None:
    async with ScriptedGateway() as gateway, client_of(gateway.backend) as client:
        with pytest.raises(AuthenticationFailed, match="RefreshModels is for administrators"):
            await client.refresh_models("/etc/passwd", dry_run=True)


async def test_capabilities_are_those_of_the_gateway_that_is_served() -> None:
    async with Ratatoskr.builder().openai("k").build() as gateway, client_of(gateway.backend) as client:
        assert await client.capabilities() == await gateway.capabilities() >= {"count_tokens", "tokenize", "chat"}
