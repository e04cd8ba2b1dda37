"""Counts and tokens with places, compared with tiktoken and tokenizers: `make bench WHAT=tokens`.

What is compared takes turns in every round, ratios are formed within a round, and each figure is the median of the
rounds, because machines are shared. Where one thread works, seconds of CPU are measured, otherwise those of a clock.
tiktoken gets the ranks of the extension, which are those that it would download.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import tiktoken
import tiktoken_ext.openai_public as public

from embed.prose import corpora, words
from ratatoskr import Ratatoskr, TokenizerRegistry, _core

MODELS = {"o200k_base": "gpt-5.4", "cl100k_base": "gpt-4"}
SIZE = 10_000


def tiktoken_of(name: str) -> tiktoken.Encoding:
    """Return tiktoken's encoding of a name, with the ranks of the extension."""
    encoding = _core.Encoding(name)
    tokens = itertools.takewhile(lambda token: token is not None, map(encoding.token, itertools.count()))
    ranks = {token: rank for rank, token in enumerate(tokens)}
    with mock.patch.object(public, "load_tiktoken_bpe", return_value=ranks):
        return tiktoken.Encoding(**getattr(public, name)())


def texts_of_10_kb() -> dict[str, list[str]]:
    """Return texts of 10,000 bytes: prose, code, and code with letters of other scripts, whose words are no tokens."""
    prose = " ".join(words())
    code = "\n".join(path.read_text("utf-8") for path in sorted(Path(asyncio.__file__).parent.glob("*.py")))
    mixed = code.translate({ord(letter): other for letter, other in zip("etaoinsr", "еτаоיनसー", strict=True)})
    return {
        name: [text.encode()[start : start + SIZE].decode("utf-8", "ignore") for start in range(0, SIZE * 20, SIZE)]
        for name, text in (("prose", prose), ("code", code), ("letters of many scripts within words", mixed))
    }


def seconds(work: Callable[[], object], clock: Callable[[], float]) -> float:
    """Return how long a function runs by a clock."""
    began = clock()
    work()
    return clock() - began


def compare(
    pair: dict[str, Callable[[], object]], clock: Callable[[], float], rounds: int
) -> tuple[list[float], float]:
    """Return the median seconds of two functions, and that of the second's by the first's."""
    measured = [[seconds(work, clock) for work in pair.values()] for _ in range(rounds + 1)][1:]
    return [statistics.median(column) for column in zip(*measured, strict=True)], statistics.median(
        theirs / ours for ours, theirs in measured
    )


def measure_counts(rounds: int) -> None:
    """Print the time of counts of 10 KB texts, of both in one thread."""
    print("\n| encoding | texts of 10 KB | count_tokens, µs | tiktoken, µs | ratio |\n|---|---|---|---|---|")
    registry = TokenizerRegistry()
    for name, model in MODELS.items():
        peer = tiktoken_of(name)
        for kind, texts in texts_of_10_kb().items():
            found = [registry.count_tokens(text, model).tokens for text in texts]
            assert found == [len(peer.encode_ordinary(text)) for text in texts]
            pair = {
                "ours": lambda texts=texts, model=model: [registry.count_tokens(text, model).tokens for text in texts],
                "tiktoken": lambda texts=texts, peer=peer: [len(peer.encode_ordinary(text)) for text in texts],
            }
            (ours, theirs), ratio = compare(pair, time.thread_time, rounds)
            each = 1e6 / len(texts)
            print(f"| {name} | {kind} | {ours * each:.0f} | {theirs * each:.0f} | **{ratio:.1f}** |")


def measure_sizes(rounds: int) -> None:
    """Print the time of a byte of texts of up to 16 MB."""
    print("\n| o200k_base | 64 KB, ns a byte | 1 MB | 16 MB |\n|---|---|---|---|")
    registry = TokenizerRegistry()
    units = {"prose": " ".join(words()) + " ", "one letter": "a", "spaces": " ", "marks": "e\u0301", "emoji": "🐿️"}
    for name, unit in units.items():
        cells = []
        for size in (1 << 16, 1 << 20, 1 << 24):
            text = (unit * (size // len(unit.encode()) + 1)).encode()[:size].decode("utf-8", "ignore")
            times = [
                seconds(lambda text=text: registry.count_tokens(text, "gpt-5.4"), time.thread_time)
                for _ in range(rounds)
            ]
            cells.append(f"{statistics.median(times) / size * 1e9:.1f}")
        print(f"| {name} | {' | '.join(cells)} |")


async def watch(done: asyncio.Event) -> float:
    """Return the longest time that the thread of the loop worked between two turns of this task."""
    worst, last = 0.0, time.thread_time()
    while not done.is_set():
        await asyncio.sleep(0.0005)
        now = time.thread_time()
        worst, last = max(worst, now - last), now
    return worst


async def measure_loop(rounds: int) -> None:
    """Print how long a task that waits for nothing is kept from running while 16 MB are counted."""
    text = (("née 🙂 " + " ".join(words())) * 50)[:16_000_000]
    async with Ratatoskr.builder().openai("k").build() as gateway:
        await gateway.count_tokens("x", "gpt-5.4")
        longest, took = [], 0.0
        for _ in range(rounds):
            done = asyncio.Event()
            watcher = asyncio.create_task(watch(done))
            began = time.perf_counter()
            await gateway.count_tokens(text, "gpt-5.4")
            took = time.perf_counter() - began
            done.set()
            longest.append(await watcher)
    print(f"\nThe loop's thread worked for at most {statistics.median(longest) * 1e3:.1f} ms at once while", end=" ")
    print(f"{len(text.encode()) / 1e6:.0f} MB were counted in {took * 1e3:.0f} ms")


def measure_batches(file: Path | None, rounds: int) -> None:
    """Print the time of tokens with their places of short texts, of both in as many threads as they like."""
    try:
        import tokenizers
    except ImportError:
        print("\ntokenizers is not installed: batches are not compared")
        return
    from unit.core.test_tokenizer_places import file_of

    files: dict[str, bytes] = {"cl100k_base as tokenizer.json": file_of("cl100k_base", 100_256)}
    if file is not None:
        files[file.parent.name] = file.read_bytes()
    print(
        "\n| tokenizer | short texts | tokenize_batch, texts/s | tokenizers, texts/s | ratio |\n|---|---|---|---|---|"
    )
    texts = corpora(short=8192)["short"]
    for name, data in files.items():
        path = Path(tempfile.mkdtemp()) / "tokenizer.json"
        path.write_bytes(data)
        peer: Any = tokenizers.Tokenizer.from_buffer(data)
        peer.no_truncation()
        peer.no_padding()
        registry = TokenizerRegistry({"m": path})
        models = {"m": name, "gpt-4": "the built-in cl100k_base"} if name.startswith("cl100k") else {"m": name}

        def theirs(peer: Any = peer) -> Any:
            return [(one.ids, one.offsets) for one in peer.encode_batch(texts, add_special_tokens=False)]

        for model, shown in models.items():
            assert [one.ids.tolist() for one in registry.tokenize_batch(texts[:100], model)] == [
                ids for ids, _ in theirs()[:100]
            ]
            pair = {
                "ours": lambda model=model, registry=registry: registry.tokenize_batch(texts, model),
                "peer": theirs,
            }
            (ours, other), ratio = compare(pair, time.perf_counter, rounds)
            print(
                f"| {shown} | {len(texts):,} | {len(texts) / ours:,.0f} | {len(texts) / other:,.0f} | **{ratio:.1f}** |"
            )
        path.unlink()


def processor() -> str:
    """Return the name of the processor, the number of CPUs, and the load of the machine."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    name = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())
    return f"{name}, {len(os.sched_getaffinity(0))} CPUs, load {os.getloadavg()[0]:.1f}"


def main() -> None:
    """Run the bench."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--tokenizer", type=Path, help="a tokenizer.json, to compare batches with, too")
    parser.add_argument(
        "--peers", type=Path, help="a folder of packages, if tokenizers is not among the installed ones"
    )
    given = parser.parse_args()
    if given.peers is not None:
        sys.path.append(str(given.peers))
    print(f"{processor()}; Python {platform.python_version()}, tiktoken {tiktoken.__version__}")
    measure_counts(given.rounds)
    measure_sizes(min(given.rounds, 3))
    asyncio.run(measure_loop(3))
    measure_batches(given.tokenizer, given.rounds)


if __name__ == "__main__":
    main()
