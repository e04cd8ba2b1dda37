"""Jobs of each task by small models of one worker; and a program that runs one of them, slowly if it is asked to."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path
from typing import Any

from ratatoskr import Ratatoskr
from ratatoskr.jobs import ClassifyJob, Job, NliJob, StanceJob, TokensJob, run
from ratatoskr.local import TokenizerRegistry
from unit.local.classifiers import Classifier

WORDS = ["the", "state", "of", "world", "time", "embedding", "naïve", "don't"]
ROWS = [
    {"id": place, "text": " ".join(WORDS[: 1 + place % 8]) + f" {place % 90}", "claim": WORDS[place % 5]}
    for place in range(400)
]
TASKS = ("classify", "zero-shot", "nli", "stance", "tokens")


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
