"""The results of the chat bench: a table of figures, and a table of ratios and their targets."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from chat.peers import AIOHTTP, BARE, LITELLM, OPENAI, OURS

Figures: TypeAlias = dict[str, float]
LOADS = ["alone", "64", "256", "paced", "hundred", "flood"]


@dataclass(slots=True)
class Results:
    """Figures by peer, load and round, and those of blocking calls."""

    figures: dict[tuple[str, str, int], Figures] = field(default_factory=dict)
    blocking: dict[str, Figures] = field(default_factory=dict)

    def add(self, peer: str, mode: str, turn: int, figures: Figures) -> None:
        self.figures[peer, mode, turn] = figures

    def turns(self, peer: str, mode: str) -> set[int]:
        return {turn for name, load, turn in self.figures if (name, load) == (peer, mode)}

    def median(self, peer: str, mode: str, what: str) -> float | None:
        """Return the median over the rounds, or `None` if there is no measurement."""
        values = [self.figures[peer, mode, turn][what] for turn in self.turns(peer, mode)]
        return statistics.median(values) if values else None

    def ratio(self, what: str, one: tuple[str, str], other: tuple[str, str]) -> float | None:
        """Return the ratio of two figures: the median of the ratios within each round."""
        shared = self.turns(*one) & self.turns(*other)
        ratios = [self.figures[*one, turn][what] / self.figures[*other, turn][what] for turn in shared]
        return statistics.median(ratios) if ratios else None


@dataclass(frozen=True, slots=True)
class Column:
    """One figure under one load."""

    title: str
    mode: str
    what: str
    form: str = "{:,.0f}"
    scale: float = 1.0


COLUMNS = (
    Column("alone, p50 µs", "alone", "p50_us"),
    Column("alone, CPU µs", "alone", "cpu_us"),
    Column("64, calls/s", "64", "rate"),
    Column("64, CPU µs", "64", "cpu_us"),
    Column("256, calls/s", "256", "rate"),
    Column("256, CPU µs", "256", "cpu_us"),
    Column("paced, CPU µs", "paced", "cpu_us", "{:,.1f}"),
    Column("paced, p99 ms late", "paced", "p99_us", "{:,.1f}", 1e-3),
    Column("100, CPU µs", "hundred", "cpu_us", "{:,.1f}"),
    Column("100, p99 ms late", "hundred", "p99_us", "{:,.1f}", 1e-3),
    Column("flood, CPU µs", "flood", "cpu_us", "{:,.1f}"),
)


def table(results: Results, peers: Sequence[str]) -> str:
    """Return the table of medians: CPU per call or delta, calls per second, durations, lateness."""
    columns = [column for column in COLUMNS if any(results.turns(peer, column.mode) for peer in peers)]
    rows = [["", *(column.title for column in columns)], ["---"] * (len(columns) + 1)]
    for peer in peers:
        cells = [peer]
        for column in columns:
            value = results.median(peer, column.mode, column.what)
            cells.append("" if value is None else column.form.format(value * column.scale))
        rows.append(cells)
    return _markdown(rows)


@dataclass(frozen=True, slots=True)
class Target:
    """A ratio and its bound: a lower bound if `least` is set, otherwise an upper bound."""

    title: str
    what: str
    one: tuple[str, str]
    other: tuple[str, str]
    bound: float
    least: bool = False

    def is_met(self, ratio: float) -> bool:
        return ratio >= self.bound if self.least else ratio <= self.bound


TARGETS = (
    Target("CPU of a call, 64 in flight, vs aiohttp", "cpu_us", (OURS, "64"), (AIOHTTP, "64"), 1.0),
    Target("calls/s, 64 in flight, vs litellm", "rate", (OURS, "64"), (LITELLM, "64"), 40, least=True),
    Target("calls/s, 64 in flight, vs openai", "rate", (OURS, "64"), (OPENAI, "64"), 20, least=True),
    Target("p50 alone, vs aiohttp", "p50_us", (OURS, "alone"), (AIOHTTP, "alone"), 1.2),
    Target("calls/s, 256 in flight, vs 64", "rate", (OURS, "256"), (OURS, "64"), 0.8, least=True),
    Target("CPU of a paced delta, vs aiohttp", "cpu_us", (OURS, "paced"), (AIOHTTP, "paced"), 1.1),
    Target("CPU of a paced delta, litellm vs us", "cpu_us", (LITELLM, "paced"), (OURS, "paced"), 12, least=True),
    Target("CPU of a paced delta, openai vs us", "cpu_us", (OPENAI, "paced"), (OURS, "paced"), 4, least=True),
    Target("p99 lateness, 100 streams, vs aiohttp", "p99_us", (OURS, "hundred"), (AIOHTTP, "hundred"), 1.0),
    Target("CPU of a delta, flood, litellm vs us", "cpu_us", (LITELLM, "flood"), (OURS, "flood"), 50, least=True),
    Target("CPU of a call, 64 in flight, our transport vs aiohttp", "cpu_us", (BARE, "64"), (AIOHTTP, "64"), 0.6),
)
BLOCKING = Target("overhead of a blocking call, vs a no-op on another loop", "p50_us", ("", ""), ("", ""), 1.2)


def targets(results: Results) -> str:
    """Return the table of ratios and their targets."""
    rows = [["within one run", "ratio", "target", "met"], ["---"] * 4]
    measured = [(target, results.ratio(target.what, target.one, target.other)) for target in TARGETS]
    for target, ratio in [*measured, (BLOCKING, blocking_overhead(results))]:
        if ratio is not None:
            bound = f"{'≥' if target.least else '≤'} {target.bound:g}"
            rows.append([target.title, f"{ratio:.2f}", bound, "yes" if target.is_met(ratio) else "**no**"])
    return _markdown(rows)


def blocking_overhead(results: Results) -> float | None:
    """Return the overhead of a blocking call, in units of a no-op coroutine run on another thread's loop."""
    figures = results.blocking
    if not figures:
        return None
    return (figures["blocking"]["p50_us"] - figures["awaited"]["p50_us"]) / figures["nothing"]["p50_us"]


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
