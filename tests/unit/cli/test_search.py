"""`rat search`: what it prints, which model embeds the query, and its errors."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from unit.cli.in_process import run
from unit.jobs.files import write
from unit.local.stand_ins import make

TEXTS = ["the squirrel runs along the ash", "an eagle sits in its top", "a dragon gnaws at its root"]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("models")
    return {name: str(make(folder / name, name)) for name in ("roberta_mean_96", "bert_cls_384")}


@pytest.fixture
def model(models: dict[str, str]) -> str:
    return models["roberta_mean_96"]


@pytest.fixture
def made(model: str, tmp_path: Path) -> Path:
    source = write(tmp_path / "in", "csv", [{"id": f"n{n}", "text": text} for n, text in enumerate(TEXTS)])
    for suffix in ("parquet", "npy", "jsonl"):
        assert run("embed-file", str(source), str(tmp_path / f"out.{suffix}"), "-m", model).exit_code == 0
    return tmp_path


def test_the_nearest_texts_are_printed_with_their_scores(made: Path) -> None:
    result = run("search", str(made / "out.parquet"), TEXTS[1], "--top", "2")
    assert (result.exit_code, result.stderr) == (0, ""), result.stderr
    lines = result.stdout.splitlines()
    assert lines[0] == f"1.000  {TEXTS[1]}"
    assert len(lines) == 2
    assert float(lines[1].split()[0]) < 1
    shown = run("search", str(made / "out.parquet"), TEXTS[1], "--top", "1", "--column", "id", "--threads", "1")
    assert shown.stdout == "1.000  n1\n"


def test_json_has_a_line_for_each_row(made: Path) -> None:
    result = run("search", str(made / "out.parquet"), TEXTS[2], "--json")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert sorted(row["index"] for row in rows) == [0, 1, 2]
    assert rows[0] == {"index": 2, "score": pytest.approx(1, abs=2e-6), "text": TEXTS[2]}
    assert [row["score"] for row in rows] == sorted((row["score"] for row in rows), reverse=True)


def test_a_score_that_is_not_finite_is_null(model: str, tmp_path: Path) -> None:
    np.save(tmp_path / "nan.npy", np.full((1, 96), np.nan, np.float32))
    result = run("search", str(tmp_path / "nan.npy"), "x", "-m", model, "--json")
    assert json.loads(result.stdout) == {"index": 0, "score": None, "text": None}


def test_a_file_without_its_model_takes_that_of_the_option_or_the_default(
    made: Path, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    npy = str(made / "out.npy")
    assert run("search", npy, TEXTS[1], "-m", model, "--top", "1").stdout == "1.000  1\n"
    monkeypatch.setenv("RATATOSKR_EMBED_MODEL", model)
    assert run("search", npy, TEXTS[1], "--top", "1").stdout == "1.000  1\n"
    assert run("search", str(made / "out.jsonl"), TEXTS[1], "-c", "text", "--top", "1").stdout == f"1.000  {TEXTS[1]}\n"


def test_another_model_than_the_recorded_one_is_noted_and_other_dimensions_are_refused(
    made: Path, models: dict[str, str]
) -> None:
    other = models["bert_cls_384"]
    result = run("search", str(made / "out.parquet"), "x", "-m", other)
    assert (result.exit_code, result.stdout) == (2, "")
    note, error = result.stderr.splitlines()
    assert note == f"note: {made}/out.parquet was made by {models['roberta_mean_96']}, and {other} embeds the query"
    assert error == (
        f"rat: the vectors of out.parquet were made by {models['roberta_mean_96']} and have 96 dimensions, and those "
        f"of {other} have 384; name the model that made the file"
    )


def test_errors_have_exit_codes_and_one_line(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "short.npy").write_bytes((made / "out.npy").read_bytes()[:-1])
    monkeypatch.setenv("RATATOSKR_CACHE_DIR", str(tmp_path / "empty"))
    for arguments, code, message in (
        (["none.npy", "x"], 2, "rat: there is no file none.npy"),
        ([str(tmp_path / "short.npy"), "x"], 2, "rat: short.npy is truncated: "),
        ([str(made / "in.csv"), "x"], 2, "rat: in.csv: the suffix must be one of "),
        ([str(made / "out.parquet"), "x", "-c", "none"], 2, "rat: out.parquet has no column 'none'; it has "),
        ([str(made / "out.parquet"), "x", "--output-column", "id"], 2, "rat: column 'id' of out.parquet is string"),
        (
            [str(made / "out.npy"), "x", "-m", "AllMiniLmL6V2"],
            4,
            "rat: local, sentence-transformers/all-MiniLM-L6-v2: it is not",
        ),
        ([str(made / "out.npy"), "x", "--top", "0"], 2, "Usage: rat search"),
        ([str(made / "out.npy")], 2, "Usage: rat search"),
    ):
        result = run("search", *arguments)
        assert (result.exit_code, result.stdout) == (code, ""), result.stderr
        assert result.stderr.startswith(message), result.stderr
