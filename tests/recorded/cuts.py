"""Truncates recorded streams and checks the result: the complete answer, a typed error, or something wrong.

A stream that ends after any of its bytes is fed to the parser and the dialect's decoder in two ways: the connection
breaks there, or the body ends there with correct framing. The bytes are fed one by one to one parser, whose events so
far are valid for every position up to the next event. A second parser shows, at every position, which events the end of
the body there makes of the bytes after the last event.

    PYTHONPATH=tests python -m recorded.cuts
"""

from __future__ import annotations

import sys
import time
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TextIO

from ratatoskr._core import SseParser
from ratatoskr.errors import RatatoskrError
from ratatoskr.wire.failure import FailureReported
from ratatoskr.wire.turn import TurnBuilder
from recorded.cases import Case, stream_cases

ENDED_EARLY = "ended before its end"
Events = list[tuple[str, bytes]]


@dataclass
class CutCounts:
    """The results, of one dialect or of all."""

    streams: int = 0
    positions: int = 0
    complete: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    @property
    def cuts(self) -> int:
        """The number of ends that were checked: two at each position."""
        return self.complete + self.errors.total() + len(self.wrong)

    def add(self, other: CutCounts) -> None:
        """Add the results of another one."""
        self.streams += other.streams
        self.positions += other.positions
        self.complete += other.complete
        self.errors += other.errors
        self.wrong += other.wrong


class PartialDecoder:
    """A decoder that has been fed the first events of a stream."""

    def __init__(self, case: Case, events: Iterable[tuple[str, bytes]]) -> None:
        self._decoder = case.dialect.StreamDecoder(case.target)
        self.error = self.feed(events)

    @property
    def turn(self) -> TurnBuilder:
        """The turn so far."""
        turn: TurnBuilder = self._decoder.turn
        return turn

    def feed(self, events: Iterable[tuple[str, bytes]]) -> str | None:
        """Feed more events; return the name of the error that one of them raises."""
        try:
            for name, data in events:
                self._decoder.feed(name, data)
        except (FailureReported, RatatoskrError) as error:
            return type(error).__name__
        return None

    def end(self) -> str | None:
        """End the body; return the name of the error, if that is one."""
        try:
            self._decoder.end()
        except (FailureReported, RatatoskrError) as error:
            return type(error).__name__
        return None if self.turn.done else ENDED_EARLY


def snapshot(turn: TurnBuilder) -> Any:
    """Return what a turn that claims to be complete must contain."""
    return (
        turn.parts(),
        turn.finish_reason,
        turn.native_finish_reason,
        turn.usage,
        turn.cost,
        turn.model,
        turn.response_id,
        turn.notices,
    )


class RecordedStream:
    """One recorded stream, to be truncated."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.body = case.body
        self.framing: Any = case.dialect.FRAMING
        parser = SseParser(self.framing)
        complete = PartialDecoder(case, parser.feed(self.body) + parser.finish())
        self.failed = complete.error or complete.end()
        self.complete = None if self.failed else snapshot(complete.turn)

    def event_ends(self) -> list[int]:
        """Return the positions at which an event is complete."""
        parser = SseParser(self.framing)
        return [position + 1 for position in range(len(self.body)) if parser.feed(self.body[position : position + 1])]

    def check(self, positions: Collection[int]) -> CutCounts:
        """Truncate the stream at each of the positions."""
        counts = CutCounts(1, len(positions))
        for position, events, tail, truncated in self._walk(positions):
            self._check(counts, position, events, tail, truncated=truncated)
        return counts

    def _walk(self, positions: Collection[int]) -> Iterator[tuple[int, Events, Events, bool]]:
        """Yield each position, the events before it, those that the end adds, and whether it is inside an event."""
        parser, so_far, last_end = SseParser(self.framing), Events(), 0
        for position in range(len(self.body)):
            if position in positions:
                rest = SseParser(self.framing)
                early = rest.feed(self.body[last_end:position])
                yield position, so_far, early + rest.finish(), rest.truncated
            events = parser.feed(self.body[position : position + 1])
            if events:
                so_far, last_end = so_far + events, position + 1

    _cached: tuple[Events, PartialDecoder, str | None, PartialDecoder] | None = None

    def _check(self, counts: CutCounts, position: int, events: Events, tail: Events, *, truncated: bool) -> None:
        if self._cached is None or self._cached[0] is not events:
            ended = PartialDecoder(self.case, events)
            self._cached = events, PartialDecoder(self.case, events), ended.error or ended.end(), ended
        _, open_, outcome, ended = self._cached
        broken = open_.error or (None if open_.turn.done else "ConnectionFailed")
        self._count(counts, position, "broken", broken, open_.turn)
        if tail and open_.error is None and not open_.turn.done:
            outcome = open_.feed(tail)
            if outcome is None:  # the events of the tail have changed it
                ended, outcome = open_, open_.end()
                self._cached = None
        elif truncated and open_.error is None and not open_.turn.done:
            outcome = "MalformedResponse"  # the transport raises it at the end of the body
        self._count(counts, position, "clean", outcome, ended.turn)

    def _count(self, counts: CutCounts, position: int, ending: str, error: str | None, turn: TurnBuilder) -> None:
        if error is not None:
            counts.errors[error] += 1
        elif self.complete is not None and snapshot(turn) == self.complete:
            counts.complete += 1
        else:
            counts.wrong.append(f"{self.case.id} {ending} at byte {position} of {len(self.body)}")


def cut_at_every_byte(cases: Iterable[Case], out: TextIO) -> dict[str, CutCounts]:
    """Truncate each stream at each of its bytes, and print and return the results by endpoint family."""
    counts_by_family: dict[str, CutCounts] = defaultdict(CutCounts)
    began = time.perf_counter()
    for case in cases:
        stream = RecordedStream(case)
        counts_by_family[case.family].add(stream.check(range(len(stream.body))))
    total = CutCounts()
    head = f"{'dialect':<18}{'streams':>8}{'bytes':>10}{'cuts':>10}{'complete':>10}{'typed errors':>14}{'wrong':>7}"
    print(head, file=out)
    for family, counts in sorted(counts_by_family.items()):
        total.add(counts)
        print(_line(family, counts), file=out)
    print(_line("all", total), file=out)
    for name, count in total.errors.most_common():
        print(f"  {count:>9} {name}", file=out)
    print(
        f"in {time.perf_counter() - began:.1f} s; two cuts a byte: broken connection, and end of the body",
        file=out,
    )
    return dict(counts_by_family)


def _line(name: str, counts: CutCounts) -> str:
    numbers = (
        f"{counts.streams:>8}{counts.positions:>10}{counts.cuts:>10}{counts.complete:>10}{counts.errors.total():>14}"
    )
    return f"{name:<18}{numbers}{len(counts.wrong):>7}"


if __name__ == "__main__":
    figures = cut_at_every_byte(stream_cases(), sys.stdout)
    sys.exit(any(counts.wrong for counts in figures.values()))
