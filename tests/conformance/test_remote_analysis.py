"""Text analysis of providers: reranking, zero-shot, models' own labels, inference, decisions, and stance over them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from conformance.faces import scene
from ratatoskr import ContentFiltered, InvalidInput, MalformedResponse, NoProvider, RateLimited
from ratatoskr.providers.specs.rerank import RERANK, RerankSpec
from ratatoskr.testing import Received, Reply, fault

DOCUMENTS = ["ships carry grain", "a squirrel carries words", "nothing of the kind"]
MNLI = "huggingface:facebook/bart-large-mnli"


def respond(value: Any, status: int = 200) -> Reply:
    return Reply(status, {"content-type": "application/json"}, [json.dumps(value).encode()])


# reranking


@pytest.mark.parametrize("face", ["async", "sync"])
@pytest.mark.parametrize("spec", RERANK.values(), ids=RERANK)
async def test_each_provider_reranks_in_the_words_of_its_api(spec: RerankSpec, face: str) -> None:
    async with scene(face) as at:
        found = await at.face.call("rerank", "who carries words", DOCUMENTS, f"{spec.provider}:some-reranker", top_n=2)
        assert [one.index for one in found.documents] == [1, 0]
        assert found.documents[0].score > found.documents[1].score
        assert found.provider == spec.provider
        sent = at.upstream.last
        assert sent.path.endswith(spec.path)
        expected = {"query": "who carries words", spec.documents: DOCUMENTS, **spec.members, **(spec.cuts or {})}
        expected |= {spec.top: 2} if spec.top else {}
        expected |= {"model": "some-reranker"} if spec.documents == "documents" else {}
        assert sent.json == expected
        assert len(await at.face.call("rerank", "x", [], f"{spec.provider}:some-reranker")) == 0
        assert at.upstream.count == 1


async def test_a_host_of_ones_own_reranks_and_names_are_known_by_their_vendors() -> None:
    async with scene("async") as at:
        assert (await at.face.call("rerank", "x", DOCUMENTS, "house:any")).provider == "house"
        for model, provider in (("rerank-v3.5", "cohere"), ("rerank-2.5", "voyage"), ("jina-reranker-v2", "jina")):
            assert (await at.face.call("rerank", "x", DOCUMENTS, model)).provider == provider
        with pytest.raises(NoProvider, match="put a provider before the name"):
            await at.face.call("rerank", "x", DOCUMENTS, "some-model")


BAD_RANKINGS: dict[str, tuple[Any, str]] = {
    "an index of no document": ([{"index": 3, "relevance_score": 1}], "index 3"),
    "an index below 0": ([{"index": -1, "relevance_score": 1}], "index -1"),
    "an index twice": ([{"index": 0, "relevance_score": 1}] * 2, "index 0"),
    "no score": ([{"index": 0}], "score of document 0"),
    "too few": ([{"index": 0, "relevance_score": 1}], "3 documents were asked for, and 1 came"),
}


@pytest.mark.parametrize("kind", BAD_RANKINGS)
async def test_a_ranking_that_is_none_is_an_error(kind: str) -> None:
    rows, message = BAD_RANKINGS[kind]
    async with scene("async", lambda _: respond({"results": rows}), retries=0) as at:
        with pytest.raises(MalformedResponse, match=message) as caught:
            await at.face.call("rerank", "x", DOCUMENTS, "cohere:rerank-v3.5")
        assert (caught.value.provider, caught.value.model) == ("cohere", "rerank-v3.5")


async def test_scores_in_any_order_are_ranked_and_too_many_documents_are_refused() -> None:
    rows = [{"index": index, "score": score} for index, score in ((0, -2.5), (2, 7.0), (1, 0.5))]
    async with scene("async", lambda _: respond(rows)) as at:
        found = await at.face.call("rerank", "x", DOCUMENTS, "tei:any", truncate=False)
        assert [*found] == [(2, 7.0), (1, 0.5), (0, -2.5)]
        assert at.upstream.last.json["truncate"] is False
        with pytest.raises(InvalidInput, match="1,001 documents are too many"):
            await at.face.call("rerank", "x", ["x"] * 1001, "cohere:rerank-v3.5")


# Hugging Face's tasks


@pytest.mark.parametrize("face", ["async", "sync"])
async def test_labels_of_the_callers_are_scored(face: str) -> None:
    texts = ["I want a refund", "what a lovely tree"]
    async with scene(face) as at:
        found = await at.face.call("classify_zero_shot_batch", texts, ["tree", "refund"], MNLI)
        assert [one.top_label for one in found] == ["refund", "tree"]
        assert [sum(one.scores.values()) for one in found] == pytest.approx([1, 1])
        assert {one.method for one in found} == {"zero_shot"}
        assert found[0].hypothesis_template == "This example is {}."
        assert at.upstream.last.path.endswith("/hf-inference/models/facebook/bart-large-mnli")
        assert at.upstream.last.json == {
            "inputs": texts,
            "parameters": {
                "candidate_labels": ["tree", "refund"],
                "hypothesis_template": "This example is {}.",
                "multi_label": False,
            },
        }
        one = await at.face.call("classify_zero_shot", texts[0], ["refund"], MNLI, multi_label=True)
        assert 0 < one.scores["refund"] <= 1


@pytest.mark.parametrize(
    "value",
    [
        {"sequence": "x", "labels": ["b", "a"], "scores": [0.75, 0.25]},
        [{"sequence": "x", "labels": ["b", "a"], "scores": [0.75, 0.25]}],
        [{"label": "b", "score": 0.75}, {"label": "a", "score": 0.25}],
        [[{"label": "b", "score": 0.75}, {"label": "a", "score": 0.25}]],
    ],
)
async def test_each_arrangement_of_labels_and_scores_is_read(value: Any) -> None:
    async with scene("async", lambda _: respond(value)) as at:
        found = await at.face.call("classify_zero_shot", "x", ["a", "b"], MNLI)
        assert dict(found.scores) == {"b": 0.75, "a": 0.25}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "1 texts got 0 answers"),
        ([[], []], "1 texts got 2 answers"),
        ([{"labels": ["a"], "scores": [1.0]}], "not the labels"),
        ([{"labels": ["a", "b"], "scores": [1.0, None]}], "not a finite number"),
        ([{"labels": ["a", "b"], "scores": [1.0, True]}], "not a finite number"),
        ([[{"label": "a", "score": "x"}, {"label": "b", "score": 1}]], "not a finite number"),
        (["a"], "no labels with scores"),
        ("a", "1 texts got 0 answers"),
    ],
)
async def test_scores_that_are_none_are_an_error(value: Any, message: str) -> None:
    async with scene("async", lambda _: respond(value), retries=0) as at:
        with pytest.raises(MalformedResponse, match=message):
            await at.face.call("classify_zero_shot", "x", ["a", "b"], MNLI)


async def test_labels_of_a_models_own_are_scored() -> None:
    async with scene("async") as at:
        found = await at.face.call("classify_batch", ["positive!", "negative"], "huggingface:some/sentiment")
        assert [one.top_label for one in found] == ["POSITIVE", "NEGATIVE"]
        assert (found[0].method, found[0].provider) == ("text_classification", "huggingface")
        assert at.upstream.last.json == {"inputs": ["positive!", "negative"]}
        await at.face.call("classify", "x", "huggingface:some/sentiment", multi_label=True)
        assert at.upstream.last.json == {"inputs": "x", "parameters": {"function_to_apply": "sigmoid"}}


LABELS = [
    {"label": "Entailment", "score": 0.7},
    {"label": "neutral", "score": 0.2},
    {"label": "contradiction", "score": 0.1},
]


async def test_pairs_are_judged_as_pairs_where_the_model_takes_them() -> None:
    async with scene("async", lambda _: respond([LABELS])) as at:
        one = await at.face.call("infer_nli", "a", "b", "huggingface:cross-encoder/nli-deberta-v3-base")
        assert (one.label, one.entailment, one.neutral, one.contradiction) == ("entailment", 0.7, 0.2, 0.1)
        assert one.method == "sentence_pair"
        assert at.upstream.last.json == {"inputs": {"text": "a", "text_pair": "b"}}


async def test_other_pairs_are_judged_by_one_label_and_the_answer_says_so() -> None:
    def answer(request: Received) -> Any:
        return fault("status_400") if "parameters" not in request.json else "default"

    hypothesis = "it {holds}, 100 %, {} and a, b"
    async with scene("async", [answer] * 9) as at:
        for _ in range(2):
            found = await at.face.call("infer_nli_batch", [("x", "y"), (f"{hypothesis} z", hypothesis)], MNLI)
        assert [one.method for one in found] == ["zero_shot", "zero_shot"]
        assert [one.neutral for one in found] == [None, None]
        assert [one.label for one in found] == ["contradiction", "entailment"]
        assert all(one.entailment + one.contradiction == pytest.approx(1) for one in found)
        assert "no_neutral" in [notice.code for notice in found.warnings]
        sent = [request.json for request in at.upstream.requests]
        assert sum("parameters" not in body for body in sent) == 1, "that it takes no pairs is remembered"
        body = next(one for one in sent if one["inputs"] == f"{hypothesis} z")
        parameters = {"candidate_labels": [hypothesis], "hypothesis_template": "{}", "multi_label": True}
        assert body["parameters"] == parameters


async def test_labels_that_do_not_say_what_is_entailed_are_an_error() -> None:
    labels = [{"label": f"LABEL_{number}", "score": 0.3} for number in range(3)]
    async with scene("async", lambda _: respond([labels])) as at:
        with pytest.raises(MalformedResponse, match="do not say what is entailed"):
            await at.face.call("infer_nli", "a", "b", "huggingface:some/nli")


async def test_many_texts_go_in_parts_and_a_failure_is_typed() -> None:
    texts = [f"a refund {number}" for number in range(40)]
    async with scene("async") as at:
        found = await at.face.call("classify_zero_shot_batch", texts, ["refund", "tree"], MNLI)
        assert [one.top_label for one in found] == ["refund"] * 40
        assert sorted(len(request.json["inputs"]) for request in at.upstream.requests) == [8, 16, 16]
    async with scene("async", [fault("rate_limited")] * 9, retries=0) as at:
        with pytest.raises(RateLimited):
            await at.face.call("classify_zero_shot_batch", texts, ["refund", "tree"], MNLI)


# decisions

DECIDERS = {
    "openai": ("openai:gpt-6-luna", "/v1/decisions"),
    "google": ("google:gemini-decide", "/v1beta/decisions"),
    "openrouter": ("openrouter:perplexity/pplx-decider", "/api/alpha/decisions"),
}


@pytest.mark.parametrize("face", ["async", "sync"])
@pytest.mark.parametrize("provider", DECIDERS)
async def test_hosted_decisions_classify_and_are_marked(provider: str, face: str) -> None:
    model, path = DECIDERS[provider]
    async with scene(face) as at:
        found = await at.face.call("classify_zero_shot_batch", ["I want a refund", "a tree"], ["refund", "tree"], model)
        assert [one.top_label for one in found] == ["refund", "tree"]
        assert {one.method for one in found} == {"decisions"}
        assert [sum(one.scores.values()) for one in found] == pytest.approx([1, 1])
        assert at.upstream.last.path == path
        many = await at.face.call("classify_zero_shot", "a tree", ["refund", "tree"], model, multi_label=True)
        assert many.multi_label
        assert many.scores["tree"] > many.scores["refund"]
        questions = at.upstream.last.json["questions"]
        assert len(questions) == 2
        assert found.usage.input_tokens


async def test_questions_have_the_hypotheses_of_the_labels() -> None:
    async with scene("async") as at:
        await at.face.call(
            "classify_zero_shot", "x", ["a", "b"], "openai:gpt-6-luna", hypothesis_template="It is about {}."
        )
        (question,) = at.upstream.last.json["questions"]
        assert question["choices"] == [
            {"value": "a", "description": "It is about a."},
            {"value": "b", "description": "It is about b."},
        ]
        await at.face.call("classify_zero_shot", "x", ["a"], "openrouter:perplexity/pplx-decider")
        assert at.upstream.last.json["questions"] == {"label_0": {"type": "noul", "instructions": "This example is a."}}
        assert at.upstream.last.json["state"] == "x"
        with pytest.raises(InvalidInput, match="256 labels are too many"):
            await at.face.call("classify_zero_shot", "x", [str(n) for n in range(256)], "openai:gpt-6-luna")


@pytest.mark.parametrize(
    ("answers", "error", "message"),
    [
        ([{"type": "refusal", "refusal": "No."}], ContentFiltered, "No."),
        ([], MalformedResponse, "1 questions got 0 answers"),
        ([{"type": "choice", "choice": "a"}], MalformedResponse, "not a probability for each label"),
        ([{"probabilities": [{"value": "a", "probability": 1}]}], MalformedResponse, "not a probability for each"),
        (
            [{"probabilities": [{"value": "a", "probability": 0.2}, {"value": "b", "probability": 0.2}]}],
            MalformedResponse,
            "sum to 0.4",
        ),
        (
            [{"probabilities": [{"value": "a", "probability": 2}, {"value": "b", "probability": -1}]}],
            MalformedResponse,
            "not between 0 and 1",
        ),
    ],
)
async def test_decisions_that_are_none_are_an_error(answers: Any, error: type[Exception], message: str) -> None:
    async with scene("async", lambda _: respond({"answers": answers}), retries=0) as at:
        with pytest.raises(error, match=message):
            await at.face.call("classify_zero_shot", "x", ["a", "b"], "openai:gpt-6-luna")


# stance, and what is said about them


@pytest.mark.parametrize(("model", "method"), [(MNLI, "zero_shot"), ("openai:gpt-6-luna", "decisions")])
async def test_stance_is_judged_by_hypotheses(model: str, method: str) -> None:
    async with scene("async") as at:
        found = await at.face.call("classify_stance", "I am for it", "the road", model)
        assert (found.method, found.favor + found.against + found.neutral) == (method, pytest.approx(1))
        assert found.templates is not None


async def test_a_chat_model_is_asked_for_a_stance_in_words() -> None:
    async with scene("async", ['{"favor": 0.5, "against": 0.25, "neutral": 0.25}']) as at:
        found = await at.face.call("classify_stance", "I am for it", "the road", "huggingface:Qwen/Qwen3-4B")
        assert found.method == "llm"
        assert at.upstream.last.path.endswith("/chat/completions")


async def test_explain_status_and_capabilities_know_them() -> None:
    async with scene("async") as at:
        assert {"embed", "nli", "zero_shot", "classify", "rerank", "stance"} <= await at.face.call("capabilities")
        plan = (await at.face.call("explain", MNLI)).plans[0]
        assert (plan.provider, plan.model) == ("huggingface", "facebook/bart-large-mnli")
        assert plan.url is not None
        assert plan.url.endswith("/hf-inference/models/facebook/bart-large-mnli")
        assert (await at.face.call("explain", "cohere:rerank-v3.5")).plans[0].url.endswith("/v2/rerank")
        assert (await at.face.call("model_status", "cohere:rerank-v3.5")).status == "available"
        assert at.upstream.count == 0
