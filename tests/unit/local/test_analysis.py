"""Inference, classification and reranking against the same computations with numpy, and what is refused before any.

The reference cuts, joins and pads nothing by the package's own code: it takes ids of single texts, and puts pairs
together as BERT does.
"""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

from ratatoskr import (
    ConfigurationError,
    ContextLengthExceeded,
    InvalidInput,
    MalformedResponse,
    ModelNotAvailable,
    RatatoskrError,
)
from ratatoskr.local import LocalClassifier, LocalEmbedder, LocalNli, LocalReranker, ModelPool, ModelStore
from unit.local.classifiers import IDS, LABELS, LIMIT, MASK, Classifier, sigmoid, softmax
from unit.local.stand_ins import make

WORDS = [
    "the",
    "state",
    "of",
    "world",
    "time",
    "embedding",
    "naïve",
    "Привет",
    "日本語",
    "🦊",
    "👩‍👩‍👧",
    "x",
    "",
    "don't",
    "\t",
]
NAMES = ("contradiction", "entailment", "neutral")
ROWS = {"whole": {}, "no segments": {"inputs": (IDS, MASK)}, "int32": {"integers": TensorProto.INT32}}
ROWS |= {"fixed width": {"shape": ("items", 160)}, "fixed batch": {"shape": (4, "width")}, "fixed": {"shape": (3, 160)}}


def _texts(count: int, seed: int) -> list[str]:
    chance = random.Random(seed)
    return [" ".join(chance.choices(WORDS, k=chance.choice((0, 1, 3, 8, 20, 150)))) for _ in range(count)]


def _pairs(count: int, seed: int = 7) -> list[tuple[str, str]]:
    short = [" ".join(text.split()[:6]) for text in _texts(count, seed + 1)]
    return [*zip(_texts(count, seed), short, strict=True)]


def _expected(model: Classifier, pairs: list[tuple[str, str]], segments: bool = True) -> np.ndarray[Any, Any]:
    rows = [model.pair(first, second, keep=True) for first, second in pairs]
    return np.array([model.logits(ids, kinds if segments else None) for ids, kinds in rows])


@pytest.mark.parametrize("graph", ROWS)
async def test_inference_equals_the_reference_on_a_thousand_pairs(
    models: ModelPool, tmp_path: Path, graph: str
) -> None:
    model = Classifier(1, 3)
    nli = LocalNli(model.write(tmp_path / "nli", **ROWS[graph]), pool=models)
    pairs = _pairs(1000)
    found = await nli.infer_nli_batch(pairs)
    expected = softmax(_expected(model, pairs, segments=graph != "no segments"))
    scores = np.array([[one.contradiction, one.entailment, one.neutral] for one in found])
    np.testing.assert_allclose(scores, expected, atol=1e-4)
    assert [one.label for one in found] == [NAMES[row.argmax()] for row in expected]
    cut = [len(model.ids(first)) + len(model.ids(second)) + 3 > LIMIT for first, second in pairs]
    assert [one.truncated for one in found] == cut
    assert 0 < sum(cut) < len(pairs)
    for index in range(0, 1000, 50):
        single = await nli.infer_nli(*pairs[index])
        assert single.label == found[index].label
        assert abs(single.entailment - found[index].entailment) < 1e-5


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
@pytest.mark.parametrize("spelling", [str, str.upper, str.title])
async def test_labels_are_in_the_order_of_config_json(
    models: ModelPool, tmp_path: Path, order: tuple[int, ...], spelling: Any
) -> None:
    model = Classifier(2, 3)
    labels = {str(place): spelling(NAMES[name]) for place, name in enumerate(order)}
    nli = LocalNli(model.write(tmp_path / "nli", config={"id2label": labels}), pool=models)
    result = await nli.infer_nli("the state of the world", "time")
    (row,) = softmax(_expected(model, [("the state of the world", "time")]))
    expected = {NAMES[name]: row[place] for place, name in enumerate(order)}
    for name in NAMES:
        assert getattr(result, name) == pytest.approx(expected[name], abs=1e-4)


@pytest.mark.parametrize("labels", [("entailment", "not_entailment"), ("not_entailment", "entailment")])
async def test_two_labels_have_no_neutral(models: ModelPool, tmp_path: Path, labels: tuple[str, str]) -> None:
    model = Classifier(3, 2)
    config = {"id2label": {"0": labels[0], "1": labels[1]}}
    result = await LocalNli(model.write(tmp_path / "nli", config=config), pool=models).infer_nli("the state", "time")
    (row,) = softmax(_expected(model, [("the state", "time")]))
    assert result.neutral is None
    assert result.entailment == pytest.approx(row[labels.index("entailment")], abs=1e-4)
    assert result.contradiction == pytest.approx(1 - result.entailment)


async def test_four_labels_keep_the_name_of_the_fourth(models: ModelPool, tmp_path: Path) -> None:
    model = Classifier(5, 4)
    config = {"id2label": {**LABELS, "3": "paraphrase"}}
    nli = LocalNli(model.write(tmp_path / "nli", config=config), pool=models)
    pairs = _pairs(60)
    found = await nli.infer_nli_batch(pairs)
    expected = softmax(_expected(model, pairs))
    assert [one.label for one in found] == [(*NAMES, "paraphrase")[row.argmax()] for row in expected]
    assert "paraphrase" in {one.label for one in found}


async def test_labels_without_meaning_need_a_map(models: ModelPool, tmp_path: Path) -> None:
    model = Classifier(5, 3)
    folder = model.write(tmp_path / "nli", config={"id2label": {str(n): f"LABEL_{n}" for n in range(3)}})
    with pytest.raises(ConfigurationError, match="do not say what they mean") as caught:
        await LocalNli(folder, pool=models).infer_nli("a", "b")
    assert caught.value.field == "labels"
    given = {"LABEL_0": "neutral", "LABEL_1": "contradiction", "LABEL_2": "entailment"}
    (row,) = softmax(_expected(model, [("a", "b")]))
    for labels in (given, [*given.values()]):
        result = await LocalNli(folder, labels=labels, pool=models).infer_nli("a", "b")
        assert result.entailment == pytest.approx(row[2], abs=1e-4)


@pytest.mark.parametrize("multi_label", [False, True])
async def test_zero_shot_equals_the_reference(models: ModelPool, tmp_path: Path, multi_label: bool) -> None:
    model = Classifier(6, 3)
    nli = LocalNli(model.write(tmp_path / "nli"), pool=models)
    texts, labels = _texts(40, 3), ["time", "world", "state of the world"]
    found = await nli.classify_zero_shot_batch(texts, labels, multi_label=multi_label, hypothesis_template="It is {}.")
    for text, one in zip(texts, found, strict=True):
        logits = _expected(model, [(text, f"It is {label}.") for label in labels])
        expected = softmax(logits[:, [0, 1]])[:, 1] if multi_label else softmax(logits[:, 1])
        assert [one.scores[label] for label in labels] == pytest.approx([*expected], abs=1e-4)
        assert [*one.scores.values()] == sorted(one.scores.values(), reverse=True)
        assert one.hypothesis_template == "It is {}."
    single = await nli.classify_zero_shot(texts[1], ["time"])
    assert single.multi_label
    logits = _expected(model, [(texts[1], "This example is time.")])
    assert single.scores["time"] == pytest.approx(softmax(logits[:, [0, 1]])[0, 1], abs=1e-4)


async def test_stance_is_the_softmax_of_three_hypotheses(models: ModelPool, tmp_path: Path) -> None:
    from ratatoskr import StanceTemplates

    model = Classifier(7, 3)
    nli = LocalNli(model.write(tmp_path / "nli", config={"id2label": LABELS}), pool=models)
    templates = StanceTemplates("for {target}", "against {target}", "{target} or not")
    result = await nli.classify_stance("the state of the world", "time {x}", templates=templates)
    hypotheses = ("for time {x}", "against time {x}", "time {x} or not")
    expected = softmax(_expected(model, [("the state of the world", one) for one in hypotheses])[:, 1])
    assert [result.favor, result.against, result.neutral] == pytest.approx([*expected], abs=1e-4)
    assert result.favor + result.against + result.neutral == pytest.approx(1)
    assert (result.templates, result.target) == (templates, "time {x}")


@pytest.mark.parametrize(("labels", "kind"), [(4, None), (4, "multi_label_classification"), (1, None)])
async def test_classification_equals_the_reference(
    models: ModelPool, tmp_path: Path, labels: int, kind: str | None
) -> None:
    model = Classifier(8, labels)
    config = {"id2label": {str(n): f"l{n}" for n in range(labels)}, "problem_type": kind}
    classifier = LocalClassifier(model.write(tmp_path / "classifier", config=config), pool=models)
    texts = _texts(200, 5)
    found = await classifier.classify_batch(texts)
    logits = np.array([model.logits(*model.text(text)) for text in texts])
    several = kind is not None or labels == 1
    expected = sigmoid(logits) if several else softmax(logits)
    scores = np.array([[one.scores[f"l{n}"] for n in range(labels)] for one in found])
    np.testing.assert_allclose(scores, expected, atol=1e-4)
    assert {one.multi_label for one in found} == {several}
    other = await classifier.classify(texts[3], multi_label=not several)
    assert other.scores["l0"] == pytest.approx((softmax if several else sigmoid)(logits)[3, 0], abs=1e-4)


async def test_reranking_equals_the_reference(models: ModelPool, tmp_path: Path) -> None:
    model = Classifier(9, 1)
    reranker = LocalReranker(model.write(tmp_path / "reranker", config={"id2label": {"0": "LABEL_0"}}), pool=models)
    documents, query = _texts(300, 11), "the time of the world " * 3
    ranking = await reranker.rerank(query, documents)
    logits = [model.logits(*model.pair(query, one, keep=False))[0] for one in documents]
    expected = sigmoid(np.array(logits))
    assert [*{index for index, _ in ranking}] == [*range(300)]
    for index, score in ranking:
        assert score == pytest.approx(expected[index], abs=1e-4)
    scores = [score for _, score in ranking]
    assert scores == sorted(scores, reverse=True)
    best = await reranker.rerank(query, documents, top_n=5)
    assert [*best] == [*ranking][:5]
    same = await reranker.rerank(query, ["x"] * 4)
    assert [index for index, _ in same] == [0, 1, 2, 3]


async def test_two_files_are_a_model(models: ModelPool, tmp_path: Path) -> None:
    model = Classifier(10, 3)
    folder = model.write(tmp_path / "nli")
    (tmp_path / "elsewhere").mkdir()
    graph = shutil.move(folder / "model.onnx", tmp_path / "elsewhere" / "graph.onnx")
    nli = LocalNli((graph, folder / "tokenizer.json"), pool=models)
    (row,) = softmax(_expected(model, [("the state", "time")]))
    assert (await nli.infer_nli("the state", "time")).entailment == pytest.approx(row[1], abs=1e-4)


async def test_nothing_is_an_answer_to_nothing(models: ModelPool, tmp_path: Path) -> None:
    nli = LocalNli(Classifier(11, 3).write(tmp_path / "nli"), pool=models)
    reranker = LocalReranker(Classifier(11, 1).write(tmp_path / "rr", config={"id2label": {"0": "x"}}), pool=models)
    assert len(await nli.infer_nli_batch([])) == 0
    assert len(await nli.classify_zero_shot_batch([], ["a", "b"])) == 0
    assert len(await nli.classify_stance_batch([], "a")) == 0
    assert len(await reranker.rerank("q", [])) == 0


# what is refused

LABEL_FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "no labels": ({"id2label": None}, "config.json has no id2label"),
    "too few": ({"id2label": {"0": "entailment", "1": "contradiction"}}, "there are 2 labels.*the graph has 3 logits"),
    "a hole": ({"id2label": {"0": "entailment", "1": "neutral", "3": "contradiction"}}, "id2label of config.json must"),
    "sentiments": ({"id2label": {"0": "bad", "1": "fair", "2": "good"}}, "no model for inference: of its labels bad"),
    "one twice": ({"id2label": {"0": "entailment", "1": "entailment", "2": "neutral"}}, "two labels are the same"),
}


@pytest.mark.parametrize("fault", LABEL_FAULTS)
async def test_an_unknown_order_of_labels_is_refused(models: ModelPool, tmp_path: Path, fault: str) -> None:
    config, message = LABEL_FAULTS[fault]
    nli = LocalNli(Classifier(12, 3).write(tmp_path / "nli", config=config), pool=models)
    with pytest.raises(ConfigurationError, match=message) as caught:
        await nli.infer_nli("a", "b")
    assert caught.value.model == nli.model


ARGUMENT_FAULTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "no placeholder": ({"hypothesis_template": "It is so."}, "hypothesis_template", "no placeholder"),
    "two placeholders": ({"hypothesis_template": "{} is {}"}, "hypothesis_template", "2 placeholders"),
    "a named one": ({"hypothesis_template": "It is {label}"}, "hypothesis_template", "of another form"),
    "a brace": ({"hypothesis_template": "{} is {"}, "hypothesis_template", "unbalanced braces"),
    "no labels": ({"labels": []}, "labels", "at least one label"),
    "an empty label": ({"labels": ["a", " "]}, "labels", "label 1 is empty"),
    "a label twice": ({"labels": ["a", "b", "a"]}, "labels", "labels 0 and 2 are both"),
    "a text for labels": ({"labels": "ab"}, "labels", "must be a sequence of str"),
    "ten thousand labels": ({"labels": [f"l{n}" for n in range(10_000)]}, "labels", "10,000 labels are too many"),
}


@pytest.mark.parametrize("fault", ARGUMENT_FAULTS)
async def test_wrong_arguments_are_refused_before_the_model_is_looked_for(
    models: ModelPool, tmp_path: Path, fault: str
) -> None:
    arguments, field, message = ARGUMENT_FAULTS[fault]
    nli = LocalNli(tmp_path / "missing", pool=models)
    with pytest.raises(InvalidInput, match=message) as caught:
        await nli.classify_zero_shot("text", **{"labels": ["a", "b"], **arguments})
    assert caught.value.field == field


async def test_a_hypothesis_longer_than_the_window_is_refused_with_its_index(models: ModelPool, tmp_path: Path) -> None:
    nli = LocalNli(Classifier(13, 3).write(tmp_path / "nli"), pool=models)
    pairs = [("a", "b")] * 2 + [("a", "x " * 100)]
    for many in (pairs, pairs + [("a", f"x{n}") for n in range(20_000)]):
        with pytest.raises(InvalidInput, match="pair 2"):
            await nli.infer_nli_batch(many)
    with pytest.raises(InvalidInput, match="label 1: the hypothesis has 103 tokens, and at most 60 fit") as caught:
        await nli.classify_zero_shot_batch(["a", "b"], ["b", "x " * 90])
    assert caught.value.field == "labels"
    with pytest.raises(InvalidInput, match="template 0: the hypothesis has") as caught:
        await nli.classify_stance("a", "x " * 100)
    assert caught.value.field == "templates"


async def test_a_premise_that_is_too_long_is_refused_on_request(models: ModelPool, tmp_path: Path) -> None:
    nli = LocalNli(Classifier(14, 3).write(tmp_path / "nli"), pool=models)
    with pytest.raises(ContextLengthExceeded):
        await nli.infer_nli("x " * 100, "b", truncate=False)
    assert (await nli.infer_nli("x " * 100, "b")).truncated


async def test_logits_that_are_not_finite_are_named_by_index(models: ModelPool, tmp_path: Path) -> None:
    model = Classifier(15, 3)
    model.table[model.ids("world")[0]] = np.nan
    nli = LocalNli(model.write(tmp_path / "nli"), pool=models)
    with pytest.raises(MalformedResponse, match="pair 2") as caught:
        await nli.infer_nli_batch([("the", "time"), ("state", "of"), ("the world", "time")])
    assert caught.value.model == nli.model
    with pytest.raises(MalformedResponse, match="text 1 and label 0"):
        await nli.classify_zero_shot_batch(["the", "world"], ["time", "state"])
    model = Classifier(15, 1)
    model.table[model.ids("world")[0]] = np.inf
    reranker = LocalReranker(model.write(tmp_path / "rr", config={"id2label": {"0": "x"}}), pool=models)
    with pytest.raises(MalformedResponse, match="document 1"):
        await reranker.rerank("the", ["time", "world"])


async def test_a_model_of_another_kind_is_refused(models: ModelPool, tmp_path: Path) -> None:
    one = Classifier(16, 1).write(tmp_path / "one", config={"id2label": {"0": "x"}})
    three = Classifier(16, 3).write(tmp_path / "three")
    with pytest.raises(ConfigurationError, match="no model for inference: its graph gives 1 logit"):
        await LocalNli(one, pool=models).infer_nli("a", "b")
    with pytest.raises(ConfigurationError, match="no model for reranking: its graph gives 3 logits"):
        await LocalReranker(three, pool=models).rerank("a", ["b"])
    embedder = make(tmp_path / "bert", "bert_mean_384")
    for model in (LocalNli(embedder, pool=models), LocalClassifier(embedder, pool=models)):
        with pytest.raises(RatatoskrError):
            await model.preload()
    with pytest.raises(ModelNotAvailable, match="there is no folder"):
        await LocalNli(tmp_path / "missing", pool=models).infer_nli("a", "b")
    with pytest.raises(ConfigurationError, match="configure it by local_nli"):
        await LocalEmbedder("NliDebertaV3Base", pool=models).embed("a")
    config = {"id2label": {"0": "x"}, "problem_type": "regression"}
    regression = LocalClassifier(Classifier(16, 1).write(tmp_path / "regression", config=config), pool=models)
    with pytest.raises(ConfigurationError, match="is regression: it gives no labels"):
        await regression.classify("a")


async def test_models_of_several_kinds_share_one_budget(tmp_path: Path) -> None:
    pool = ModelPool(ModelStore(tmp_path / "store"), ram_budget=200_000_000)
    try:
        nli = LocalNli(Classifier(17, 3).write(tmp_path / "nli"), pool=pool)
        reranker = LocalReranker(Classifier(17, 1).write(tmp_path / "rr", config={"id2label": {"0": "x"}}), pool=pool)
        embedder = LocalEmbedder(make(tmp_path / "bert", "bert_mean_384"), pool=pool)
        await embedder.embed("a")
        await nli.infer_nli("a", "b")
        await reranker.rerank("a", ["b"])
        assert {one.status().status for one in (nli, reranker, embedder)} <= {"ready", "available"}
        await nli.unload()
        assert nli.status().status == "available"
    finally:
        pool.close()


async def test_int8_takes_the_quantised_graph(models: ModelPool, tmp_path: Path) -> None:
    model = Classifier(18, 3)
    folder = model.write(tmp_path / "nli")
    with pytest.raises(ConfigurationError, match="int8"):
        await LocalNli(folder, precision="int8", pool=models).infer_nli("a", "b")
    other = Classifier(19, 3)
    other.write(tmp_path / "other")
    shutil.copy(tmp_path / "other" / "model.onnx", folder / "model_quantized.onnx")
    found = await LocalNli(folder, precision="int8", pool=models).infer_nli("the state", "time")
    (row,) = softmax(_expected(other, [("the state", "time")]))
    assert found.entailment == pytest.approx(row[1], abs=1e-4)
    assert json.loads((folder / "config.json").read_text())["id2label"] == LABELS
