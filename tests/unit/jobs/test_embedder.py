"""What computes the vectors: a gateway or a local model, with the same bits when a job continues; errors name rows."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ratatoskr import ContextLengthExceeded, EmbeddedGateway, ModelNotAvailable, Ratatoskr
from ratatoskr.errors import InvalidInput, MalformedResponse
from ratatoskr.jobs import EmbedJob, Progress, digest_of, run
from ratatoskr.local import LocalEmbedder, ModelPool, ModelStore
from unit.jobs.fake import FakeGateway
from unit.jobs.files import names_in, write
from unit.jobs.small_jobs import embed, job
from unit.local.stand_ins import make

WORDS = ("the", "squirrel", "runs", "along", "an", "ash", "and", "carries", "words", "from", "eagle", "to", "serpent")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(make(tmp_path_factory.mktemp("model"), "roberta_mean_96"))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ModelStore:
    return ModelStore(tmp_path_factory.mktemp("store"))


def gateway_of(model: str, store: ModelStore) -> EmbeddedGateway:
    return Ratatoskr.builder().cache_dir(store.root).local_embeddings(model).build()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Texts of one to a hundred words, a fifth of them twice, and a few rows more than full windows."""
    rng = random.Random(3)
    texts = [" ".join(rng.choices(WORDS, k=rng.randint(1, 100 if rng.random() < 0.1 else 12))) for _ in range(803)]
    return write(tmp_path / "in", "jsonl", [{"text": rng.choice(texts) if rng.random() < 0.2 else t} for t in texts])


async def test_a_local_embedder_does_the_same_as_the_gateway_over_it(
    source: Path, model: str, store: ModelStore
) -> None:
    folder = source.parent
    async with gateway_of(model, store) as gateway:
        await run(EmbedJob(source, folder / "gateway.npy", model, window=100), gateway)
    models = ModelPool(store)
    try:
        embedder = LocalEmbedder(model, pool=models)
        await run(EmbedJob(source, folder / "embedder.npy", model, window=100), embedder)
        short = EmbedJob(source, folder / "short.npy", "AllMiniLmL6V2", window=100)
        with pytest.raises(ModelNotAvailable):
            await run(short, LocalEmbedder("AllMiniLmL6V2", pool=models))  # the right one, by its short name
        with pytest.raises(InvalidInput, match="the given model is"):
            await run(EmbedJob(source, folder / "other.npy", "another"), embedder)
    finally:
        models.close()
    assert (folder / "gateway.npy").read_bytes() == (folder / "embedder.npy").read_bytes()
    assert np.load(folder / "gateway.npy").shape == (803, 96)


async def test_without_truncation_a_text_that_is_too_long_is_named_by_its_row(
    tmp_path: Path, model: str, store: ModelStore
) -> None:
    rows = [{"text": "words " * (200 if place == 150 else 3)} for place in range(300)]
    source = write(tmp_path / "in", "parquet", rows)
    async with gateway_of(model, store) as gateway:
        with pytest.raises(ContextLengthExceeded, match=r"row 151 \(the first is 1\) has \d+ tokens"):
            await run(EmbedJob(source, tmp_path / "out.npy", model, window=100, truncate=False), gateway)


async def test_a_missing_model_is_an_error_and_leaves_no_files(tmp_path: Path, store: ModelStore) -> None:
    source = write(tmp_path / "in", "jsonl", [{"text": "a"}] * 100)
    async with gateway_of("AllMiniLmL6V2", store) as gateway:
        with pytest.raises(ModelNotAvailable, match="rat models pull AllMiniLmL6V2"):
            await run(EmbedJob(source, tmp_path / "out.npy", "AllMiniLmL6V2"), gateway)
    assert names_in(tmp_path) == {source.name}


def test_the_digest_of_a_model_is_of_its_files(tmp_path: Path, store: ModelStore) -> None:
    one, two = (make(tmp_path / name, "roberta_mean_96") for name in ("one", "two"))
    assert digest_of(str(one), store) == digest_of(str(two), store)
    (two / "tokenizer.json").write_bytes((two / "tokenizer.json").read_bytes() + b"\n")
    assert digest_of(str(one), store) != digest_of(str(two), store)


async def test_vectors_of_another_count_or_model_are_refused(tmp_path: Path) -> None:
    class Forgetful(FakeGateway):
        async def embed_batch(self, texts: Any, model: str, **options: Any) -> Any:
            return await super().embed_batch(texts[1:], model, **options)

    class Changing(FakeGateway):
        async def embed_batch(self, texts: Any, model: str, **options: Any) -> Any:
            return await super().embed_batch(texts, f"{model}-{len(self.calls)}", **options)

    source = write(tmp_path / "in", "jsonl", [{"text": str(place)} for place in range(100)])
    with pytest.raises(MalformedResponse, match=r"30 texts got vectors of shape \(29, 8\)"):
        await embed(source, tmp_path / "out.npy", Forgetful(), window=30)
    with pytest.raises(MalformedResponse, match="vectors of fake-1 \\(8 dimensions\\) after those of fake-0"):
        await embed(source, tmp_path / "out.npy", Changing(), window=30)


async def test_a_refused_text_is_named_by_its_row(tmp_path: Path) -> None:
    rows = [{"text": None if place < 5 else str(place)} for place in range(100)]
    source = write(tmp_path / "in", "jsonl", rows)

    class Strict(FakeGateway):
        async def embed_batch(self, texts: Any, model: str, **options: Any) -> Any:
            if "77" in texts:
                raise InvalidInput(f"text {texts.index('77')} has 300 tokens, and the model takes 256", field="texts")
            return await super().embed_batch(texts, model, **options)

    with pytest.raises(InvalidInput, match=r"^row 78 \(the first is 1\) has 300 tokens"):
        await run(job(source, "out.npy", on_null="skip", window=20), Strict())


async def stop_after(rows: int, job: EmbedJob, gateway: Any) -> None:
    reached = asyncio.Event()

    def watch(progress: Progress) -> None:
        if progress.phase == "embed" and progress.rows >= rows:
            reached.set()

    task = asyncio.create_task(run(job, gateway, progress=watch))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_continued_job_gives_the_same_bits_as_an_uninterrupted_one(
    source: Path, model: str, store: ModelStore
) -> None:
    folder = source.parent
    options: Any = {"model": model, "window": 100, "model_digest": digest_of(model, store)}
    async with gateway_of(model, store) as gateway:
        full = await run(EmbedJob(source, folder / "full.npy", **options), gateway)
        await stop_after(100, EmbedJob(source, folder / "out.npy", **options), gateway)
        again = await run(EmbedJob(source, folder / "out.npy", **options), gateway)
    assert 0 < again.resumed < 803
    assert (again.rows, again.tokens, again.truncated) == (full.rows, full.tokens, full.truncated)
    assert full.truncated > 0
    assert (folder / "out.npy").read_bytes() == (folder / "full.npy").read_bytes()


async def test_progress_is_reported_batch_by_batch(
    model_folder: Path, graphs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ratatoskr.jobs.runner._BATCH_REPORTS", 0.0)
    texts = [{"text": f"{place} words carried up the tree " * (1 + place % 9)} for place in range(600)]
    source = write(tmp_path / "in", "jsonl", texts)
    job = EmbedJob(source=source, out=tmp_path / "out.npy", model=str(model_folder))
    reports: list[Progress] = []
    async with Ratatoskr.builder().local_embeddings(model_folder).cache_dir(graphs).build() as gateway:
        await run(job, gateway, progress=reports.append)
    under_way = [report for report in reports if report.phase == "embed" and report.computed]
    counts = [report.computed for report in under_way]
    assert len(counts) > 5  # of one window
    assert counts == sorted(counts)
    assert counts[-1] <= 600
    assert all(report.rows == 0 and report.texts_per_second and report.eta is not None for report in under_way)
    assert (reports[-1].rows, reports[-1].computed) == (600, 0)
