"""Jobs that classify, infer, judge and count: their columns, types and nulls, and how they continue after a kill."""

from __future__ import annotations

import asyncio
import csv
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

from ratatoskr import InvalidInput, MalformedResponse, ModelNotAvailable, Ratatoskr, StanceTemplates
from ratatoskr.jobs import ClassifyJob, EmbedJob, Job, NliJob, Progress, StanceJob, Summary, TokensJob, run, run_sync
from ratatoskr.jobs.vector_file import VectorFile
from ratatoskr.local import LocalClassifier, LocalNli, TokenizerRegistry
from unit.jobs.files import names_in, write
from unit.jobs.judges import ROWS, TASKS, Slow, make_job, open_model, write_models
from unit.jobs.small_jobs import digest
from unit.local.classifiers import Classifier

ADDED = {
    "classify": ["label", "score", "scores"],
    "zero-shot": ["label", "score", "scores"],
    "nli": ["label", "entailment", "neutral", "contradiction"],
    "stance": ["label", "favor", "against", "neutral"],
    "tokens": ["tokens", "tokens_kind", "tokens_low", "tokens_high", "token_ids"],
}
TYPES = {
    "label": pa.string(),
    "tokens_kind": pa.string(),
    "token_ids": pa.list_(pa.uint32()),
    **dict.fromkeys(("tokens", "tokens_low", "tokens_high"), pa.int64()),
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("judges")
    write_models(folder)
    return folder


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write(tmp_path / "in", "jsonl", ROWS)


async def run_job(a_job: Job, task: str, models: Path, **options: Any) -> Summary:
    async with open_model(task, models) as model:
        return await run(a_job, model, **options)


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Return the rows of an output, whose results are as JSON has them."""
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_bytes().splitlines()]
    if path.suffix == ".parquet":
        rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
        return rows
    texts = {"text", "claim", "label", "tokens_kind"}

    def value_of(name: str, field: str) -> Any:
        return field if name in texts else json.loads(field or "null")

    with path.open(encoding="utf-8", newline="") as file:
        return [{name: value_of(name, field) for name, field in row.items()} for row in csv.DictReader(file)]


async def expected_rows(task: str, models: Path, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what single calls of the model give."""
    async with open_model(task, models) as model:
        nli, own = str(models / "nli"), str(models / "sentiment")
        found: list[dict[str, Any]] = []
        for row in rows:
            text = row["text"]
            if task == "tokens":
                count, ids = model.count_tokens(text, "own").tokens, model.tokenize(text, "own").ids.tolist()
                found.append(dict(zip(ADDED[task], (count, "exact", count, count, ids), strict=True)))
            elif task == "nli":
                one = await model.infer_nli(text, row["claim"], nli)
                found.append({name: getattr(one, name) for name in ADDED[task]})
            elif task == "stance":
                stance = await model.classify_stance(text, "time", nli)
                found.append({name: getattr(stance, name) for name in ADDED[task]})
            else:
                labels = ["time", "world"]
                given = await (
                    model.classify(text, own) if task == "classify" else model.classify_zero_shot(text, labels, nli)
                )
                found.append({"label": given.top_label, "score": given.confidence, "scores": dict(given.scores)})
        return found


def assert_same(found: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one.keys() == other.keys()
        for name, value in other.items():
            assert one[name] == (pytest.approx(value, abs=1e-5) if not isinstance(value, str) else value)


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


REFUSED: dict[str, tuple[type[Job], dict[str, Any], str]] = {
    "npy": (ClassifyJob, {"out": "out.npy"}, "out"),
    "npy by name": (ClassifyJob, {"out": "out", "output_format": "npy"}, "output_format"),
    "no label": (ClassifyJob, {"labels": []}, "labels"),
    "a label twice": (ClassifyJob, {"labels": ["a", "a"]}, "labels"),
    "a text of labels": (ClassifyJob, {"labels": "ab"}, "labels"),
    "too many labels": (ClassifyJob, {"labels": [str(n) for n in range(1001)]}, "labels"),
    "no placeholder": (ClassifyJob, {"labels": ["a"], "hypothesis_template": "x"}, "hypothesis_template"),
    "a template without labels": (ClassifyJob, {"hypothesis_template": "{}!"}, "hypothesis_template"),
    "multi_label": (ClassifyJob, {"multi_label": "yes"}, "multi_label"),
    "truncate": (ClassifyJob, {"truncate": 1}, "truncate"),
    "prefix": (ClassifyJob, {"output_prefix": 1}, "output_prefix"),
    "one column": (NliJob, {"column": "a", "hypothesis_column": "a"}, "hypothesis_column"),
    "no hypothesis column": (NliJob, {"hypothesis_column": ""}, "hypothesis_column"),
    "hypothesis": (NliJob, {"hypothesis": 1}, "hypothesis"),
    "no target": (StanceJob, {}, "target"),
    "templates": (StanceJob, {"target": "a", "templates": "{target}"}, "templates"),
    "method": (TokensJob, {"method": "guess"}, "method"),
    "ids": (TokensJob, {"ids": 1}, "ids"),
    "ids of a provider": (TokensJob, {"ids": True, "method": "provider"}, "ids"),
    "vectors in CSV": (EmbedJob, {"out": "out.csv"}, "out"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_invalid_arguments_are_refused_at_construction(case: str) -> None:
    make, options, field = REFUSED[case]
    with pytest.raises(InvalidInput) as caught:
        make(**{"source": "in.csv", "out": "out.jsonl", "model": "m", **options})
    assert caught.value.field == field


async def test_a_model_that_cannot_do_the_task_is_refused_before_a_file_is_touched(models: Path, source: Path) -> None:
    out = source.parent / "out.jsonl"
    nli, sentiment = LocalNli(str(models / "nli")), LocalClassifier(str(models / "sentiment"))
    with pytest.raises(InvalidInput, match="a job of nli needs infer_nli_batch, which LocalClassifier does not have"):
        await run(make_job("nli", models, source, out), sentiment)
    with pytest.raises(InvalidInput, match="needs classify_batch, which LocalNli"):
        await run(make_job("classify", models, source, out), nli)
    with pytest.raises(InvalidInput, match="the given model is"):
        await run(ClassifyJob(source, out, "other", labels=["a"]), nli)
    with pytest.raises(InvalidInput, match="asks no provider"):
        await run(TokensJob(source, out, "gpt-5.4", method="provider"), TokenizerRegistry())
    assert names_in(source.parent) == {source.name}


@pytest.mark.parametrize("task", ["classify", "zero-shot", "nli", "stance"])
async def test_local_models_gateways_and_blocking_ones_give_the_same(models: Path, source: Path, task: str) -> None:
    target = {name: source.parent / f"{name}.jsonl" for name in ("gateway", "local", "blocking", "beside", "by local")}
    reports: list[Progress] = []
    await run_job(make_job(task, models, source, target["gateway"]), task, models, progress=reports.append)
    phases = [report.phase for report in reports]
    assert {*phases} == {make_job(task, models, source, "a.jsonl").task, "join"}
    assert all(report.rows + report.computed <= 400 for report in reports)
    local = LocalClassifier(models / "sentiment") if task == "classify" else LocalNli(models / "nli")
    await run(make_job(task, models, source, target["local"]), local)

    def block() -> None:
        builder = Ratatoskr.builder().threads(1).cache_dir(models / "store")
        builder.local_nli(str(models / "nli")).local_classifier(str(models / "sentiment"))
        with builder.build().sync() as gateway:
            run_sync(make_job(task, models, source, target["blocking"]), gateway)
        run_sync(make_job(task, models, source, target["by local"]), local)

    await asyncio.to_thread(block)
    run_sync(make_job(task, models, source, target["beside"]), local)  # beside the loop of this test
    rows = {name: read_rows(path) for name, path in target.items()}
    for name in target:
        assert_same(rows[name], rows["gateway"])


def test_tokens_are_counted_by_gateways_too(tmp_path: Path) -> None:
    source = write(tmp_path / "in", "jsonl", ROWS[:40])
    gateway = Ratatoskr.builder().provider("ollama").build()
    for name, given in (("blocking", gateway.sync()), ("registry", TokenizerRegistry())):
        run_sync(TokensJob(source, tmp_path / f"{name}.jsonl", "gpt-5.4"), given)
    asyncio.run(run(TokensJob(source, tmp_path / "awaited.jsonl", "gpt-5.4"), gateway))
    assert digest(tmp_path / "blocking.jsonl") == digest(tmp_path / "registry.jsonl")
    assert digest(tmp_path / "awaited.jsonl") == digest(tmp_path / "registry.jsonl")
    run_sync(TokensJob(source, tmp_path / "estimate.jsonl", "claude-sonnet-5"), TokenizerRegistry())
    for row in read_rows(tmp_path / "estimate.jsonl"):
        assert row["tokens_kind"] == "estimate"
        assert row["tokens_low"] <= row["tokens"] <= row["tokens_high"]


async def test_a_fault_of_one_text_is_named_by_its_row(models: Path, tmp_path: Path) -> None:
    rows = [{"text": "the state", "claim": "time"} for _ in range(100)]
    rows[70] = {"text": "the state", "claim": "x " * 100}
    source, out = write(tmp_path / "in", "jsonl", rows), tmp_path / "out.jsonl"
    with pytest.raises(InvalidInput, match=r"row 71 \(the first is 1\)") as caught:
        await run_job(make_job("nli", models, source, out), "nli", models)
    assert "pair" not in caught.value.message
    rows = [{"text": "the state"} for _ in range(100)]
    rows[50] = {"text": "word " * 200}
    source = write(tmp_path / "in", "jsonl", rows)
    for task in ("classify", "zero-shot", "stance"):
        a_job = make_job(task, models, source, tmp_path / f"{task}.jsonl", truncate=False)
        with pytest.raises(InvalidInput, match=r"row 51 \(the first is 1\)"):
            await run_job(a_job, task, models)


async def test_results_of_another_model_or_with_other_labels_are_refused(models: Path, source: Path) -> None:
    class Changing:
        def __init__(self, model: Any, change: str) -> None:
            self.given, self.change, self.calls = model, change, 0

        async def classify_batch(self, texts: Any, model: str, **options: Any) -> Any:
            from dataclasses import replace

            found = await self.given.classify_batch(texts, model, **options)
            self.calls += 1
            if self.calls < 3:
                return found
            if self.change == "model":
                return replace(found, model="other")
            if self.change == "count":
                return replace(found, results=found.results[1:])
            return replace(found, results=tuple(replace(one, scores={"fair": 1.0}) for one in found.results))

    messages = {"model": "results of other after those of", "labels": "'fair', which no text before had"}
    messages["count"] = "32 rows got 31 values of 'label'"
    async with open_model("classify", models) as model:
        for change, message in messages.items():
            with pytest.raises(MalformedResponse, match=message):
                await run(
                    make_job("classify", models, source, source.parent / f"{change}.jsonl"), Changing(model, change)
                )


async def test_stance_templates_and_labels_are_part_of_the_job(models: Path, source: Path) -> None:
    templates = StanceTemplates("for {target}", "against {target}", "{target}?")
    out = source.parent / "out.jsonl"
    await run_job(make_job("stance", models, source, out, templates=templates), "stance", models)
    expected = await LocalNli(models / "nli").classify_stance(ROWS[5]["text"], "time", templates=templates)
    assert read_rows(out)[5]["favor"] == pytest.approx(expected.favor, abs=1e-5)


async def test_many_labels_make_windows_short(models: Path, source: Path) -> None:
    from ratatoskr.jobs.windows import rows_in_window

    def window(labels: int, window: int) -> int:
        return rows_in_window(ClassifyJob(source, "a.csv", "m", labels=[str(n) for n in range(labels)], window=window))

    assert (window(1, 4096), window(8, 4096), window(1000, 4096), window(1000, 5)) == (4096, 512, 16, 5)


async def test_a_neutral_that_the_model_does_not_have_is_null(tmp_path: Path) -> None:
    labels = {"id2label": {"0": "entailment", "1": "not_entailment"}}
    folder = Classifier(3, 2).write(tmp_path / "two", config=labels)
    source = write(tmp_path / "in", "jsonl", ROWS[:20])
    for out in ("jsonl", "parquet", "csv"):
        a_job = NliJob(source, tmp_path / f"out.{out}", str(folder), "text", hypothesis="time")
        await run(a_job, LocalNli(folder))
        assert [row["neutral"] for row in read_rows(tmp_path / f"out.{out}")] == [None] * 20
    assert pq.read_schema(tmp_path / "out.parquet").field("neutral").type == pa.float64()


async def test_csv_keeps_what_json_lines_hold(models: Path, tmp_path: Path) -> None:
    rows = [
        {"text": 'a "quoted", text\nof two lines', "flag": True, "list": [1, "b"], "n": 12345678901234567890},
        {"text": "time", "late": "07", "n": None},
    ]
    source = write(tmp_path / "in", "jsonl", rows)
    await run_job(make_job("classify", models, source, tmp_path / "out.csv"), "classify", models)
    with (tmp_path / "out.csv").open(newline="") as file:
        first, second = csv.DictReader(file)
    assert (first["text"], first["flag"], first["n"]) == (rows[0]["text"], "true", "12345678901234567890")
    assert (json.loads(first["list"]), first["late"]) == ([1, "b"], "")
    assert (second["late"], second["n"], second["flag"]) == ("07", "", "")


async def test_a_missing_model_is_an_error_before_anything_is_written(tmp_path: Path) -> None:
    source = write(tmp_path / "in", "jsonl", ROWS[:5])
    with pytest.raises(ModelNotAvailable, match="there is no folder"):
        await run(
            ClassifyJob(source, tmp_path / "out.csv", str(tmp_path / "none"), labels=["a"]), LocalNli(tmp_path / "none")
        )
    assert names_in(tmp_path) == {source.name}
