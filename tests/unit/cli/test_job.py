"""`rat job`: each task over a file, its summary, what is refused, and a job that was killed."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from ratatoskr.jobs import TokensJob
from unit.cli.in_process import run
from unit.jobs.files import names_in, write
from unit.jobs.judges import ROWS, write_models

NLI = ("-m", "./nli")
TASKS: dict[str, tuple[tuple[str, ...], list[str]]] = {
    "classify": (("-m", "./sentiment"), ["label", "score", "scores"]),
    "zero-shot": ((*NLI, "--labels", "time, world", "--label", "state"), ["label", "score", "scores"]),
    "nli": ((*NLI, "--column", "text", "--hypothesis-column", "claim"), ["label", "entailment"]),
    "stance": ((*NLI, "--target", "time"), ["label", "favor"]),
    "tokens": (("-m", "gpt-5.4"), ["tokens", "tokens_kind"]),
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    write_models(folder)
    return folder


@pytest.fixture
def here(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("nli", "sentiment"):
        (tmp_path / name).symlink_to(models / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RATATOSKR_CACHE_DIR", str(models / "store"))
    write(tmp_path / "in", "csv", ROWS)
    return tmp_path


def read_csv(path: str) -> list[dict[str, str]]:
    with Path(path).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("task", TASKS)
def test_each_task_writes_its_columns_and_prints_a_summary(here: Path, task: str) -> None:
    options, names = TASKS[task]
    command = ("job", task.replace("zero-shot", "classify"), "in.csv", "out.csv", *options)
    result = run(*command)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("out.csv: 400 rows")
    rows = read_csv("out.csv")
    assert [*rows[0]][: 3 + len(names)] == ["id", "text", "claim", *names]
    assert [row["text"] for row in rows] == [row["text"] for row in ROWS]
    again = run(*command)
    assert (again.exit_code, again.stdout) == (2, "")
    assert "out.csv exists; --overwrite replaces it" in again.stderr
    summary = json.loads(run(*command, "--overwrite", "--json", "--quiet").stdout)
    assert (summary["rows"], summary["dimensions"], summary["out"]) == (400, 0, "out.csv")


def test_labels_and_templates_of_the_command_line_are_those_of_the_job(here: Path) -> None:
    options = (*NLI, "--labels", "time,world", "--template", "{}", "--multi-label", "--output-prefix", "my_")
    assert run("job", "classify", "in.csv", "out.parquet", *options).exit_code == 0
    rows = pq.read_table("out.parquet").to_pylist()
    single = run(
        "classify", *NLI, "--labels", "time,world", "--template", "{}", "--multi-label", "--json", ROWS[3]["text"]
    )
    expected = json.loads(single.stdout)["scores"]
    assert {label: pytest.approx(score, abs=1e-5) for label, score in expected.items()} == rows[3]["my_scores"]


def test_embed_is_a_job_too_under_both_names(here: Path, tmp_path: Path) -> None:
    assert run("job", "embed", "in.csv", "out.npy", "-m", "./none").exit_code != 0
    help_of_both = [run(*words, "--help").stdout.partition("\n\n")[2] for words in (("job", "embed"), ("embed-file",))]
    assert help_of_both[0] == help_of_both[1] != ""


def test_standard_input_and_output(here: Path) -> None:
    data = "text\nthe state\nthe world\n"
    formats = ("--input-format", "csv", "--output-format", "jsonl")
    result = run("job", "stance", "-", "-", *NLI, "--target", "time", *formats, stdin=data)
    assert result.exit_code == 0, result.stderr
    assert [json.loads(line)["text"] for line in result.stdout.splitlines()] == ["the state", "the world"]
    assert "standard output: 2 rows" in result.stderr


REFUSED: list[tuple[tuple[str, ...], str]] = [
    (("classify", "in.csv", "out.csv"), "give --labels, or -m MODEL"),
    (("classify", "in.csv", "out.csv", "-m", "./nli", "--template", "{}"), "--template needs"),
    (("classify", "in.csv", "out.npy", *NLI, "--labels", "a"), "npy does not hold the results of classify"),
    (("classify", "in.csv", "out.csv", *NLI, "--labels", "a,a"), "labels 0 and 1 are both"),
    (("classify", "in.csv"), "Missing argument 'OUT'"),
    (("nli", "in.csv", "out.csv", *NLI), "in.csv has no column 'premise'; it has 'id', 'text', 'claim'"),
    (("nli", "in.csv", "out.csv", *NLI, "-c", "text"), "in.csv has no column 'hypothesis'"),
    (("stance", "in.csv", "out.csv", *NLI), "Missing option '--target'"),
    (("stance", "in.csv", "out.csv", *NLI, "--target", " "), "target is empty"),
    (("tokens", "in.csv", "out.csv", "-m", "gpt-5.4", "--ids", "--method", "provider"), "gives no ids"),
    (("tokens", "in.csv", "out.csv", "-m", "own", "--method", "local"), "tokenizer of 'own' is needed here"),
    (("classify", "in.csv", "out.csv", "--labels", "a"), "rat models pull NliDebertaV3Base"),
    (("classify", "in.csv", "out.csv", "-m", "./none", "--labels", "a"), "there is no folder"),
    (("classfy", "in.csv", "out.csv"), "did you mean 'classify'?"),
]


@pytest.mark.parametrize(("arguments", "message"), REFUSED)
def test_what_is_wrong_is_said_and_nothing_is_left(here: Path, arguments: tuple[str, ...], message: str) -> None:
    result = run("job", *arguments)
    assert result.exit_code not in {0, 1}
    assert message in result.stderr
    assert names_in(here) == {"in.csv", "nli", "sentiment"}


def test_a_job_that_was_killed_is_continued_by_the_same_command(here: Path) -> None:
    rows = [{"text": f"time {n} " + "world " * (n % 40)} for n in range(30_000)]
    write(here / "many", "jsonl", rows)
    words = ["job", "classify", "many.jsonl", "out.jsonl", *NLI, "--labels", "time,world", "--window", "512"]
    words += ["--threads", "1", "--json"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen([sys.executable, "-m", "ratatoskr.cli.rat", *words], env=environment)
    checkpoint = here / "out.jsonl.job" / "checkpoint.json"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if checkpoint.exists() and json.loads(checkpoint.read_bytes())["parts"] >= 3:
            break
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (here / "out.jsonl").exists()
    result = run(*words)
    assert result.exit_code == 0, result.stderr
    summary = json.loads(result.stdout)
    assert 512 <= summary["resumed"] < 30_000
    out: list[dict[str, Any]] = [json.loads(line) for line in (here / "out.jsonl").read_text().splitlines()]
    assert [row["text"] for row in out] == [row["text"] for row in rows]
    other = run(*[word.replace("time,world", "time,state") for word in words])
    assert "exists" in other.stderr


def test_another_tokenizer_file_does_not_continue_a_job(here: Path) -> None:
    from ratatoskr.cli.token_inputs import open_registry, tokenizer_digest

    file = here / "tokenizer.json"
    file.write_bytes((here / "nli" / "tokenizer.json").read_bytes())
    before = tokenizer_digest(open_registry(str(file), None), str(file), None)
    file.write_bytes(file.read_bytes() + b"\n")
    after = tokenizer_digest(open_registry(str(file), None), str(file), None)
    assert len(before) == 64
    assert before != after
    assert tokenizer_digest(open_registry("gpt-5.4", None), "gpt-5.4", None) == ""
    assert "model_digest" in TokensJob.__dataclass_fields__
