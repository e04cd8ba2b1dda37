"""Embeddings of providers: each API's own words go out, the vectors come back in order, whatever the face."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conformance.faces import scene, upstream_name
from ratatoskr import (
    AllAttemptsFailed,
    AuthenticationFailed,
    InvalidInput,
    MalformedResponse,
    ModelNotFound,
    NoProvider,
    Ratatoskr,
    UnsupportedParameter,
)
from ratatoskr.providers.specs.embed import EMBED, EmbedSpec
from ratatoskr.testing import Received, Reply, ScriptedUpstream, fault
from ratatoskr.testing.vectors import hash_vector

MODELS = {
    "openai": "text-embedding-3-small",
    "google": "gemini-embedding-001",
    "ollama": "all-minilm:22m",
    "huggingface": "sentence-transformers/all-MiniLM-L6-v2",
    "cohere": "embed-v4.0",
    "voyage": "voyage-4",
    "openrouter": "openai/text-embedding-3-small",
    "mistral": "mistral-embed",
}
TEXTS = ["the ash tree", "a squirrel", "the ash tree", "ein Eichhörnchen 🐿"]


def name_of(spec: EmbedSpec) -> str:
    return f"{spec.provider}:{MODELS.get(spec.provider, 'some-embed-model')}"


def vectors_of(texts: list[str], size: int = 8) -> np.ndarray[Any, Any]:
    return np.array([hash_vector(text, size) for text in texts], np.float32)


def respond(value: Any, status: int = 200, **headers: str) -> Reply:
    return Reply(status, {"content-type": "application/json", **headers}, [json.dumps(value).encode()])


@pytest.mark.parametrize("face", ["async", "sync"])
@pytest.mark.parametrize("spec", EMBED.values(), ids=EMBED)
async def test_each_provider_embeds_in_the_words_of_its_api(spec: EmbedSpec, face: str) -> None:
    async with scene(face) as at:
        found = await at.face.call("embed_batch", TEXTS, name_of(spec), input_type="query")
        np.testing.assert_allclose(found.vectors, vectors_of(TEXTS), atol=1e-6)
        assert (found.provider, found.vectors.dtype) == (spec.provider, np.float32)
        sent = at.upstream.last
        body = sent.json["requests"][0] if spec.shape == "google" else sent.json
        assert {name: body.get(name) for name in spec.query} == dict(spec.query)
        assert {name: sent.json.get(name) for name in spec.members} == dict(spec.members)
        assert {name: body.get(name) for name in spec.cuts or {}} == dict(spec.cuts or {})
        assert sent.path.endswith(spec.path.replace("{model}", MODELS.get(spec.provider, "")))
        one = await at.face.call("embed", "a squirrel", name_of(spec))
        np.testing.assert_allclose(one.vector, vectors_of(["a squirrel"])[0], atol=1e-6)
        body = at.upstream.last.json["requests"][0] if spec.shape == "google" else at.upstream.last.json
        assert {name: body.get(name) for name in spec.document} == dict(spec.document)
        if spec.shape in {"openai", "cohere", "ollama"}:
            assert found.usage.source == "provider"
            assert found.usage.input_tokens


async def test_identical_texts_are_sent_once() -> None:
    async with scene("async") as at:
        await at.face.call("embed_batch", TEXTS, "openai:text-embedding-3-small")
        assert at.upstream.last.json["input"] == [TEXTS[0], TEXTS[1], TEXTS[3]]


@pytest.mark.parametrize(
    ("provider", "member"),
    [
        ("openai", "dimensions"),
        ("google", "outputDimensionality"),
        ("cohere", "output_dimension"),
        ("ollama", "dimensions"),
    ],
)
async def test_dimensions_are_asked_for_and_checked(provider: str, member: str) -> None:
    model = f"{provider}:{MODELS[provider]}"
    async with scene("async") as at:
        found = await at.face.call("embed_batch", TEXTS, model, dimensions=5)
        assert found.vectors.shape == (4, 5)
        body = at.upstream.last.json["requests"][0] if provider == "google" else at.upstream.last.json
        assert body[member] == 5
    wrong = {"data": [{"index": 0, "embedding": [1.0, 0.0]}]}
    async with scene("async", lambda _: respond(wrong)) as at:
        with pytest.raises(MalformedResponse, match="3 dimensions were asked for, and 2 came"):
            await at.face.call("embed", "x", "openai:text-embedding-3-small", dimensions=3)


@pytest.mark.parametrize(
    ("model", "dimensions"),
    [
        ("openai:text-embedding-ada-002", 256),
        ("openai:text-embedding-3-small", 1537),
        ("together:BAAI/bge-base-en-v1.5", 256),
        ("huggingface:some/model", 256),
    ],
)
async def test_dimensions_that_a_model_has_not_are_refused_before_anything_is_sent(model: str, dimensions: int) -> None:
    async with scene("async") as at:
        with pytest.raises(UnsupportedParameter) as caught:
            await at.face.call("embed", "x", model, dimensions=dimensions)
        assert caught.value.field == "dimensions"
        assert at.upstream.count == 0


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["ok", 7], "text 1 is not a str but int"),
        (["ok", "ok 2", "\ud800"], "text 2 holds half of a surrogate pair"),
        ("one text", "texts must be a sequence of str"),
    ],
)
async def test_texts_that_cannot_be_sent_are_named(texts: Any, message: str) -> None:
    async with scene("async") as at:
        with pytest.raises(InvalidInput, match=message):
            await at.face.call("embed_batch", texts, "openai:text-embedding-3-small")
        assert at.upstream.count == 0


async def test_no_texts_ask_nothing() -> None:
    async with scene("async") as at:
        assert len(await at.face.call("embed_batch", [], "openai:text-embedding-3-small")) == 0
        assert at.upstream.count == 0


# what comes back

ROW = [0.5, 0.5]
NANS = [base64.b64encode(np.array(row, "<f4").tobytes()).decode() for row in ([1, 0], [1, np.nan])]
WRONG: dict[str, tuple[Any, str]] = {
    "too few": ({"data": [{"index": 0, "embedding": ROW}]}, "2 texts got 1 vectors"),
    "too many": ({"data": [{"index": n, "embedding": ROW} for n in range(3)]}, "2 texts got 3 vectors"),
    "an index twice": ({"data": [{"index": 0, "embedding": ROW}] * 2}, "the index 0 of a vector"),
    "an index of no text": ({"data": [{"index": n, "embedding": ROW} for n in (0, 2)]}, "the index 2 of a vector"),
    "sizes": ({"data": [{"index": 0, "embedding": ROW}, {"index": 1, "embedding": [1.0]}]}, "text 1 has another size"),
    "empty": ({"data": [{"index": n, "embedding": []} for n in (0, 1)]}, "empty vectors"),
    "a word": ({"data": [{"index": 0, "embedding": ["a"]}, {"index": 1, "embedding": ["b"]}]}, "text 0 is neither"),
    "null": ({"data": [{"index": 0, "embedding": ROW}, {"index": 1, "embedding": None}]}, "text 1 is neither"),
    "odd bytes": ({"data": [{"index": n, "embedding": "AAAA"} for n in (0, 1)]}, "3 bytes"),
    "too large": (
        {"data": [{"index": 0, "embedding": ROW}, {"index": 1, "embedding": [1e39, 0]}]},
        "text 1 is not finite",
    ),
    "not a number": ({"data": [{"index": n, "embedding": NANS[n]} for n in (0, 1)]}, "text 1 is not finite"),
    "no data": ({"object": "list"}, "unexpected shape"),
    "no JSON": ("", "unexpected shape"),
}


@pytest.mark.parametrize("kind", WRONG)
async def test_an_answer_that_is_not_one_vector_for_each_text_is_an_error(kind: str) -> None:
    value, message = WRONG[kind]
    async with scene("async", lambda _: respond(value), retries=0) as at:
        with pytest.raises(MalformedResponse, match=message) as caught:
            await at.face.call("embed_batch", ["a", "b"], "openai:text-embedding-3-small")
        assert (caught.value.provider, caught.value.model) == ("openai", "text-embedding-3-small")
        assert caught.value.status == 200


async def test_vectors_in_another_order_are_put_in_that_of_the_texts() -> None:
    rows = [{"index": index, "embedding": [float(index), 1.0]} for index in (2, 0, 1)]
    async with scene("async", lambda _: respond({"data": rows})) as at:
        found = await at.face.call("embed_batch", ["a", "b", "c"], "openai:text-embedding-3-small")
        assert found.vectors[:, 0].tolist() == [0, 1, 2]


@pytest.mark.parametrize("usage", [None, [], "many", {"prompt_tokens": -1}, {"prompt_tokens": "3"}])
async def test_tokens_of_an_odd_form_are_left_out_and_said(usage: Any) -> None:
    body = {"data": [{"index": 0, "embedding": ROW}], "usage": usage, "model": 7}
    async with scene("async", lambda _: respond(body)) as at:
        found = await at.face.call("embed", "a", "openai:text-embedding-3-small")
        assert found.vector.tolist() == ROW
        assert found.usage.input_tokens is None
        assert {notice.code for notice in found.warnings} == {"member_ignored"}
        assert "model" in {notice.field for notice in found.warnings}


async def test_a_provider_of_embeddings_does_not_chat() -> None:
    async with scene("async") as at:
        with pytest.raises(NoProvider, match="Voyage AI has no chat models"):
            await at.face.call("chat", "x", "voyage:rerank-2.5")


async def test_an_error_inside_a_200_is_the_error() -> None:
    body = {"error": {"message": "No such model", "code": "model_not_found"}}
    async with scene("async", lambda _: respond(body)) as at:
        with pytest.raises(ModelNotFound, match="No such model"):
            await at.face.call("embed", "a", "openai:text-embedding-3-small")


async def test_a_refused_key_gives_way_to_the_next() -> None:
    keys = []

    def answer(request: Received) -> Any:
        keys.append(request.headers["authorization"])
        return fault("bad_key") if len(keys) == 1 else "default"

    async with ScriptedUpstream([answer] * 4) as upstream:
        keys_given = ["sk-first-0001", "sk-second-0002"]
        gateway = Ratatoskr.builder().openai(keys_given, base_url=upstream.base_url("openai")).build()
        async with gateway:
            assert len(await gateway.embed_batch(["a"], "text-embedding-3-small")) == 1
        assert len(set(keys)) == 2


# names


async def test_a_model_of_this_process_is_asked_elsewhere_only_if_it_is_not_there(tmp_path: Path) -> None:
    async with ScriptedUpstream() as upstream:
        builder = Ratatoskr.builder().local_embeddings("AllMiniLmL6V2").cache_dir(tmp_path)
        for name in ("huggingface", "openai", "together"):
            builder.provider(name, "sk-canary-1", base_url=upstream.base_url(upstream_name(name)))
        async with builder.build() as gateway:
            found = await gateway.embed_batch(TEXTS, "AllMiniLmL6V2")
            model = "sentence-transformers/all-MiniLM-L6-v2"
            assert (found.provider, found.model) == ("huggingface", model)
            assert [(one.provider, one.decision) for one in found.attempts] == [
                ("local", "next"),
                ("huggingface", "answered"),
            ]
            each = [one async for one in gateway.embed_iter(iter(TEXTS), "AllMiniLmL6V2")]
            np.testing.assert_allclose(np.stack([one.vector for one in each]), vectors_of(TEXTS), atol=1e-6)
            plans = (await gateway.explain("AllMiniLmL6V2")).plans
            assert [(plan.provider, plan.only_if_unavailable) for plan in plans] == [
                ("local", False),
                ("huggingface", True),
                ("together", True),
            ]
            await upstream.use([fault("status_500")] * 9)
            with pytest.raises(AllAttemptsFailed) as caught:
                await gateway.embed("x", "AllMiniLmL6V2")
            assert caught.value.attempts[0].provider == "local"


async def test_states_of_tokens_are_pooled_as_the_model_does() -> None:
    states = [[[1.0, 0.0], [0.0, 1.0]], [[0.0, 2.0]]]
    async with scene("async", lambda _: respond(states)) as at:
        mean = await at.face.call("embed_batch", ["a", "b"], "huggingface:sentence-transformers/all-MiniLM-L6-v2")
        np.testing.assert_allclose(mean.vectors, [[0.5**0.5] * 2, [0, 1]], atol=1e-6)
        first = await at.face.call("embed_batch", ["a", "b"], "huggingface:BAAI/bge-m3")
        np.testing.assert_allclose(first.vectors, [[1, 0], [0, 1]], atol=1e-6)
        with pytest.raises(InvalidInput, match="how this model makes one vector"):
            await at.face.call("embed_batch", ["a", "b"], "huggingface:someone/bert")


async def test_a_query_has_the_prompt_of_its_model_where_the_host_adds_none() -> None:
    async with scene("async") as at:
        await at.face.call("embed", "who?", "together:BAAI/bge-base-en-v1.5", input_type="query")
        assert at.upstream.last.json["input"] == ["Represent this sentence for searching relevant passages: who?"]
        await at.face.call("embed", "who?", "voyage:voyage-4", prompt="Title: ", input_type="query")
        assert at.upstream.last.json["input"] == ["Title: who?"]
        assert "input_type" not in at.upstream.last.json
        found = await at.face.call("embed", "who?", "openai:text-embedding-3-small", input_type="query")
        assert [notice.code for notice in found.warnings] == ["input_type_ignored"]


async def test_a_model_that_is_told_the_task_by_prompts_gets_them_in_place_of_the_apis_words() -> None:
    async with scene("async") as at:
        for kind, text in (("query", "task: search result | query: x"), ("document", "title: none | text: x")):
            await at.face.call("embed", "x", "google:gemini-embedding-2", input_type=kind)
            (sent,) = at.upstream.last.json["requests"]
            assert sent["content"]["parts"] == [{"text": text}]
            assert "taskType" not in sent


async def test_what_a_provider_does_with_long_texts_is_said() -> None:
    async with scene("async") as at:
        found = await at.face.call("embed", "x", "google:gemini-embedding-001", truncate=False)
        assert [notice.code for notice in found.warnings] == ["truncate_ignored"]
        found = await at.face.call("embed", "word " * 3_000, "google:gemini-embedding-001")
        assert [notice.code for notice in found.warnings] == ["may_be_truncated"]
        await at.face.call("embed", "x", "cohere:embed-v4.0", truncate=False)
        assert at.upstream.last.json["truncate"] == "NONE"


async def test_an_embedding_model_does_not_chat() -> None:
    async with scene("async") as at:
        with pytest.raises(InvalidInput, match="embedding model"):
            await at.face.call("chat", "x", "openai:text-embedding-3-small")


async def test_a_name_without_prefix_goes_to_its_vendor() -> None:
    async with scene("async") as at:
        for model, provider in (
            ("text-embedding-3-small", "openai"),
            ("gemini-embedding-001", "google"),
            ("voyage-4", "voyage"),
            ("embed-v4.0", "cohere"),
            ("mistral-embed", "mistral"),
        ):
            assert (await at.face.call("embed", "x", model)).provider == provider


async def test_a_provider_without_embeddings_or_key_is_named() -> None:
    async with scene("async") as at:
        for model in ("anthropic:claude-embed", "groq:x"):
            with pytest.raises(NoProvider) as caught:
                await at.face.call("embed", "x", model)
            assert "has no embeddings" in caught.value.message
        await at.upstream.use([fault("bad_key")] * 3)
        with pytest.raises(AuthenticationFailed):
            await at.face.call("embed", "x", "openai:text-embedding-3-small")


async def test_what_would_be_sent_is_explained() -> None:
    async with scene("async") as at:
        (plan,) = (await at.face.call("explain", "openai:text-embedding-3-small")).plans[:1]
        assert plan.url is not None
        assert plan.url.endswith("/v1/embeddings")
        assert plan.sent == {"encoding_format": "base64"}
        assert (await at.face.call("model_status", "voyage:voyage-4")).status == "available"
        listed = await at.face.call("list_models", provider="jina")
        assert {one.name for one in listed} == {"jina-embeddings-v3", "jina-embeddings-v4"}
