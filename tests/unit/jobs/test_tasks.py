"""Jobs that classify, infer, judge and count: their columns, types and nulls, and how they continue after a kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ratatoskr import InvalidInput
from ratatoskr.jobs import ClassifyJob, Job, StanceJob, run
from ratatoskr.jobs.vector_file import VectorFile
from unit.jobs.files import names_in, write
from unit.jobs.judges import (
    ADDED,
    ROWS,
    TASKS,
    Slow,
    assert_same,
    expected_rows,
    make_job,
    open_model,
    read_rows,
    run_job,
)
from unit.jobs.small_jobs import digest

TYPES = {
    "label": pa.string(),
    "tokens_kind": pa.string(),
    "token_ids": pa.list_(pa.uint32()),
    **dict.fromkeys(("tokens", "tokens_low", "tokens_high"), pa.int64()),
}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write(tmp_path / "in", "jsonl", ROWS)


@pytest.mark.parametrize("out", ["parquet", "jsonl", "csv"])
@pytest.mark.parametrize("task", TASKS)
async def test_every_row_gets_its_results_beside_its_columns(models: Path, source: Path, task: str, out: str) -> None:
    target = source.parent / f"out.{out}"
    summary = await run_job(make_job(task, models, source, target), task, models)
    rows = read_rows(target)
    assert [{name: row[name] for name in ROWS[0]} for row in rows] == ROWS
    assert [[*row] for row in rows] == [[*ROWS[0], *ADDED[task]]] * 400
    results = [{name: row[name] for name in ADDED[task]} for row in rows[:60]]
    assert_same(results, await expected_rows(task, models, ROWS[:60]))
    assert (summary.rows, summary.dimensions, summary.skipped) == (400, 0, 0)
    assert summary.truncated == (50 if task == "stance" else 0), "the longest text beside the longest hypothesis"
    assert summary.tokens > 400
    assert names_in(source.parent) == {source.name, target.name}
    if out == "parquet":
        schema = pq.read_schema(target)
        numbers = pa.struct([(name, pa.float64()) for name in (("time", "world") if task == "zero-shot" else ())])
        numbers = pa.struct([("bad", pa.float64()), ("good", pa.float64())]) if task == "classify" else numbers
        for name in ADDED[task]:
            assert schema.field(name).type == (numbers if name == "scores" else TYPES.get(name, pa.float64()))
        origin = json.loads(schema.metadata[b"ratatoskr"])
        assert origin["task"] == task.replace("zero-shot", "classify")
        with pytest.raises(InvalidInput):
            VectorFile(target)


@pytest.mark.parametrize("kind", ["csv", "tsv", "parquet", "arrow"])
async def test_pairs_come_from_two_columns_of_every_format(models: Path, tmp_path: Path, kind: str) -> None:
    source = write(tmp_path / "in", kind, ROWS[:50])
    await run_job(make_job("nli", models, source, tmp_path / "out.jsonl"), "nli", models)
    found = [{name: row[name] for name in ADDED["nli"]} for row in read_rows(tmp_path / "out.jsonl")]
    assert_same(found, await expected_rows("nli", models, ROWS[:50]))


def kill_in_the_middle(task: str, models: Path, source: Path, out: Path) -> int:
    """Run a job in a process, kill that after some parts, and return how many parts there are."""
    checkpoint = out.with_name(f"{out.name}.job") / "checkpoint.json"
    process = start(task, models, source, out, pause=0.2)
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if checkpoint.exists() and (parts := int(json.loads(checkpoint.read_bytes())["parts"])) >= 2:
                process.send_signal(signal.SIGKILL)
                return parts
            assert process.poll() is None, process.communicate()[1].decode()
            time.sleep(0.01)
        raise AssertionError("no part was written in a minute")
    finally:
        process.kill()
        process.communicate()


def start(task: str, models: Path, source: Path, out: Path, pause: float) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "unit.jobs.judges", task, str(models), str(source), str(out), str(pause)]
    paths = os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": paths}, stderr=subprocess.PIPE)


@pytest.mark.parametrize(("task", "out"), [*zip(TASKS, ("parquet", "jsonl", "csv", "parquet", "csv"), strict=True)])
async def test_a_job_that_was_killed_continues_and_gives_the_same_bytes(
    models: Path, source: Path, task: str, out: str
) -> None:
    target, full = source.parent / f"out.{out}", source.parent / f"full.{out}"
    parts = kill_in_the_middle(task, models, source, target)
    assert not target.exists()
    calls: list[int] = []

    class Counting(Slow):
        def __getattr__(self, name: str) -> Any:
            calls.append(1)
            return super().__getattr__(name)

    async with open_model(task, models) as model:
        counting = Counting(model, 0.0) if task == "tokens" else model
        summary = await run(make_job(task, models, source, target), counting)
        await run(make_job(task, models, source, full), model)
    assert parts <= summary.resumed / (len(ROWS) / 25) <= 25
    assert summary.resumed >= 2 * 10
    assert summary.rows == 400
    assert digest(target) == digest(full)
    assert names_in(source.parent) == {source.name, target.name, full.name}


async def test_a_job_of_another_task_or_with_other_settings_does_not_continue(models: Path, source: Path) -> None:
    out = source.parent / "out.jsonl"
    kill_in_the_middle("zero-shot", models, source, out)
    nli = str(models / "nli")
    common: dict[str, Any] = {"window": 32}
    others: list[tuple[Job, str]] = [
        (StanceJob(source, out, nli, target="time", **common), "task"),
        (ClassifyJob(source, out, nli, labels=["time", "state"], **common), "labels"),
        (ClassifyJob(source, out, nli, labels=["time", "world"], multi_label=True, **common), "multi_label"),
        (ClassifyJob(source, out, nli, labels=["time", "world"], hypothesis_template="{}", **common), "hypothesis_"),
        (ClassifyJob(source, out, nli, labels=["time", "world"], output_prefix="a", **common), "output_prefix"),
    ]
    async with open_model("nli", models) as model:
        for other, field in others:
            with pytest.raises(InvalidInput, match=f"is of a job with another {field}"):
                await run(other, model)
        stance = StanceJob(source, out, nli, target="time", fresh=True, **common)
        assert (await run(stance, model)).resumed == 0


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
@pytest.mark.parametrize("task", TASKS)
async def test_a_null_is_an_error_that_names_its_column_or_its_row_is_left_out(
    models: Path, tmp_path: Path, task: str, kind: str
) -> None:
    rows = [{**row, "text": None if row["id"] == 7 else row["text"]} for row in ROWS[:40]]
    source, out = write(tmp_path / "in", kind, rows), tmp_path / "out.jsonl"
    with pytest.raises(InvalidInput, match=rf"row 8 of {source.name} \(the first is 1\): 'text' is null"):
        await run_job(make_job(task, models, source, out), task, models)
    summary = await run_job(make_job(task, models, source, out, on_null="skip"), task, models)
    assert (summary.rows, summary.skipped) == (39, 1)
    assert [row["id"] for row in read_rows(out)] == [place for place in range(40) if place != 7]


async def test_a_null_hypothesis_is_named_by_its_own_column(models: Path, tmp_path: Path) -> None:
    rows = [{**row, "claim": None if row["id"] == 3 else row["claim"]} for row in ROWS[:20]]
    source = write(tmp_path / "in", "jsonl", rows)
    with pytest.raises(InvalidInput, match=r"row 4 of in.jsonl \(the first is 1\): 'claim' is null"):
        await run_job(make_job("nli", models, source, tmp_path / "out.jsonl"), "nli", models)
    a_job = make_job("nli", models, source, tmp_path / "out.jsonl", hypothesis="time")
    assert (await run_job(a_job, "nli", models)).rows == 20


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
@pytest.mark.parametrize("task", TASKS)
async def test_columns_that_are_missing_or_there_already_are_named(
    models: Path, tmp_path: Path, task: str, kind: str
) -> None:
    source, out = write(tmp_path / "in", kind, ROWS[:20]), tmp_path / "out.jsonl"
    with pytest.raises(InvalidInput, match="has no column 'body'; it has 'id', 'text', 'claim'") as caught:
        await run_job(make_job(task, models, source, out, column="body"), task, models)
    assert caught.value.field == "column"
    if task == "nli":
        with pytest.raises(InvalidInput, match="has no column 'body'") as caught:
            await run_job(make_job(task, models, source, out, hypothesis_column="body"), task, models)
        assert caught.value.field == "hypothesis_column"
    taken = ADDED[task][-1]
    twice = write(tmp_path / "twice", kind, [{**row, taken: "x"} for row in ROWS[:20]])
    with pytest.raises(InvalidInput, match=f"already has a column '{taken}'; give another output_prefix"):
        await run_job(make_job(task, models, twice, out), task, models)
    await run_job(make_job(task, models, twice, out, output_prefix="our "), task, models)
    assert [*read_rows(out)[0]][-len(ADDED[task]) :] == [f"our {name}" for name in ADDED[task]]


@pytest.mark.parametrize("task", TASKS)
async def test_an_input_without_rows_gives_an_output_with_all_columns(models: Path, tmp_path: Path, task: str) -> None:
    (tmp_path / "in.csv").write_text("text,claim\n")
    for out in ("parquet", "csv", "jsonl"):
        a_job = make_job(task, models, tmp_path / "in.csv", tmp_path / f"out.{out}")
        summary = await run_job(a_job, task, models)
        assert (summary.rows, summary.tokens) == (0, 0)
    names = ["text", "claim", *ADDED[task]]
    assert pq.read_schema(tmp_path / "out.parquet").names == names
    assert (tmp_path / "out.csv").read_text() == ",".join(names) + "\n"
    assert (tmp_path / "out.jsonl").read_text() == ""
