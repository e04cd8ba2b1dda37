"""Search for a text: the query is embedded by the model of the file, by any kind of embedder."""

from __future__ import annotations

import asyncio
import math
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ratatoskr.errors import InvalidInput
from ratatoskr.jobs import EmbedJob, Match, VectorFile, run, search, search_sync
from ratatoskr.types.embed import Embeddings
from unit.jobs.fake import DIMENSIONS, MODEL, FakeGateway, vector

TEXTS = ["the squirrel", "an eagle", "the ash tree"]


class Asked(FakeGateway):
    """Records how texts are embedded."""

    async def embed_batch(self, texts: Any, model: str, **options: Any) -> Embeddings:
        self.options = {"model": model, **options}
        return await super().embed_batch(texts, model, **options)


class Blocking:
    """A blocking gateway."""

    def embed_batch(self, texts: Any, model: str, **options: Any) -> Embeddings:
        return asyncio.run(FakeGateway().embed_batch(texts, model, **options))


class OneModel:
    """An embedder of one model."""

    model, precision = MODEL, "fp32"

    async def embed_batch(self, texts: Any, *, input_type: str, dimensions: None, truncate: bool) -> Embeddings:
        return Embeddings(np.stack([vector(text) for text in texts]), MODEL)


@pytest.fixture
async def files(tmp_path: Path) -> dict[str, Path]:
    (tmp_path / "in.jsonl").write_text("".join(f'{{"text": "{text}"}}\n' for text in TEXTS))
    made = {suffix: tmp_path / f"out.{suffix}" for suffix in ("parquet", "npy", "jsonl")}
    for path in made.values():
        await run(EmbedJob(tmp_path / "in.jsonl", path, MODEL), FakeGateway())
    return made


async def test_the_query_is_embedded_as_a_query_by_the_model_of_the_file(files: dict[str, Path]) -> None:
    gateway = Asked()
    found = await search(files["parquet"], "an eagle", gateway, top=2)
    assert (found[0].index, found[0].text) == (1, "an eagle")
    assert abs(found[0].score - 1) < 1e-6
    assert len(found) == 2
    assert gateway.calls == [["an eagle"]]
    assert gateway.options == {
        "model": MODEL,
        "input_type": "query",
        "dimensions": None,
        "truncate": True,
        "timeout": math.inf,
    }
    await search(files["parquet"], "an eagle", gateway, model="another")
    assert gateway.options["model"] == "another"


@pytest.mark.parametrize("suffix", ["npy", "jsonl"])
async def test_a_file_that_records_no_model_needs_one(files: dict[str, Path], suffix: str) -> None:
    with pytest.raises(InvalidInput, match=f"out.{suffix} does not record the model .* give model=") as caught:
        await search(files[suffix], "an eagle", FakeGateway())
    assert caught.value.field == "model"
    assert (await search(files[suffix], "an eagle", FakeGateway(), model=MODEL))[0].index == 1


async def test_every_kind_of_embedder_finds_the_same(files: dict[str, Path]) -> None:
    first = await search(files["parquet"], "the ash tree", FakeGateway())
    assert first[0] == Match(2, first[0].score, "the ash tree")
    assert await search(VectorFile(files["parquet"]), "the ash tree", OneModel()) == first
    assert await asyncio.to_thread(search_sync, files["parquet"], "the ash tree", Blocking()) == first
    with pytest.raises(InvalidInput, match="the model is 'other', but the embedder's model is 'fake'"):
        await search(files["parquet"], "the ash tree", OneModel(), model="other")


async def test_other_dimensions_are_an_error_that_names_both(files: dict[str, Path]) -> None:
    for suffix, made in (("parquet", " were made by fake and"), ("npy", "")):
        with pytest.raises(InvalidInput) as caught:
            await search(files[suffix], "x", FakeGateway(dimensions=5), model="small")
        assert caught.value.field == "model"
        assert caught.value.message == (
            f"the vectors of out.{suffix}{made} have {DIMENSIONS} dimensions, and those of small have 5; name the "
            "model that made the file"
        )


@pytest.mark.parametrize(("options", "field"), [({"top": 0}, "top"), ({"metric": "l2"}, "metric")])
async def test_options_are_checked_before_anything_is_embedded(
    files: dict[str, Path], options: dict[str, Any], field: str
) -> None:
    gateway = FakeGateway()
    with pytest.raises(InvalidInput) as caught:
        await search(files["parquet"], "x", gateway, **options)
    assert (caught.value.field, gateway.calls) == (field, [])


async def test_a_cancelled_search_stops_its_threads(files: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    begun, ended = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def wait(self: VectorFile, queries: Any, top: int, *, stop: threading.Event, **_: Any) -> list[list[Match]]:
        loop.call_soon_threadsafe(begun.set)
        if stop.wait(30):
            ended.set()
        return [[]]

    monkeypatch.setattr(VectorFile, "nearest", wait)
    task = asyncio.create_task(search(files["parquet"], "x", FakeGateway()))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(ended.wait, 30)
