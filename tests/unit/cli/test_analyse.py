"""`rat nli`, `classify`, `stance` and `rerank`: what they print, where texts come from, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from ratatoskr.local import LocalClassifier, LocalNli, LocalReranker
from unit.cli.in_process import run
from unit.local.classifiers import Classifier

PREMISE, HYPOTHESIS = "the state of the world", "time"


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("analyse")
    Classifier(1, 3).write(folder / "nli")
    Classifier(2, 1).write(folder / "reranker", config={"id2label": {"0": "LABEL_0"}})
    Classifier(3, 2).write(folder / "sentiment", config={"id2label": {"0": "bad", "1": "good"}})
    (folder / "lines.txt").write_text("the state\n\nthe world\n")
    return folder


@pytest.fixture(autouse=True)
def here(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folders)
    monkeypatch.setenv("RATATOSKR_CACHE_DIR", str(folders / "store"))


def objects(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


async def test_nli_prints_the_label_and_the_probabilities(folders: Path) -> None:
    expected = await LocalNli(folders / "nli").infer_nli(PREMISE, HYPOTHESIS)
    result = run("nli", "-m", "./nli", PREMISE, HYPOTHESIS)
    scores = f"entailment {expected.entailment:.3f}  neutral {expected.neutral:.3f}"
    assert result.stdout == f"{expected.label}  {scores}  contradiction {expected.contradiction:.3f}\n"
    (data,) = objects(run("nli", "-m", "./nli", "--json", PREMISE, HYPOTHESIS))
    assert data["label"] == expected.label
    assert data["entailment"] == pytest.approx(expected.entailment)
    assert objects(run("nli", "-m", "./nli", "--json", HYPOTHESIS, stdin=PREMISE)) == [data]


def test_each_line_of_a_file_is_a_premise() -> None:
    found = objects(run("nli", "-m", "./nli", "--json", "--lines", "lines.txt", HYPOTHESIS))
    assert [one["index"] for one in found] == [0, 1, 2]
    assert objects(run("nli", "-m", "./nli", "--json", "the world", HYPOTHESIS))[0]["label"] == found[2]["label"]


async def test_classify_takes_labels_of_the_caller_or_of_the_model(folders: Path) -> None:
    expected = await LocalNli(folders / "nli").classify_zero_shot(PREMISE, ["time", "world"], multi_label=True)
    common = ("classify", "-m", "./nli", PREMISE, "--multi-label")
    for labels in (("--labels", "time, world"), ("--label", "time", "--label", "world")):
        (data,) = objects(run(*common, "--json", *labels))
        assert data["scores"] == pytest.approx(dict(expected.scores))
        assert [*data["scores"]] == [*expected.scores]
    line = "  ".join(f"{label} {score:.3f}" for label, score in expected.scores.items())
    assert run(*common, "--labels", "time,world").stdout == f"{line}\n"
    own = await LocalClassifier(folders / "sentiment").classify(PREMISE)
    (data,) = objects(run("classify", "-m", "./sentiment", PREMISE, "--json"))
    assert data["scores"] == pytest.approx(dict(own.scores))


async def test_rerank_prints_documents_best_first(folders: Path) -> None:
    documents = ["time", "the world", "state"]
    expected = await LocalReranker(folders / "reranker").rerank("the state", documents)
    result = run("rerank", "-m", "./reranker", "the state", *documents)
    assert result.stdout.splitlines() == [f"{score:.3f}  {documents[index]}" for index, score in expected]
    stdin = "".join(f"{one}\n" for one in documents)
    found = objects(run("rerank", "-m", "./reranker", "the state", "--json", "--top", "2", stdin=stdin))
    assert [one["index"] for one in found] == [index for index, _ in expected][:2]
    assert [one["text"] for one in found] == [documents[index] for index, _ in expected][:2]


async def test_stance_prints_scores_that_sum_to_one() -> None:
    (data,) = objects(run("stance", "-m", "./nli", PREMISE, "--target", "time", "--json"))
    assert data["favor"] + data["against"] + data["neutral"] == pytest.approx(1)
    assert (data["target"], data["method"]) == ("time", "onnx")
    assert run("stance", "-m", "./nli", PREMISE, "--target", "time").stdout.startswith(f"{data['label']}  favor ")


def test_texts_that_were_cut_are_noted_or_refused() -> None:
    result = run("nli", "-m", "./nli", "x " * 100, HYPOTHESIS)
    assert result.stderr == "note: 1 texts were cut to the length that the model takes\n"
    refused = run("nli", "-m", "./nli", "--no-truncate", "x " * 100, HYPOTHESIS)
    assert refused.exit_code != 0
    assert "64" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nli",), "give a PREMISE and a HYPOTHESIS"),
        (("nli", "-m", "./nli", "a", "b", "--lines", "lines.txt"), "give either a premise or --lines"),
        (("classify", "a"), "give --labels, or -m MODEL"),
        (("classify", "-m", "./sentiment", "a", "--template", "{}"), "--template needs"),
        (("classify", "-m", "./nli", "a", "--labels", "a,a"), "labels 0 and 1 are both"),
        (("classify", "-m", "./nli", "a", "--labels", "a", "--template", "x"), "no placeholder"),
        (("classify", "-m", "./nli", "--labels", "a,b"), "no text: give one"),
        (("rerank", "-m", "./nli", "a", "b"), "no model for reranking"),
        (("nli", "a", "b"), "rat models pull NliDebertaV3Base"),
        (("rerank", "a", "b"), "rat models pull MsMarcoMiniLmL6V2"),
        (("nli", "-m", "./missing", "a", "b"), "there is no folder"),
    ],
)
def test_what_is_wrong_is_said(arguments: tuple[str, ...], message: str) -> None:
    result = run(*arguments)
    assert result.exit_code not in {0, 1}
    assert message in result.stderr
