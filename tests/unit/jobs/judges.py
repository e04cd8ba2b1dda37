"""Jobs of each task by small models of one worker; and a program that runs one of them, slowly if it is asked to."""

from __future__ import annotations

import asyncio
import csv
import json
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from ratatoskr import Ratatoskr
from ratatoskr.jobs import ClassifyJob, Job, NliJob, StanceJob, Summary, TokensJob, run
from ratatoskr.local import TokenizerRegistry
from unit.local.classifiers import Classifier

WORDS = ["the", "state", "of", "world", "time", "embedding", "naïve", "don't"]
ROWS = [
    {"id": place, "text": " ".join(WORDS[: 1 + place % 8]) + f" {place % 90}", "claim": WORDS[place % 5]}
    for place in range(400)
]
TASKS = ("classify", "zero-shot", "nli", "stance", "tokens")

ADDED = {
    "classify": ["label", "score", "scores"],
    "zero-shot": ["label", "score", "scores"],
    "nli": ["label", "entailment", "neutral", "contradiction"],
    "stance": ["label", "favor", "against", "neutral"],
    "tokens": ["tokens", "tokens_kind", "tokens_low", "tokens_high", "token_ids"],
}


def write_models(folder: Path) -> None:
    """Write a model for inference and one that classifies."""
    Classifier(1, 3).write(folder / "nli")
    Classifier(3, 2).write(folder / "sentiment", config={"id2label": {"0": "good", "1": "bad"}})


def make_job(task: str, models: Path, source: str | Path, out: str | Path, **options: Any) -> Job:
    """Return a job of a task, with windows of 32 rows unless another number is given."""
    options = {"window": 32, **options}
    nli = str(models / "nli")
    make: dict[str, Callable[[], Job]] = {
        "classify": lambda: ClassifyJob(source, out, str(models / "sentiment"), **options),
        "zero-shot": lambda: ClassifyJob(source, out, nli, labels=["time", "world"], **options),
        "nli": lambda: NliJob(source, out, nli, **{"column": "text", "hypothesis_column": "claim", **options}),
        "stance": lambda: StanceJob(source, out, nli, target="time", **options),
        "tokens": lambda: TokensJob(source, out, "own", ids=True, **options),
    }
    return make[task]()


def open_model(task: str, models: Path) -> AbstractAsyncContextManager[Any]:
    """Return the model of a task, to be opened: a gateway with one worker, or a registry of tokenizers."""
    if task == "tokens":
        return nullcontext(TokenizerRegistry({"own": models / "nli" / "tokenizer.json"}))
    builder = Ratatoskr.builder().threads(1).cache_dir(models / "store")
    if task == "classify":
        return builder.local_classifier(str(models / "sentiment")).build()
    return builder.local_nli(str(models / "nli")).build()


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


class Slow:
    """A model, each of whose calls begins with a pause."""

    def __init__(self, model: Any, pause: float) -> None:
        self._model, self._pause = model, pause

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._model, name)

        async def call(*arguments: Any, **options: Any) -> Any:
            await asyncio.sleep(self._pause)
            found = method(*arguments, **options)
            return await found if asyncio.iscoroutine(found) else found

        return call


async def main(task: str, models: str, source: str, out: str, pause: str) -> None:
    async with open_model(task, Path(models)) as model:
        await run(make_job(task, Path(models), source, out), Slow(model, float(pause)) if float(pause) else model)


if __name__ == "__main__":  # TASK MODELS SOURCE OUT PAUSE
    asyncio.run(main(*sys.argv[1:]))
