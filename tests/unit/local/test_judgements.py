"""Inference, classification and reranking against transformers' pipelines and sentence-transformers' CrossEncoder.

Their answers are kept in `judgements.tar.xz`, which `remake_judgements.py` makes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ratatoskr.local import LocalClassifier, LocalNli, LocalReranker, ModelPool
from unit.local.judgements import (
    CASES,
    LABELS,
    TEMPLATE,
    odd_pairs,
    odd_texts,
    read_expected,
    score_of_label,
    zero_shot_texts,
)

Rows = np.ndarray[Any, np.dtype[np.float64]]


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The folder of the models, and what is expected of each."""
    folder = tmp_path_factory.mktemp("judgements")
    return folder, read_expected(folder)


def _check(found: Rows, expected: Any) -> None:
    """Check labels and probabilities; a label counts where it leads by more than rounding."""
    wanted = np.array(expected)
    assert np.abs(found - wanted).max() < 1e-4
    assert (found.argmax(axis=1) == wanted.argmax(axis=1)).all()


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.task == "nli"])
async def test_inference_equals_transformers(models: ModelPool, judged: tuple[Path, dict[str, Any]], name: str) -> None:
    folder, expected = judged
    nli, labels, wanted = LocalNli(folder / name, pool=models), CASES[name].labels, expected[name]
    count = len(wanted["judgements"])
    pairs = odd_pairs(count)
    found = await nli.infer_nli_batch(pairs)
    rows = np.array([[score_of_label(one, label) for label in labels] for one in found])
    _check(rows, wanted["judgements"])
    _check(rows, wanted["cross-encoder"])
    for index, (pair, one) in enumerate(zip(pairs, found, strict=True)):
        assert one.label == labels[int(np.argmax(wanted["judgements"][index]))].lower().replace(
            "not_entailment", "contradiction"
        )
        single = await nli.infer_nli(*pair)
        assert single.label == one.label
        assert abs(single.entailment - one.entailment) < 1e-5
    for call, several in (("one of several", False), ("several", True)):
        answers = await nli.classify_zero_shot_batch(
            zero_shot_texts(len(LABELS) * len(wanted[call])), LABELS, multi_label=several, hypothesis_template=TEMPLATE
        )
        _check(np.array([[one.scores[label] for label in LABELS] for one in answers]), wanted[call])


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.task == "classify"])
async def test_classification_equals_transformers(
    models: ModelPool, judged: tuple[Path, dict[str, Any]], name: str
) -> None:
    folder, expected = judged
    classifier, wanted = LocalClassifier(folder / name, pool=models), expected[name]["classes"]
    texts = odd_texts(len(wanted))
    found = await classifier.classify_batch(texts)
    _check(np.array([[one.scores[label] for label in CASES[name].labels] for one in found]), wanted)
    for text, one in zip(texts, found, strict=True):
        assert (await classifier.classify(text)).scores == pytest.approx(one.scores, abs=1e-5)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.task == "rerank"])
async def test_reranking_equals_the_cross_encoder(
    models: ModelPool, judged: tuple[Path, dict[str, Any]], name: str
) -> None:
    folder, expected = judged
    reranker, wanted = LocalReranker(folder / name, pool=models), expected[name]["relevance"]
    for (query, document), (score,) in zip(odd_pairs(len(wanted), long=True), wanted, strict=True):
        ((index, found),) = await reranker.rerank(query, [document])
        assert index == 0
        assert found == pytest.approx(score, abs=1e-4)
    batch = await reranker.rerank(query, [document, *(one for _, one in odd_pairs(len(wanted), long=True))])
    assert dict(batch)[0] == pytest.approx(score, abs=1e-4)
