"""`rat nli`, `classify`, `stance` and `rerank`: what they print, where texts come from, and what is refused."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from ratatoskr.local import LocalClassifier, LocalNli, LocalReranker
from unit.cli.in_process import run
from unit.cli.pty_session import AtTerminal
from unit.jobs.files import write
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


def test_rerank_without_documents_says_how_to_give_some() -> None:
    result = run("rerank", "-m", "./reranker", "the state", stdin="")
    assert result.exit_code == 2
    assert "no document: give one, --lines FILE, or lines on standard input" in result.stderr


async def test_stance_prints_scores_that_sum_to_one() -> None:
    (data,) = objects(run("stance", "-m", "./nli", PREMISE, "--target", "time", "--json"))
    assert data["favor"] + data["against"] + data["neutral"] == pytest.approx(1)
    assert (data["target"], data["method"]) == ("time", "onnx")
    assert run("stance", "-m", "./nli", PREMISE, "--target", "time").stdout.startswith(f"{data['label']}  favor ")


def test_texts_that_were_cut_are_noted_or_refused() -> None:
    result = run("nli", "-m", "./nli", "x " * 100, HYPOTHESIS)
    assert result.stderr == "note: 1 text was cut to the length that the model takes\n"
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


# Files

ROWS = [{"id": n, "text": f"the state {n}", "claim": "time" if n % 2 else "world"} for n in range(600)]


@pytest.fixture(scope="module", params=["csv", "jsonl", "tsv", "parquet"])
def table(request: pytest.FixtureRequest, folders: Path) -> str:
    """Return a file of rows of each format."""
    return write(folders / "rows", request.param, ROWS).name


async def test_columns_of_every_format_are_read(folders: Path, table: str) -> None:
    nli = LocalNli(folders / "nli")
    pairs = [(row["text"], row["claim"]) for row in ROWS]
    expected = await nli.infer_nli_batch(pairs)
    found = objects(run("nli", "-m", "./nli", "--lines", table, "--columns", "text,claim", "--json"))
    assert [(one["index"], one["label"]) for one in found] == [(n, one.label) for n, one in enumerate(expected)]
    shared = objects(run("nli", "-m", "./nli", "--lines", table, "--column", "text", "time", "--json"))
    single = await nli.infer_nli(ROWS[599]["text"], "time")
    assert shared[599]["entailment"] == pytest.approx(single.entailment, abs=1e-5)
    labels = objects(run("classify", "-m", "./nli", "--labels", "a,b", "--lines", table, "--column", "text", "--json"))
    zero_shot = await nli.classify_zero_shot(ROWS[400]["text"], ["a", "b"])
    assert labels[400]["scores"] == {name: pytest.approx(score, abs=1e-5) for name, score in zero_shot.scores.items()}
    own = objects(run("classify", "-m", "./sentiment", "--lines", table, "--column", "text", "--json"))
    assert len(own) == len(labels) == 600
    stances = objects(run("stance", "-m", "./nli", "--target", "time", "-l", table, "--column", "text", "--json"))
    assert [one["index"] for one in stances] == [*range(600)]
    best = objects(run("rerank", "-m", "./reranker", "time", "-l", table, "--column", "text", "--top", "3", "--json"))
    ranking = await LocalReranker(folders / "reranker").rerank("time", [row["text"] for row in ROWS], top_n=3)
    assert [one["index"] for one in best] == [index for index, _ in ranking]
    assert best[0]["text"] == ROWS[best[0]["index"]]["text"]


def test_many_lines_are_computed_block_by_block_with_progress_on_a_terminal(folders: Path) -> None:
    (folders / "many.txt").write_text("".join(f"the state {n}\n" for n in range(600)))
    assert len(objects(run("classify", "-m", "./sentiment", "--lines", "many.txt", "--json"))) == 600
    arguments = ["classify", "-m", "./sentiment", "--lines", "many.txt"]
    environment = {name: os.environ[name] for name in ("PATH", "HOME")}
    with AtTerminal(arguments, environment) as rat:
        code, shown = rat.end()
    assert code == 0
    assert [f"{count} texts, " in shown for count in (256, 512, 600)] == [True] * 3
    with AtTerminal([*arguments, "--quiet"], environment) as rat:
        assert "texts, " not in rat.end()[1]


FAULTS: list[tuple[tuple[str, ...], str]] = [
    (("nli", "--lines", "nulls.jsonl", "--columns", "text,claim"), "row 2 of nulls.jsonl (the first is 1): 'claim'"),
    (
        ("classify", "--labels", "a", "-l", "nulls.jsonl", "--column", "text"),
        "row 3 of nulls.jsonl (the first is 1): 'text'",
    ),
    (("nli", "--lines", "nulls.jsonl", "--columns", "text,nothing"), "no column 'nothing'; it has 'text', 'claim'"),
    (("stance", "--target", "a", "-l", "nulls.jsonl", "--column", "body"), "no column 'body'; it has 'text', 'claim'"),
    (("nli", "--lines", "nulls.jsonl", "--columns", "text"), "--columns takes PREMISE,HYPOTHESIS"),
    (("nli", "--columns", "text,claim"), "--columns needs --lines FILE"),
    (("nli", "--column", "text", "x"), "--column needs --lines FILE"),
    (("nli", "-l", "-", "--column", "text", "x"), "--column needs --lines FILE"),
    (("nli", "-l", "lines.txt", "--columns", "a,b", "x"), "give no text and no --column"),
    (("nli", "-l", "long.txt", "--no-truncate", "x"), "long.txt line 300"),
    (("classify", "--labels", "a,b", "-l", "long.txt", "--no-truncate"), "long.txt line 300"),
    (("classify", "--labels", "a,b", "-l", "long.csv", "--column", "text", "--no-truncate"), "long.csv row 300"),
]


@pytest.mark.parametrize(("arguments", "message"), FAULTS)
def test_what_is_wrong_in_a_file_is_named_by_its_row(folders: Path, arguments: tuple[str, ...], message: str) -> None:
    rows = [{"text": "a", "claim": "b"}, {"text": "a", "claim": None}, {"text": None, "claim": "b"}]
    (folders / "nulls.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    lines = ["x " * 100 if n == 299 else "the state" for n in range(400)]
    (folders / "long.txt").write_text("\n".join(lines))
    (folders / "long.csv").write_text("text\n" + "\n".join(lines) + "\n")
    result = run(*arguments, "-m", "./nli")
    assert result.exit_code not in {0, 1}
    assert message in result.stderr


def test_label_names_are_those_of_a_model_that_has_only_numbers(folders: Path) -> None:
    plain = {"id2label": {str(number): f"LABEL_{number}" for number in range(3)}}
    Classifier(4, 3).write(folders / "numbered", config=plain)
    Classifier(4, 3).write(folders / "named", config={"id2label": dict(enumerate(NAMES))})
    pair = ("the time", "a world")
    refused = run("nli", "-m", "./numbered", *pair)
    assert refused.exit_code == 2
    assert (
        "LABEL_2, which do not say what they mean: give --label-names, in the order of the logits\n" in refused.stderr
    )
    names = ("--label-names", ", ".join(NAMES))
    for arguments in (("nli", *pair), ("stance", "a text", "--target", "time"), ("classify", "a text")):
        expected = run(arguments[0], "-m", "./named", *arguments[1:])
        assert expected.exit_code == 0, expected.stderr
        assert run(arguments[0], "-m", "./numbered", *names, *arguments[1:]).stdout == expected.stdout
    (folders / "pairs.csv").write_text("premise,hypothesis\nthe time,a world\n")
    done = run("job", "nli", "-m", "./numbered", *names, "pairs.csv", "judged.csv", "--quiet")
    assert done.exit_code == 0, done.stderr
    assert (folders / "judged.csv").read_text().splitlines()[1].split(",")[2] in NAMES
    wrong = run("nli", "-m", "./numbered", "--label-names", "a,b", *pair)
    assert wrong.exit_code == 2
    assert "2 labels" in wrong.stderr
    remote = run("nli", "-m", "huggingface:a/b", *names, *pair)
    assert remote.exit_code == 2
    assert "--label-names is for models on this machine" in remote.stderr


NAMES = ("contradiction", "entailment", "neutral")
