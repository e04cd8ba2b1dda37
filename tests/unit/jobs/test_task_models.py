"""Jobs of every task: what is refused, who may compute, and errors that name a row."""

from __future__ import annotations

import asyncio
import csv
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ratatoskr import InvalidInput, MalformedResponse, ModelNotAvailable, Ratatoskr, StanceTemplates
from ratatoskr.jobs import ClassifyJob, EmbedJob, Job, NliJob, Progress, StanceJob, TokensJob, run, run_sync
from ratatoskr.local import LocalClassifier, LocalNli, TokenizerRegistry
from unit.jobs.files import names_in, write
from unit.jobs.judges import (
    ROWS,
    assert_same,
    make_job,
    open_model,
    read_rows,
    run_job,
)
from unit.jobs.small_jobs import digest
from unit.local.classifiers import Classifier


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write(tmp_path / "in", "jsonl", ROWS)


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
