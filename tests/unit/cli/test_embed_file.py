"""`rat embed-file`: its output, its errors and exit codes, and how it continues."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from ratatoskr.cli.job_files import _saved_work
from ratatoskr.errors import ConfigurationError, InvalidInput, ServiceUnavailable
from ratatoskr.local.engine.workers import Workers
from unit.cli.in_process import run
from unit.cli.pty_session import AtTerminal
from unit.jobs.files import names_in, read, write
from unit.local.stand_ins import make

TEXTS = [f"the squirrel runs along the ash {place}" for place in range(300)]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(make(tmp_path_factory.mktemp("model"), "roberta_mean_96"))


@pytest.fixture
def source(tmp_path: Path) -> str:
    return str(write(tmp_path / "in", "csv", [{"id": n, "text": text} for n, text in enumerate(TEXTS)]))


def test_a_file_is_embedded_and_a_summary_line_printed(source: str, model: str, tmp_path: Path) -> None:
    result = run("embed-file", source, str(tmp_path / "out.parquet"), "-m", model)
    assert result.exit_code == 0, result.stderr
    assert result.stderr == ""
    assert result.stdout.startswith(f"{tmp_path}/out.parquet: 300 vectors of 96 numbers; ")
    assert "texts/s" in result.stdout
    rows, vectors = read(tmp_path / "out.parquet")
    assert rows == [{"id": str(n), "text": text} for n, text in enumerate(TEXTS)]
    assert vectors.shape == (300, 96)


def test_as_many_threads_compute_as_are_asked_for(
    source: str, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pools: list[Workers] = []
    submit = Workers.submit
    monkeypatch.setattr(Workers, "submit", lambda self, task: (pools.append(self), submit(self, task))[1])
    result = run("embed-file", source, str(tmp_path / "out.npy"), "-m", model, "--threads", "3")
    assert result.exit_code == 0, result.stderr
    assert {pool.count for pool in pools} == {3}


def test_json_prints_the_summary_and_nothing_else(model: str, tmp_path: Path) -> None:
    rows = [{"body": "word " * 500}, {"body": None}, {"body": "short"}]
    source = write(tmp_path / "in", "jsonl", rows)
    out = str(tmp_path / "out.npy")
    result = run("embed-file", str(source), out, "-m", model, "--column", "body", "--on-null", "skip", "--json")
    result = json.loads(result.stdout)
    assert result.pop("seconds") > 0
    assert result.pop("texts_per_second") > 0
    assert result.pop("tokens") > 64
    assert result == {
        "out": out,
        "model": model,
        "dimensions": 96,
        "rows": 2,
        "skipped": 1,
        "truncated": 1,
        "resumed": 0,
    }
    assert np.load(out).shape == (2, 96)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nowhere.csv", "out.npy"], 2, "cannot be read"),
        (["in.csv", "out.txt"], 2, "out.txt: the suffix must be one of .parquet"),
        (["in.csv", "out.npy", "--column", "words"], 2, "in.csv has no column 'words'; it has 'id', 'text'"),
        (["in.csv", "in.csv"], 2, "the suffix must be one of"),
        (["in.csv", "there.npy"], 2, "there.npy exists; --overwrite replaces it"),
        (["in.csv", "out.npy", "-m", "nobody/nothing"], 4, "rat models pull nobody/nothing"),
        (["in.csv", "out.npy", "--no-truncate"], 2, "row 1 (the first is 1) has "),
        (["in.csv"], 2, "Missing argument 'OUT'"),
    ],
)
def test_invalid_arguments_fail_with_one_line(
    tmp_path: Path, model: str, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, words: str
) -> None:
    write(tmp_path / "in", "csv", [{"id": 1, "text": "word " * 100}])
    (tmp_path / "there.npy").write_text("mine")
    monkeypatch.chdir(tmp_path)
    result = run("embed-file", "-m", model, *arguments)
    assert result.exit_code == code, result.output
    assert words in result.stderr
    assert result.stdout == ""
    assert names_in(tmp_path) == {"in.csv", "there.npy"}
    assert (tmp_path / "there.npy").read_text() == "mine"


def test_overwrite_replaces_an_output(source: str, model: str, tmp_path: Path) -> None:
    (tmp_path / "out.npy").write_text("old")
    assert run("embed-file", source, str(tmp_path / "out.npy"), "-m", model, "--overwrite").exit_code == 0
    assert np.load(tmp_path / "out.npy").shape == (300, 96)


@pytest.mark.parametrize("colour", [True, False], ids=["rich", "NO_COLOR"])
def test_a_terminal_gets_a_progress_bar(source: str, model: str, tmp_path: Path, colour: bool) -> None:
    environment = {name: os.environ[name] for name in ("PATH", "HOME")} | ({} if colour else {"NO_COLOR": "1"})
    with AtTerminal(["embed-file", source, str(tmp_path / "out.npy"), "-m", model], environment, columns=120) as rat:
        code, shown = rat.end()
    assert code == 0
    line = r"█{20} 100% 300 of 300, [\d,]+ texts/s, [\d,]+ tokens/s, 0:00 left"
    bar = r"(embedding|assembling the output) .*━.*300 rows"  # which of them is a matter of time
    assert re.search(bar if colour else line, shown)
    assert shown.splitlines()[-1].rpartition("\x1b[2K")[2].rpartition("\x1b[K")[2].startswith(str(tmp_path / "out.npy"))


def test_quiet_shows_no_progress(source: str, model: str, tmp_path: Path) -> None:
    environment = {name: os.environ[name] for name in ("PATH", "HOME")}
    arguments = ["embed-file", source, str(tmp_path / "out.npy"), "-m", model, "--quiet"]
    with AtTerminal(arguments, environment, columns=200) as rat:
        code, shown = rat.end()
    assert (code, shown.count("\n"), "\x1b" in shown) == (0, 1, False)


def test_a_pipe_gets_a_line_now_and_then(
    source: str, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(0, 10**6, 6))  # seconds
    monkeypatch.setattr("ratatoskr.cli.progress.time", SimpleNamespace(monotonic=lambda: float(next(clock))))
    result = run("embed-file", source, str(tmp_path / "out.npy"), "-m", model, "--window", "30")
    lines = result.stderr.splitlines()
    assert result.exit_code == 0
    assert 5 <= len(lines) <= 12  # of more than 20 reports, every other one
    assert re.fullmatch(r"embedding, \d+ of 300 \(\d+%\), [\d,]+ texts/s, [\d,]+ tokens/s, 0:\d\d left", lines[-2])
    assert run("embed-file", source, str(tmp_path / "b.npy"), "-m", model, "--window", "30", "-q").stderr == ""


def test_after_ctrl_c_a_line_names_the_saved_work_and_the_same_command_continues(model: str, tmp_path: Path) -> None:
    texts = [f"{place} words carried up the tree" for place in range(6000)]
    source = write(tmp_path / "in", "jsonl", [{"text": text} for text in texts])
    out, kept = tmp_path / "out.npy", tmp_path / "out.npy.job" / "checkpoint.json"
    program = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); import runpy; "
    program += "runpy.run_module('ratatoskr.cli.rat', run_name='__main__')"
    options = ["-m", model, "--window", "300"]
    command = [sys.executable, "-c", program, "embed-file", str(source), str(out), *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and (not kept.exists() or not json.loads(kept.read_bytes())["parts"]):
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    result, complaint = process.communicate(timeout=50)
    assert process.returncode == 130, complaint
    assert result == ""
    assert "finished work is in" in complaint
    assert complaint.count("\n") == 1
    assert not out.exists()
    again = run("embed-file", str(source), str(out), *options)
    assert re.search(r"[1-9][\d,]* of them from before", again.stdout), again.output
    full = tmp_path / "full.npy"
    assert run("embed-file", str(source), str(full), *options).exit_code == 0
    assert out.read_bytes() == full.read_bytes()


def test_options_describe_a_csv_of_any_kind(model: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b'id;body\n1;"caf\xe9\n')
    (tmp_path / "b.csv").write_bytes(b"id;body\n2;b\n")
    options = ["--delimiter", ";", "--quoting", "none", "--encoding", "latin-1", "-c", "body", "--output-column", "v"]
    result = run("embed-file", str(tmp_path / "[ab].csv"), str(tmp_path / "out.jsonl"), "-m", model, *options)
    assert result.exit_code == 0, result.stderr
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [(row["id"], row["body"], len(row["v"])) for row in rows] == [("1", '"café', 96), ("2", "b", 96)]


@pytest.mark.parametrize("delimiter", ["\t", r"\t", "tab"])
def test_a_tab_can_be_written_in_a_shell(model: str, tmp_path: Path, delimiter: str) -> None:
    (tmp_path / "in.csv").write_text("id\ttext\n1\ta\n")
    options = ["-m", model, "--delimiter", delimiter]
    assert run("embed-file", str(tmp_path / "in.csv"), str(tmp_path / "out.npy"), *options).exit_code == 0


def test_standard_input_goes_to_standard_output(model: str) -> None:
    arguments = ["embed-file", "-", "-", "-m", model, "--input-format", "jsonl", "--output-format", "jsonl"]
    result = run(*arguments, stdin='{"text": "a"}\n{"text": "b"}\n')
    assert result.exit_code == 0, result.stderr
    assert [json.loads(line)["text"] for line in result.stdout.splitlines()] == ["a", "b"]
    assert result.stderr.startswith("standard output: 2 vectors of 96 numbers; ")


@pytest.mark.parametrize(
    ("content", "arguments", "words"),
    [
        (b"text\n\n", [], "'text' is null; --on-null skip leaves such rows out and counts them"),
        (b"text\n\xe9\n", [], "byte 6 of the file is 0xe9; give its encoding, such as --encoding latin-1"),
        (b'text\n"a" b\n', [], "--quoting none reads a quote as a character"),
        (b"text,embedding\na,b\n", [], "already has a column 'embedding'; give another --output-column"),
        (b"text\na\n", ["--encoding", "klingon"], "encoding must be one that Python has, not 'klingon'"),
        (b"text\na\n", ["--delimiter", "::"], "delimiter must be one character"),
    ],
)
def test_advice_names_options(model: str, tmp_path: Path, content: bytes, arguments: list[str], words: str) -> None:
    (tmp_path / "in.csv").write_bytes(content)
    result = run("embed-file", str(tmp_path / "in.csv"), str(tmp_path / "out.npy"), "-m", model, *arguments)
    assert result.exit_code == 2
    assert words in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_summary_beside_the_output_on_standard_output_is_refused(source: str, model: str) -> None:
    result = run("embed-file", source, "-", "-m", model, "--output-format", "jsonl", "--json")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--json prints the summary on standard output, where OUT is." in result.stderr


def test_finished_work_is_said_to_continue_only_where_it_can(model: str, tmp_path: Path) -> None:
    texts = [f"{place} words" for place in range(600)] + ["word " * 500]
    source = write(tmp_path / "in", "jsonl", [{"text": text} for text in texts])
    options = ["-m", model, "--window", "100"]
    result = run("embed-file", str(source), str(tmp_path / "out.npy"), *options, "--no-truncate")
    assert result.exit_code == 2
    assert "out.npy.job, but the same command would fail again; --fresh starts over" in result.stderr
    assert "row 601 (the first is 1) has " in result.stderr


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (KeyboardInterrupt(), "finished work is in F: the same command continues"),
        (ServiceUnavailable("busy"), "finished work is in F: once this is mended, the same command continues"),
        (ConfigurationError("no space left"), "finished work is in F: once this is mended, the same command continues"),
        (InvalidInput("row 7"), "finished work is in F, but the same command would fail again; --fresh starts over"),
        (TypeError("a fault of the program"), "finished work is in F"),
    ],
)
def test_what_is_said_of_finished_work(error: BaseException, words: str) -> None:
    assert _saved_work(Path("F"), error) == words
