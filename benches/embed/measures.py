"""The measurements of the bench, each a function; engines are compared in interleaved rounds."""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from embed import engines, matmuls, prose
from ratatoskr.errors import ModelNotAvailable
from ratatoskr.local import LocalEmbedder, ModelPool, ModelStore
from ratatoskr.local.engine import workers

BENCHES = Path(__file__).resolve().parents[1]
FRESH = {
    "ours": "import asyncio\nfrom ratatoskr.local import LocalEmbedder, ModelStore\n"
    "e = LocalEmbedder('AllMiniLmL6V2', store=ModelStore({store!r}))\nasyncio.run(e.embed('a short text'))",
    "fastembed": "from pathlib import Path\nfrom embed.fastembed_peer import embedder\n"
    "embedder(Path({export!r}))(['a short text'])",
}
BEAT = 0.005
"""Seconds between two heartbeats."""

Rates = dict[str, dict[str, float]]


def measure_seconds(work: Callable[[], object]) -> float:
    """Return the duration of a function call in seconds."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


@dataclass(frozen=True, slots=True)
class Throughput:
    """Seconds by corpus, engine and round, and the number of texts of each corpus."""

    seconds: dict[str, dict[str, list[float]]]
    texts: dict[str, int]

    @property
    def rounds(self) -> int:
        return len(next(iter(next(iter(self.seconds.values())).values())))

    def rates(self) -> Rates:
        """Return texts per second: the medians of the rounds."""
        return {
            kind: {name: self.texts[kind] / statistics.median(taken) for name, taken in of.items()}
            for kind, of in self.seconds.items()
        }

    def lead(self, kind: str, ours: str, theirs: str) -> float:
        """Return the ratio of the speeds of two engines: the median of the ratios within each round."""
        of = self.seconds[kind]
        return statistics.median(slow / fast for fast, slow in zip(of[ours], of[theirs], strict=True))


def throughput(peers: dict[str, engines.Embed], rounds: int, part: int, most: float) -> Throughput:
    """Measure the engines in turn over each corpus; no round starts after `most` seconds.

    Each peer has the batch size that is fastest for the corpus.
    """
    corpora = {name: texts[::part] for name, texts in prose.corpora().items()}
    seconds: dict[str, dict[str, list[float]]] = {kind: {name: [] for name in peers} for kind in corpora}
    tuned = {
        kind: {
            name: embed if isinstance(embed, engines.Ours) else engines.with_best_batch(embed, texts[: len(texts) // 3])
            for name, embed in peers.items()
        }
        for kind, texts in corpora.items()
    }
    for kind, texts in corpora.items():
        for embed in tuned[kind].values():
            embed(texts[:16])
    begun, done = time.perf_counter(), 0
    while done < rounds and (done < 2 or time.perf_counter() - begun < most):
        for kind, texts in corpora.items():
            for name, embed in tuned[kind].items():
                seconds[kind][name].append(measure_seconds(lambda embed=embed, texts=texts: embed(texts)))
        done += 1
    return Throughput(seconds, {kind: len(texts) for kind, texts in corpora.items()})


def share_of_limit(ours: engines.Ours, rounds: int, part: int) -> float:
    """Return the ratio of our tokens per second to those of the matrix products alone, measured in turn."""
    shares = []
    texts = [f"{text} {index}" for index, text in enumerate(prose.corpora()["mixed"][::part] * 2)]
    for _ in range(rounds):
        before = matmuls.tokens_per_second(len(os.sched_getaffinity(0)))
        begun = time.perf_counter()
        result = ours.loop.run_until_complete(ours.embedder.embed_batch(texts))
        rate = (result.usage.input_tokens or 0) / (time.perf_counter() - begun)
        after = matmuls.tokens_per_second(len(os.sched_getaffinity(0)))
        shares.append(rate / ((before + after) / 2))
    return statistics.median(shares)


def at_once(ours: engines.Ours, rounds: int) -> float:
    """Return how many times faster sixteen callers are when they are joined than when each is a run by itself."""
    texts = [f"the caller number {number} asks at once" for number in range(16)]
    joined, ratios = workers.MAX_JOINED, []
    ours.at_once(texts)
    for _ in range(rounds * 5):
        taken = {}
        for most in (1, joined):
            workers.MAX_JOINED = most
            taken[most] = sum(measure_seconds(lambda: ours.at_once(texts)) for _ in range(4))
        ratios.append(taken[1] / taken[joined])
    return statistics.median(ratios)


def fresh(store: Path, export: Path, rounds: int) -> dict[str, float]:
    """Return the seconds from the start of a new process to its first vector, with a check of digests."""
    taken: dict[str, list[float]] = defaultdict(list)
    environment = {**os.environ, "PYTHONPATH": str(BENCHES)}
    for _ in range(rounds + 1):
        for name, code in FRESH.items():
            program = code.format(store=str(store), export=str(export)) + "\nprint('.', flush=True)"
            begun = time.perf_counter()
            with subprocess.Popen([sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE) as process:
                assert process.stdout is not None
                assert process.stdout.read(1) == b".", name
                taken[name].append(time.perf_counter() - begun)
                process.communicate()
    return {name: statistics.median(values[1:]) for name, values in taken.items()}


def closeness(exact: engines.Ours, rough: engines.Ours) -> tuple[float, float, float]:
    """Return the mean and the least cosine, and the share of equal nearest neighbours in ten samples of 300."""
    paragraphs = prose.paragraphs()
    a, b = exact(paragraphs), rough(paragraphs)
    cosines, kept, rng = (a * b).sum(axis=1), [], np.random.default_rng(3)
    for _ in range(10):
        chosen = rng.permutation(len(paragraphs))[:300]
        nearest = []
        for vectors in (a[chosen], b[chosen]):
            near = vectors @ vectors.T
            np.fill_diagonal(near, -2)
            nearest.append(near.argmax(axis=1))
        kept.append(float((nearest[0] == nearest[1]).mean()))
    return float(cosines.mean()), float(cosines.min()), statistics.mean(kept)


def batch_independence(engine: engines.Ours) -> float:
    """Return the largest difference between the vector of a text alone and its vector in a batch."""
    some = prose.corpora()["mixed"][:60]
    return float(np.abs(engine(some) - np.concatenate([engine([text]) for text in some])).max())


def lateness(ours: engines.Ours, seconds: float) -> tuple[float, float]:
    """Return the 99th percentile of the lateness of a heartbeat in milliseconds: idle, and during a job."""
    texts = prose.corpora()["mixed"]

    def endless() -> object:
        number = 0
        while True:
            number += 1
            yield f"{texts[number % len(texts)]} {number}"

    async def beat() -> float:
        late = []
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            begun = time.perf_counter()
            await asyncio.sleep(BEAT)
            late.append((time.perf_counter() - begun - BEAT) * 1e3)
        return float(np.percentile(late, 99))

    async def run() -> tuple[float, float]:
        stop = asyncio.Event()

        async def job() -> None:
            async for _ in ours.embedder.embed_windows(endless(), window=512):
                if stop.is_set():
                    return

        idle = await beat()
        task = asyncio.create_task(job())
        beside = await beat()
        stop.set()
        await task
        return idle, beside

    return ours.loop.run_until_complete(run())


def refusal(store: ModelStore) -> float:
    """Return the milliseconds until a model over the memory budget is refused, the maximum of twenty tries."""
    models = ModelPool(store, ram_budget=1_000_000)
    embedder = LocalEmbedder("AllMiniLmL6V2", pool=models)
    loop = asyncio.new_event_loop()

    async def ask() -> None:
        try:
            await embedder.embed("a short text")
        except ModelNotAvailable:
            return
        raise AssertionError("the model was not refused")

    taken = [measure_seconds(lambda: loop.run_until_complete(ask())) * 1e3 for _ in range(20)]
    models.close()
    loop.close()
    return max(taken)


def by_length(peers: dict[str, engines.Embed], part: int) -> tuple[tuple[int, ...], dict[str, list[float]]]:
    """Return lengths in words, and by engine the texts per second of each, the best of two interleaved rounds."""
    source, lengths = prose.words(), (4, 8, 16, 32, 64, 128, 200)
    rates: dict[str, list[float]] = {name: [0.0] * len(lengths) for name in peers}
    for _ in range(2):
        for place, length in enumerate(lengths):
            count = max(24, 4000 // part // length)
            texts = [" ".join(source[start : start + length]) for start in range(0, count * 7, 7)]
            for name, embed in peers.items():
                rate = len(texts) / measure_seconds(lambda embed=embed, texts=texts: embed(texts))
                rates[name][place] = max(rates[name][place], rate)
    return lengths, rates


def draw(lengths: tuple[int, ...], rates: dict[str, list[float]], file: Path) -> None:
    """Plot texts per second by length for all engines."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.5))
    for name, values in rates.items():
        axes.plot(lengths, values, marker="o", label=name)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(lengths, [str(length) for length in lengths])
    axes.legend()
    axes.set_xlabel("words per text")
    axes.set_ylabel("texts/s")
    axes.set_title("all-MiniLM-L6-v2 on this machine's CPU, same weights")
    axes.grid(alpha=0.3, which="both")
    figure.tight_layout()
    figure.savefig(file, dpi=120)
