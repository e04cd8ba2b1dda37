"""Analysis, tokens and the catalogue for clients and daemons that know only the listed fields, as messages by hand."""

from __future__ import annotations

import struct
from typing import Any, cast

import grpc
import grpc.aio
import pytest
from tests.unit.service.serving import client_of, field, fields, read
from tests.unit.service.test_compatibility import ask, client_of_listed

from ratatoskr import InvalidInput, MalformedResponse, ModelNotAvailable, ModelNotFound, NoProvider, Ratatoskr, Usage
from ratatoskr.errors import PresetNotFound
from ratatoskr.testing import ScriptedGateway, ScriptedUpstream
from ratatoskr.types.metadata import Mutable, Opaque, ReadOnly, Unsupported
from ratatoskr.version import VERSION

TEXT = "née 🐿️"
SCRIPT = {
    ("p", "h"): "contradiction",
    "text": {"a": 0.25, "b": 0.75},
    ("text", "road"): {"favor": 0.75, "neutral": 0.25},
}


def double(number: int, value: float) -> bytes:
    return bytes([number << 3 | 1]) + struct.pack("<d", value)


async def analyse(method: str, message: bytes) -> dict[int, list[Any]]:
    async with ScriptedGateway(analysis=SCRIPT) as gateway:
        return await ask(gateway.backend, method, message)


# clients that know only the listed fields


async def test_inference() -> None:
    told = await analyse("InferNli", fields((1, "p"), (2, "h"), (3, "m")))
    assert (told.get(1, [0.0]), told[2], told[4]) == ([0.0], [1.0], [2])
    pairs = [(1, fields((1, "p"), (2, "h"))), (1, fields((1, "x"), (2, "y")))]
    many = await analyse("InferNliBatch", fields(*pairs, (2, "m")))
    assert read(many[1][0])[4] == [2]
    assert len(many[1]) == 2
    assert await analyse("InferNliBatch", fields((2, "m"))) is not None


async def test_classification_and_stance() -> None:
    told = await analyse("ClassifyZeroShot", fields((1, "text"), (2, "a"), (2, "b"), (3, "m")))
    scores = {read(one)[1][0]: read(one)[2][0] for one in told[1]}
    assert scores == {b"a": 0.25, b"b": 0.75}
    assert (told[2], told[3]) == ([b"b"], [0.75])
    told = await analyse("ClassifyStance", fields((1, "text"), (2, "road"), (3, "m")))
    assert (told[1], told[3], told[4], told[5]) == ([0.75], [0.25], [1], [b"road"])
    assert told.get(2, [0.0]) == [0.0]


async def test_tokens() -> None:
    async with ScriptedGateway() as gateway:
        count = await ask(gateway.backend, "CountTokens", fields((1, "hello world"), (2, "gpt-4o")))
        assert count[1] == [2]
        told = await ask(gateway.backend, "Tokenize", fields((1, TEXT), (2, "gpt-4o")))
        expected = await gateway.tokenize(TEXT, "gpt-4o")
    tokens = [read(one) for one in told[1]]
    assert [one[1][0] for one in tokens] == expected.ids.tolist()
    assert [(one.get(3, [0])[0], one[4][0]) for one in tokens] == [tuple(pair) for pair in expected.offsets.tolist()]
    assert [one[2][0].decode() for one in tokens] == [one.text for one in expected]
    assert 50 not in told


async def test_metadata() -> None:
    async with Ratatoskr.builder().openai("k").build() as gateway:
        told = await ask(gateway.backend, "GetModelMetadata", fields((1, "anthropic:claude-opus-5-5")))
        assert told[1] == [1]
        metadata = read(told[2][0])
        info, price = read(metadata[1][0]), read(metadata[3][0])
        assert (info[1], info[2], info[4]) == ([b"anthropic:claude-opus-5-5"], [b"anthropic"], [1_000_000])
        assert (price[1], price[2], metadata[4]) == ([4.0], [20.0], [128_000])
        parameters = {read(one)[1][0].decode(): read(read(one)[2][0]) for one in metadata[2]}
        assert read(parameters["max_tokens"][1][0])[2] == [128_000.0]
        assert parameters["temperature"][2] == [b"1"]
        assert parameters["raw_provider_options"] == {3: [1]}
        assert parameters["seed"] == {4: [1]}
        unknown = await ask(gateway.backend, "GetModelMetadata", fields((1, "openai:no-such-model")))
        assert unknown.get(1, [0]) == [0]
    async with ScriptedUpstream() as upstream:
        builder = Ratatoskr.builder().openai("k", base_url=upstream.base_url("openai"))
        async with builder.build() as gateway:
            listed = (await gateway.list_models())[0]
            missing = await ask(gateway.backend, "FetchModelMetadata", fields((1, "openai:no-such-model")))
            assert missing.get(1, [0]) == [0]
            fetched = await ask(gateway.backend, "FetchModelMetadata", fields((1, listed.id)))
    assert fetched[1] == [1]
    assert read(read(fetched[2][0])[1][0])[1] == [listed.id.encode()]


async def test_presets() -> None:
    async with Ratatoskr.builder().openai("k").build() as gateway:
        told = await ask(gateway.backend, "ListPresets", b"")
        tiers = {read(one)[1][0]: read(one)[2] for one in told[1]}
        assert {b"free", b"budget", b"mid", b"premium"} <= tiers.keys()
        assert {b"coding", b"embedding"} <= set(tiers[b"mid"])
        resolved = await ask(gateway.backend, "ResolvePreset", fields((1, "mid"), (2, "coding")))
        expected = await gateway.resolve_preset("mid/coding")
        assert (resolved[1], resolved[2]) == ([1], [expected.model.encode()])
        missing = await ask(gateway.backend, "ResolvePreset", fields((1, "mid"), (2, "nothing")))
        assert missing.get(1, [0]) == [0]
        with pytest.raises(grpc.aio.AioRpcError, match="not the name of a preset") as caught:
            await ask(gateway.backend, "ResolvePreset", fields((1, "mid")))
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


WRONG: dict[str, tuple[str, bytes, str]] = {
    "a pair without a model": ("InferNli", fields((1, "p"), (2, "h")), "model"),
    "pairs with an empty model": ("InferNliBatch", fields((1, fields((1, "p"))), (2, " ")), "model"),
    "no labels": ("ClassifyZeroShot", fields((1, "a"), (3, "m")), "label"),
    "a label twice": ("ClassifyZeroShot", fields((1, "a"), (2, "x"), (2, "x"), (3, "m")), "labels"),
    "an empty label": ("ClassifyZeroShot", fields((1, "a"), (2, ""), (3, "m")), "label"),
    "a template without a place": ("ClassifyZeroShot", fields((1, "a"), (2, "x"), (3, "m"), (51, "none")), "template"),
    "no target": ("ClassifyStance", fields((1, "a"), (3, "m")), "target"),
    "templates that are the same": ("ClassifyStance", fields((1, "a"), (2, "t"), (3, "m"), (50, b"")), "templates"),
    "no model to classify by": ("ClassifyBatch", fields((1, "a")), "model"),
    "no model to rank by": ("Rerank", fields((1, "q"), (2, "d")), "model"),
    "the best none": ("Rerank", fields((1, "q"), (2, "d"), (3, "m"), (4, 0)), "top_n"),
    "a number that is none": (
        "Rerank",
        fields((1, "q"), (3, "m"), (99, field(1, fields((1, "top_n"), (2, "many"))))),
        "top_n",
    ),
    "no model to count by": ("CountTokens", fields((1, "a")), "model"),
    "another way to count": ("CountTokens", fields((1, "a"), (2, "m"), (51, "guess")), "method"),
    "a text and a conversation": ("CountTokens", fields((1, "a"), (2, "m"), (50, b"")), "text"),
    "a conversation without messages": ("CountTokens", fields((2, "m"), (50, b"")), "messages"),
    "a conversation for another model": (
        "CountTokens",
        fields((2, "m"), (50, fields((1, fields((1, 2), (2, "Hi"))), (3, fields((1, "other")))))),
        "model",
    ),
    "no model to tokenise by": ("Tokenize", fields((1, "a")), "model"),
    "no model to tokenise many by": ("TokenizeBatch", fields((1, "a")), "model"),
    "no model to describe": ("GetModelMetadata", b"", "model"),
    "no model to fetch": ("FetchModelMetadata", fields((1, " ")), "model"),
    "no cost of nothing": ("GetCost", b"", "model"),
}


@pytest.mark.parametrize("name", WRONG)
async def test_what_cannot_be_understood_names_its_field(name: str) -> None:
    method, message, about = WRONG[name]
    async with ScriptedGateway() as gateway:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await ask(gateway.backend, method, message)
        assert gateway.analysis_requests == []
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert about in (caught.value.details() or "")


# a daemon that knows only the listed fields

JUDGED = fields((1, 0.25), (2, 0.5), (3, 0.25), (4, 2))


async def test_our_client_asks_it_for_judgements() -> None:
    async with client_of_listed(InferNli=JUDGED, InferNliBatch=fields((1, JUDGED), (1, JUDGED))) as (client, asked):
        one = await client.infer_nli("p", "h", "m")
        assert (one.label, one.entailment, one.contradiction, one.neutral) == ("contradiction", 0.25, 0.5, 0.25)
        many = await client.infer_nli_batch([("p", "h"), ("q", "i")], "m")
        assert [result.label for result in many] == ["contradiction"] * 2
        assert asked[0] == {1: [b"p"], 2: [b"h"], 3: [b"m"], **{n: v for n, v in asked[0].items() if n >= 50}}
        assert [read(pair) for pair in asked[1][1]] == [{1: [b"p"], 2: [b"h"]}, {1: [b"q"], 2: [b"i"]}]
        with pytest.raises(MalformedResponse, match="2 results for 3 pairs"):
            await client.infer_nli_batch([("p", "h")] * 3, "m")


async def test_our_client_asks_it_for_labels_and_stances() -> None:
    scores = [(1, fields((1, "a"), (2, 0.25))), (1, fields((1, "b"), (2, 0.75)))]
    stance = fields((1, 0.75), (2, 0.0), (3, 0.25), (4, 1), (5, "road"))
    answers = {"ClassifyZeroShot": fields(*scores, (2, "b"), (3, 0.75)), "ClassifyStance": stance}
    async with client_of_listed(**answers) as (client, asked):
        labels = await client.classify_zero_shot("text", ["a", "b"], "m")
        assert (list(labels.scores.items()), labels.top_label) == ([("b", 0.75), ("a", 0.25)], "b")
        assert (asked[0][1], asked[0][2], asked[0][3]) == ([b"text"], [b"a", b"b"], [b"m"])
        found = await client.classify_stance("text", "road", "m")
        assert (found.label, found.favor, found.neutral, found.target) == ("favor", 0.75, 0.25, "road")
        assert (asked[1][1], asked[1][2], asked[1][3]) == ([b"text"], [b"road"], [b"m"])
        many = await client.classify_stance_batch(["a", "b"], "road", "m")
        assert [result.label for result in many] == ["favor", "favor"]
        assert sorted(one[1][0] for one in asked[2:]) == [b"a", b"b"]


async def test_what_it_answers_for_one_text_is_asked_for_each_of_several() -> None:
    scores = [(1, fields((1, "a"), (2, 0.25))), (1, fields((1, "b"), (2, 0.75)))]
    answers = {
        "InferNli": JUDGED,
        "ClassifyZeroShot": fields(*scores, (2, "b"), (3, 0.75)),
        "ClassifyStance": fields((1, 0.75), (2, 0.0), (3, 0.25), (4, 1), (5, "road")),
        "Tokenize": field(1, fields((1, 5), (2, "x"), (3, 0), (4, 1))),
    }
    texts = [f"x{index}" for index in range(9)]
    async with client_of_listed(**answers) as (client, asked):
        labels = await client.classify_zero_shot_batch(texts, ["a", "b"], "m")
        assert [one.top_label for one in labels] == ["b"] * 9
        assert sorted(one[1][0].decode() for one in asked) == texts
        judged = await client.infer_nli_batch([(text, "h") for text in texts], "m")
        assert [one.label for one in judged] == ["contradiction"] * 9
        stances = await client.classify_stance_batch(texts, "road", "m")
        assert [one.label for one in stances] == ["favor"] * 9
        tokens = await client.tokenize_batch(texts, "m")
        assert [[token.text for token in one] for one in tokens] == [["x"]] * 9
        assert len(asked) == 4 * 9


async def test_an_error_of_one_text_is_that_of_several() -> None:
    refused = (grpc.StatusCode.UNAVAILABLE, "the model is not loaded")
    async with client_of_listed(ClassifyStance=refused) as (client, asked):
        with pytest.raises(ModelNotAvailable, match="not loaded"):
            await client.classify_stance_batch(["a", "b"], "road", "m")
    assert 1 <= len(asked) <= 2


async def test_what_it_does_not_have_names_the_method_and_its_version() -> None:
    async with client_of_listed(Health=fields((1, True), (2, "0.0.9"))) as (client, _):
        for name, call in {
            "Rerank": client.rerank("q", ["d"], "m"),
            "ClassifyBatch": client.classify(["a"][0], "m"),
            "GetCost": client.cost(Usage(1, 1), "m"),
            "Explain": client.explain("m"),
            "RefreshModels": client.refresh_models(),
            "Preload": client.preload("m"),
            "ClassifyStance:": client.classify_stance_batch(["a", "b"], "road", "m"),
        }.items():
            with pytest.raises(NoProvider, match=f"does not serve {name}") as caught:
                await call
            assert "its version is 0.0.9" in caught.value.message
            assert f"this client's {VERSION}" in caught.value.message
    async with client_of_listed() as (client, _):
        with pytest.raises(NoProvider, match=r"does not serve Health: .* did not tell its version"):
            await client.health()


async def test_what_our_own_daemon_lacks_is_not_called_its_age() -> None:
    async with ScriptedGateway() as gateway:
        answer = cast("Any", gateway.backend)

        class Less:
            lifecycle = None
            loop_bound = True
            inspect = answer.inspect

        async with client_of(Less()) as client:
            with pytest.raises(NoProvider, match="does not serve Rerank: Rerank is not served here"):
                await client.rerank("q", ["d"], "m")


async def test_our_client_asks_it_for_tokens() -> None:
    tokens = [(1, fields((1, 5), (2, "née"), (3, 0), (4, 3))), (1, fields((1, 7), (2, " 🐿️"), (3, 3), (4, 6)))]
    async with client_of_listed(CountTokens=fields((1, 2)), Tokenize=fields(*tokens)) as (client, asked):
        count = await client.count_tokens(TEXT, "m")
        assert (count.tokens, count.kind) == (2, "provider")
        assert (asked[0][1], asked[0][2]) == ([TEXT.encode()], [b"m"])
        found = await client.tokenize(TEXT, "m")
        assert [(one.id, one.text, one.piece) for one in found] == [(5, "née", "née"), (7, " 🐿️", " 🐿️")]
        assert found.byte_offsets.tolist() == [[0, 4], [4, 12]]
        with pytest.raises(MalformedResponse, match="ends at 6 in a text of 1"):
            await client.tokenize("x", "m")


async def test_our_client_asks_it_about_models_and_presets() -> None:
    info = fields((1, "p:m"), (2, "p"), (4, 8192))
    ranged = fields((1, "temperature"), (2, field(1, double(2, 2.0) + double(3, 1.0))))
    fixed = fields((1, "top_p"), (2, fields((2, "1"))))
    passed, refused = fields((1, "user"), (2, fields((3, True)))), fields((1, "seed"), (2, fields((4, True))))
    metadata = fields((1, info), (2, ranged), (2, fixed), (2, passed), (2, refused), (3, double(1, 2.5)), (4, 100))
    answers = {
        "GetModelMetadata": fields((1, True), (2, metadata)),
        "FetchModelMetadata": fields((1, False)),
        "ListPresets": fields((1, fields((1, "mid"), (2, "coding"), (2, "text")))),
        "ResolvePreset": fields((1, True), (2, "p:m"), (3, fields((1, 0.5), (4, 100)))),
    }
    async with client_of_listed(**answers) as (client, asked):
        found = await client.model_metadata("p:m")
        assert (found.info.name, found.max_input_tokens, found.max_output_tokens) == ("m", 8192, 100)
        assert found.price == {"input": "2.500000"}
        assert found.parameters == {
            "temperature": Mutable(None, 2.0, 1.0),
            "top_p": ReadOnly(1),
            "user": Opaque(),
            "seed": Unsupported("the daemon says so"),
        }
        with pytest.raises(ModelNotFound):
            await client.fetch_model_metadata("p:m")
        assert [preset.name for preset in await client.list_presets()] == ["ratatoskr:mid/coding", "ratatoskr:mid/text"]
        preset = await client.resolve_preset("ratatoskr:mid/coding")
        assert (preset.name, preset.model, preset.provider) == ("ratatoskr:mid/coding", "p:m", "p")
        assert preset.parameters == {"temperature": 0.5, "max_tokens": 100}
        assert asked[-1] == {1: [b"mid"], 2: [b"coding"]}
        with pytest.raises(NoProvider, match="does not serve"):
            await client.refresh_models()
    async with client_of_listed(ResolvePreset=fields((1, False))) as (client, _):
        with pytest.raises(PresetNotFound):
            await client.resolve_preset("mid/coding")


BAD_ARRAYS = {
    "ids": field(2, b"\1\2\3"),
    "offsets": field(2, bytes(4)),
    "ends": field(2, bytes(4)) + field(3, bytes(8)) + field(4, bytes(8)) + field(5, bytes([9])),
    "pieces": fields((2, bytes(4)), (3, bytes(8)), (4, bytes(8)), (5, bytes([1])), (6, bytes(4))),
}


@pytest.mark.parametrize("wrong", BAD_ARRAYS)
async def test_tokens_that_do_not_fit_are_malformed(wrong: str) -> None:
    async with client_of_listed(Tokenize=field(50, BAD_ARRAYS[wrong])) as (client, _):
        with pytest.raises(MalformedResponse, match=wrong):
            await client.tokenize("x", "m")


async def test_documents_that_were_not_sent_are_malformed() -> None:
    async with client_of_listed(Rerank=field(1, fields((1, 7)))) as (client, _):
        with pytest.raises(MalformedResponse, match="other than the 1"):
            await client.rerank("q", ["d"], "m")
        with pytest.raises(InvalidInput):
            await client.rerank("q", "d", "m")
