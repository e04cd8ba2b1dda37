"""Streams cut short are complete, or a typed error; never short and clean."""

from __future__ import annotations

import sys
from random import Random
from typing import Any

import pytest

import recordings
from ratatoskr import ConnectionFailed, Done, MalformedResponse, RatatoskrError, StreamInterrupted, UsageEvent
from ratatoskr._core import SseParser
from recorded.cases import Case, parameters, streams
from recorded.cuts import ENDED_EARLY, Events, Fork, Stream, every_byte
from recorded.playing import Played, player

AROUND = range(-3, 4)
"""Bytes around the end of an event at which a stream is cut."""

SAMPLE = 64
"""Further places in each stream, drawn by a seed of its own."""

THROUGH_THE_GATEWAY = 4
"""Places in each stream at which the whole way over HTTP is gone."""


def places_of(stream: Stream) -> set[int]:
    """Return the places around the ends of events, and a sample of the others."""
    size = len(stream.body)
    near = {border + shift for border in stream.borders() for shift in AROUND}
    drawn = Random(stream.case.id).sample(range(size), min(SAMPLE, size))
    return {place for place in near if 0 <= place < size} | set(drawn)


@pytest.mark.parametrize("case", parameters(streams()))
def test_a_stream_cut_short_is_complete_or_an_error(case: Case) -> None:
    """Around every end of an event and in a sample of places, broken off and ended cleanly."""
    stream = Stream(case)
    tally = stream.judge(places_of(stream))
    assert tally.wrong == []
    assert tally.cuts == 2 * tally.places
    assert tally.errors.total() > 0


def outcome(case: Case, place: int, *, clean: bool) -> Any:
    """Return what a cut gives, the long way: everything before it, told to a parser and a decoder of its own."""
    parser = SseParser(case.dialect.FRAMING)
    events: Events = parser.feed(case.body[:place])
    fork = Fork(case, events + (parser.finish() if clean else []))
    if fork.error is not None:
        return fork.error
    if clean:
        return fork.end()
    return None if fork.turn.done else "ConnectionFailed"


@pytest.mark.parametrize("case", parameters(streams()))
def test_the_short_way_of_cutting_judges_as_the_long_way(case: Case) -> None:
    """What the walk over a stream says of a place is what the bytes before it say by themselves."""
    stream = Stream(case)
    size = len(stream.body)
    places = sorted({*Random(case.id).sample(range(size), min(8, size)), size - 1, *stream.borders()[-2:]} - {size})
    long = [outcome(case, place, clean=clean) for place in places for clean in (False, True)]
    tally = stream.judge(places)
    assert tally.complete == long.count(None)
    assert tally.errors == {name: long.count(name) for name in long if name is not None}


def test_a_short_answer_that_calls_itself_whole_would_be_seen() -> None:
    """The judge is no yes-man: an end before the end counts as wrong."""
    case = next((case for case in streams() if case.family == "messages"), None)
    if case is None:
        pytest.skip(recordings.needed.kwargs["reason"])
    stream = Stream(case)
    stream.body = stream.body[: stream.body.index(b"event: content_block_delta")] + b'data: {"type":"message_stop"}\n\n'
    tally = stream.judge([len(stream.body) - 1])
    assert tally.errors[ENDED_EARLY] == 1
    stream.body += b"\n"
    assert len(stream.judge([len(stream.body) - 1]).wrong) == 2


def check_ending(played: Played, whole: Played) -> None:
    """Compare a stream that was cut with the whole one."""
    if played.error is None:
        assert isinstance(played.events[-1], Done)
        assert played.response is not None
        assert whole.response is not None
        assert played.response.to_dict() | {"attempts": None} == whole.response.to_dict() | {"attempts": None}
        return
    assert isinstance(played.error, RatatoskrError)
    assert not any(isinstance(event, Done) for event in played.events)
    if isinstance(played.error, StreamInterrupted):
        assert played.events
        assert played.error.cause is not None
        assert played.error.partial is not None
        assert type(played.error.cause) in {ConnectionFailed, MalformedResponse} or whole.error is not None
    else:
        assert all(isinstance(event, UsageEvent) for event in played.events)
        assert played.error.partial is None


@pytest.mark.parametrize("case", parameters(streams()))
async def test_a_stream_cut_on_its_way_is_complete_or_an_error(case: Case) -> None:
    """Over HTTP: reset, closed without the body's end, and ended in right framing."""
    stream = Stream(case)
    size, random = len(stream.body), Random(case.id)
    drawn = random.sample(range(1, size), min(THROUGH_THE_GATEWAY // 2, size - 1))
    near = random.sample(stream.borders(), min(THROUGH_THE_GATEWAY // 2, len(stream.borders())))
    async with player(case) as one:
        whole = await one.play()
        for place in {*drawn, *near, size - 1}:
            for ending in ("reset", "end", "clean"):
                check_ending(await one.play(at=place, ending=ending), whole)


@pytest.mark.slow
@recordings.needed
def test_cuts_at_every_byte_leave_nothing_short_and_clean() -> None:
    """Every byte of every stream, with the figures of each dialect."""
    print()  # the figures are what this is run for
    figures = every_byte(streams(), sys.stdout)
    assert [one for tally in figures.values() for one in tally.wrong] == []
    assert all(tally.cuts == 2 * tally.places for tally in figures.values())
