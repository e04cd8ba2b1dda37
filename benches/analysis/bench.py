"""Inference and reranking compared with plain batches of the same ONNX graph: `make bench WHAT=analysis`.

The peer does what the pipeline of transformers and the CrossEncoder of sentence-transformers do over ONNX Runtime:
batches of 32 pairs in the given order, each padded to its longest pair. Neither package is needed: the graph, the
runtime and the ids are the same, and the peer's ids are made before its time begins. A second peer sorts the pairs by
length first. What is compared takes turns in every round, and ratios are formed within a round. The matrix products
alone, those of attention at the texts' lengths included, are measured before and after each round (`products.py`).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from analysis.graph import INPUTS, Shape, write_model
from analysis.products import Products
from ratatoskr._core import Tokenizer
from ratatoskr.local import Device, LocalNli, LocalReranker, ModelPool, ModelStore
from unit.local.stand_ins import _word_tokenizer

SHAPES = {
    "rerank, 6 layers of 384": Shape(6, 384, 12, ("LABEL_0",)),
    "nli, 6 layers of 768": Shape(6, 768, 12, ("contradiction", "entailment", "neutral")),
}
BATCH, LIMIT = 32, 512
WORDS = ("the", "of", "and", "to", "in", "is", "that", "for", "was", "with", "state", "world", "time")

Pairs = list[tuple[str, str]]


def make_pairs(count: int) -> Pairs:
    """Return short texts with texts of mixed lengths: half of them under 60 words, a tenth over 250."""
    random = np.random.default_rng(1)
    lengths = np.clip(random.lognormal(np.log(60), 1.1, count), 4, 470).astype(int)
    return [
        (" ".join(random.choice(WORDS, length)), " ".join(random.choice(WORDS, random.integers(4, 12))))
        for length in lengths
    ]


class Peer:
    """The graph in a session of its own, called with padded batches."""

    def __init__(self, folder: Path, *, sort: bool) -> None:
        options = ort.SessionOptions()
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # faster where others use the cores
        self._session = ort.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])
        self._tokenizer = Tokenizer((folder / "tokenizer.json").read_bytes())
        self._sort = sort

    def prepare(self, pairs: Pairs) -> list[tuple[list[int], list[int]]]:
        """Return the ids and segments of pairs."""
        sides = [self._tokenizer.encode(list(side), 100_000) for side in zip(*pairs, strict=True)]
        rows = []
        for index in range(len(pairs)):
            first, second = ([int(one) for one in side.ids(index)][1:-1] for side in sides)
            first = first[: LIMIT - 3 - len(second)]
            rows.append(([2, *first, 3, *second, 3], [0] * (len(first) + 2) + [1] * (len(second) + 1)))
        return rows

    def run(self, rows: Sequence[tuple[list[int], list[int]]]) -> Any:
        """Return the logits in the order of the rows."""
        order = sorted(range(len(rows)), key=lambda index: -len(rows[index][0])) if self._sort else range(len(rows))
        parts = []
        for start in range(0, len(rows), BATCH):
            batch = [rows[index] for index in order[start : start + BATCH]]
            feeds = {name: np.zeros((len(batch), max(len(ids) for ids, _ in batch)), np.int64) for name in INPUTS}
            for place, (ids, kinds) in enumerate(batch):
                feeds[INPUTS[0]][place, : len(ids)] = ids
                feeds[INPUTS[1]][place, : len(ids)] = 1
                feeds[INPUTS[2]][place, : len(ids)] = kinds
            parts.append(self._session.run(None, feeds)[0])
        logits = np.concatenate(parts)
        found = np.empty_like(logits)
        found[[*order]] = logits
        return found


def timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """Return what a function returns, how long it runs, and the seconds of CPU of all threads."""
    began, cpu = time.perf_counter(), time.process_time()
    found = work()
    return found, time.perf_counter() - began, time.process_time() - cpu


def measure(name: str, shape: Shape, folder: Path, pairs: Pairs, rounds: int) -> str:
    """Return a row of the table; all give the same scores."""
    write_model(folder, shape, *_word_tokenizer())
    pool, loop = ModelPool(ModelStore(folder.parent / "store")), asyncio.new_event_loop()
    model: Any = (LocalReranker if len(shape.labels) == 1 else LocalNli)(folder, pool=pool)

    def ours() -> Any:
        if isinstance(model, LocalNli):
            return loop.run_until_complete(model.infer_nli_batch(pairs))
        # One query for each document, as a search has: the pairs of the peer have it, too.
        return loop.run_until_complete(model.rerank(pairs[0][1], [text for text, _ in pairs]))

    if len(shape.labels) == 1:
        pairs = [(text, pairs[0][1]) for text, _ in pairs]
        given = [(query, text) for text, query in pairs]
    else:
        given = pairs
    plain, sorting = Peer(folder, sort=False), Peer(folder, sort=True)
    rows = plain.prepare(given)
    products, calls = (
        Products(shape),
        cut([len(ids) for ids, _ in rows], Device.cpu().budget(shape.hidden, 4 * shape.hidden)),
    )
    cores = len(os.sched_getaffinity(0))
    for peer in (plain, sorting):
        peer.run(rows[:2])
    loop.run_until_complete(model.preload())
    walls, cpus, shares = [], [], []
    for _ in range(rounds):
        before = products.seconds(calls, cores)
        runs = [timed(ours), timed(lambda: plain.run(rows)), timed(lambda: sorting.run(rows))]
        after = products.seconds(calls, cores)
        check(*(found for found, _, _ in runs))
        walls.append([wall for _, wall, _ in runs])
        cpus.append([cpu for _, _, cpu in runs])
        own = runs[0][1:]
        shares.append([(first + last) / 2 / spent for first, last, spent in zip(before, after, own, strict=True)])
    pool.close()
    rates = [len(pairs) / statistics.median(column) for column in zip(*walls, strict=True)]
    leads = [[statistics.median(one[peer] / one[0] for one in times) for times in (walls, cpus)] for peer in (1, 2)]
    cells = [f"{rates[0]:,.1f}"]
    for rate, (wall, cpu) in zip(rates[1:], leads, strict=True):
        cells += [f"{rate:,.1f}", f"**{wall:.2f}**", f"{cpu:.2f}"]
    cells += [f"{statistics.median(column):.0%}" for column in zip(*shares, strict=True)]
    return f"| {name} | {' | '.join(cells)} |"


def cut(lengths: list[int], budget: int) -> list[list[int]]:
    """Return the lengths of the texts of each call, the longest first: as many as fit the budget with padding."""
    calls: list[list[int]] = []
    for length in sorted(lengths, reverse=True):
        if calls and calls[-1][0] * (len(calls[-1]) + 1) <= budget:
            calls[-1].append(length)
        else:
            calls.append([length])
    return calls


def check(found: Any, *peers: Any) -> None:
    """Raise `AssertionError` unless all scores are the same."""
    for logits in peers:
        if logits.shape[1] == 1:
            ours = np.array([score for _, score in sorted(found)])
            theirs = 1 / (1 + np.exp(-logits[:, 0]))
        else:
            ours = np.array([(one.contradiction, one.entailment, one.neutral) for one in found])
            raised = np.exp(logits - logits.max(axis=1, keepdims=True))
            theirs = raised / raised.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    pairs = make_pairs(given.pairs)
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.0f}; Python {platform.python_version()}")
    print(f"onnxruntime {ort.__version__}; {given.pairs} pairs, {given.rounds} rounds")
    peer = "pairs/s | ratio | ratio of CPU"
    print(f"\n| model | ours, pairs/s | in order, {peer} | sorted, {peer} | of the products | by CPU |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, shape) in enumerate(SHAPES.items()):
            print(measure(name, shape, Path(folder, str(number)), pairs, given.rounds), flush=True)


if __name__ == "__main__":
    main()
