"""Cuts recorded streams short and judges what is left: the whole answer, a typed error, or something wrong.

A stream that ends after any of its bytes is fed to the parser and the dialect's decoder, as the transport and the glue
do it, in two ways: the connection breaks there, or the body ends there in right framing. The bytes go one by one
through one parser. What it has given so far stands for every place up to the next event; what the parser makes of the
bytes behind the latest event when the body ends is asked of a parser of its own, at every single place.

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
from recorded.cases import Case, streams

ENDED_EARLY = "ended before its end"
Events = list[tuple[str, bytes]]


@dataclass
class Tally:
    """What was counted, of one dialect or of all."""

    streams: int = 0
    places: int = 0
    complete: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    @property
    def cuts(self) -> int:
        """How many ends were judged: two at each place."""
        return self.complete + self.errors.total() + len(self.wrong)

    def add(self, other: Tally) -> None:
        """Count another one's too."""
        self.streams += other.streams
        self.places += other.places
        self.complete += other.complete
        self.errors += other.errors
        self.wrong += other.wrong


class Fork:
    """A decoder to which the first events of a stream have been told."""

    def __init__(self, case: Case, events: Iterable[tuple[str, bytes]]) -> None:
        self._decoder = case.dialect.StreamDecoder(case.target)
        self.error = self.tell(events)

    @property
    def turn(self) -> TurnBuilder:
        """What it has understood."""
        turn: TurnBuilder = self._decoder.turn
        return turn

    def tell(self, events: Iterable[tuple[str, bytes]]) -> str | None:
        """Tell more events; returns the name of the error that one of them is or tells."""
        try:
            for name, data in events:
                self._decoder.feed(name, data)
        except (FailureReported, RatatoskrError) as error:
            return type(error).__name__
        return None

    def end(self) -> str | None:
        """End the body cleanly; returns the name of the error, if that is one."""
        try:
            self._decoder.end()
        except (FailureReported, RatatoskrError) as error:
            return type(error).__name__
        return None if self.turn.done else ENDED_EARLY


def essence(turn: TurnBuilder) -> Any:
    """Return what an answer that calls itself whole has to hold."""
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


class Stream:
    """One recorded stream, to be cut."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.body = case.body
        self.framing: Any = case.dialect.FRAMING
        parser = SseParser(self.framing)
        whole = Fork(case, parser.feed(self.body) + parser.finish())
        self.failed = whole.error or whole.end()
        self.whole = None if self.failed else essence(whole.turn)

    def borders(self) -> list[int]:
        """Return the places behind which an event is complete."""
        parser = SseParser(self.framing)
        return [place + 1 for place in range(len(self.body)) if parser.feed(self.body[place : place + 1])]

    def judge(self, places: Collection[int]) -> Tally:
        """Cut at each of the places."""
        tally = Tally(1, len(places))
        for place, events, tail in self._walk(places):
            self._judge(tally, place, events, tail)
        return tally

    def _walk(self, places: Collection[int]) -> Iterator[tuple[int, Events, Events]]:
        """Yield the places with the events before each, and those that a clean end there makes of what is left."""
        parser, told, border = SseParser(self.framing), Events(), 0
        for place in range(len(self.body)):
            if place in places:
                rest = SseParser(self.framing)
                early = rest.feed(self.body[border:place])
                yield place, told, early + rest.finish()
            events = parser.feed(self.body[place : place + 1])
            if events:
                told, border = told + events, place + 1

    _known: tuple[Events, Fork, str | None, Fork] | None = None

    def _judge(self, tally: Tally, place: int, events: Events, tail: Events) -> None:
        if self._known is None or self._known[0] is not events:
            ended = Fork(self.case, events)
            self._known = events, Fork(self.case, events), ended.error or ended.end(), ended
        _, open_, outcome, ended = self._known
        broken = open_.error or (None if open_.turn.done else "ConnectionFailed")
        self._count(tally, place, "broken", broken, open_.turn)
        if tail and open_.error is None and not open_.turn.done:
            outcome = open_.tell(tail)
            if outcome is None:  # it has taken something in
                ended, outcome = open_, open_.end()
                self._known = None
        self._count(tally, place, "clean", outcome, ended.turn)

    def _count(self, tally: Tally, place: int, way: str, error: str | None, turn: TurnBuilder) -> None:
        if error is not None:
            tally.errors[error] += 1
        elif self.whole is not None and essence(turn) == self.whole:
            tally.complete += 1
        else:
            tally.wrong.append(f"{self.case.id} {way} at byte {place} of {len(self.body)}")


def every_byte(cases: Iterable[Case], out: TextIO) -> dict[str, Tally]:
    """Cut each stream at each of its bytes and print the figures of each dialect.

    Returns:
        The figures by family of endpoints.
    """
    tallies: dict[str, Tally] = defaultdict(Tally)
    began = time.perf_counter()
    for case in cases:
        stream = Stream(case)
        tallies[case.family].add(stream.judge(range(len(stream.body))))
    total = Tally()
    head = f"{'dialect':<18}{'streams':>8}{'bytes':>10}{'cuts':>10}{'complete':>10}{'typed errors':>14}{'wrong':>7}"
    print(head, file=out)
    for family, tally in sorted(tallies.items()):
        total.add(tally)
        print(_line(family, tally), file=out)
    print(_line("all", total), file=out)
    for name, count in total.errors.most_common():
        print(f"  {count:>9} {name}", file=out)
    print(f"in {time.perf_counter() - began:.1f} s; two cuts a byte: broken off, and ended in right framing", file=out)
    return dict(tallies)


def _line(name: str, tally: Tally) -> str:
    numbers = f"{tally.streams:>8}{tally.places:>10}{tally.cuts:>10}{tally.complete:>10}{tally.errors.total():>14}"
    return f"{name:<18}{numbers}{len(tally.wrong):>7}"


if __name__ == "__main__":
    figures = every_byte(streams(), sys.stdout)
    sys.exit(any(tally.wrong for tally in figures.values()))
