"""Truncated streams are complete or give a typed error, never a truncated answer."""

from __future__ import annotations

import sys
from random import Random
from typing import Any

import pytest

import recordings
from ratatoskr import ConnectionFailed, Done, MalformedResponse, RatatoskrError, StreamInterrupted, UsageEvent
from ratatoskr._core import SseParser
from recorded.cases import Case, parameters, stream_cases
from recorded.cuts import ENDED_EARLY, Events, PartialDecoder, RecordedStream, cut_at_every_byte
from recorded.player import PlayResult, open_player

AROUND = range(-3, 4)
"""The offsets from the end of an event at which a stream is truncated."""

SAMPLE = 64
"""The number of further positions in each stream, drawn with the case's id as seed."""

THROUGH_THE_GATEWAY = 4
"""The number of positions in each stream that are tested over HTTP."""


def positions_of(stream: RecordedStream) -> set[int]:
    """Return the positions around the ends of events, and a sample of the others."""
    size = len(stream.body)
    near = {end + shift for end in stream.event_ends() for shift in AROUND}
    drawn = Random(stream.case.id).sample(range(size), min(SAMPLE, size))
    return {position for position in near if 0 <= position < size} | set(drawn)


@pytest.mark.parametrize("case", parameters(stream_cases()))
def test_a_truncated_stream_is_complete_or_an_error(case: Case) -> None:
    """Around every end of an event and at a sample of positions, by a broken connection or an end of the body."""
    stream = RecordedStream(case)
    counts = stream.check(positions_of(stream))
    assert counts.wrong == []
    assert counts.cuts == 2 * counts.positions
    assert counts.errors.total() > 0


def outcome(case: Case, position: int, *, clean: bool) -> Any:
    """Return the result of a cut from a parser and a decoder of its own."""
    parser = SseParser(case.dialect.FRAMING)
    events: Events = parser.feed(case.body[:position])
    fork = PartialDecoder(case, events + (parser.finish() if clean else []))
    if fork.error is not None:
        return fork.error
    if clean and parser.truncated and not fork.turn.done:
        return "MalformedResponse"
    if clean:
        return fork.end()
    return None if fork.turn.done else "ConnectionFailed"


@pytest.mark.parametrize("case", parameters(stream_cases()))
def test_one_pass_gives_the_same_results_as_separate_decoders(case: Case) -> None:
    """The results of one pass over a stream are those of the bytes before each position alone."""
    stream = RecordedStream(case)
    size = len(stream.body)
    positions = sorted(
        {*Random(case.id).sample(range(size), min(8, size)), size - 1, *stream.event_ends()[-2:]} - {size}
    )
    long = [outcome(case, position, clean=clean) for position in positions for clean in (False, True)]
    counts = stream.check(positions)
    assert counts.complete == long.count(None)
    assert counts.errors == {name: long.count(name) for name in long if name is not None}


def test_a_truncated_answer_that_claims_to_be_complete_is_found() -> None:
    """An end before the actual one counts as wrong."""
    case = next((case for case in stream_cases() if case.family == "messages"), None)
    if case is None:
        pytest.skip(recordings.needed.kwargs["reason"])
    stream = RecordedStream(case)
    stream.body = stream.body[: stream.body.index(b"event: content_block_delta")] + b'data: {"type":"message_stop"}\n\n'
    size = len(stream.body)
    assert stream.check([stream.body.rindex(b"data:")]).errors == {"ConnectionFailed": 1, ENDED_EARLY: 1}
    assert stream.check([size - 3]).errors == {"ConnectionFailed": 1, "MalformedResponse": 1}
    assert len(stream.check([size - 1]).wrong) == 1  # a last event needs no blank line if the body ends cleanly
    stream.body += b"\n"
    assert len(stream.check([size]).wrong) == 2


def check_ending(result: PlayResult, complete: PlayResult) -> None:
    """Compare a truncated stream with the complete one."""
    if result.error is None:
        assert isinstance(result.events[-1], Done)
        assert result.response is not None
        assert complete.response is not None
        assert result.response.to_dict() | {"attempts": None} == complete.response.to_dict() | {"attempts": None}
        return
    assert isinstance(result.error, RatatoskrError)
    assert not any(isinstance(event, Done) for event in result.events)
    if complete.error is not None and str(result.error) == str(complete.error):
        assert result.error.partial == complete.error.partial
    elif isinstance(result.error, StreamInterrupted):
        assert result.events
        assert result.error.cause is not None
        assert result.error.partial is not None
        assert type(result.error.cause) in {ConnectionFailed, MalformedResponse} or complete.error is not None
    else:
        assert all(isinstance(event, UsageEvent) for event in result.events)
        assert result.error.partial is None


@pytest.mark.parametrize("case", parameters(stream_cases()))
async def test_a_stream_truncated_over_http_is_complete_or_an_error(case: Case) -> None:
    """Over HTTP: reset, closed without the end of the body, and ended with correct framing."""
    stream = RecordedStream(case)
    size, random = len(stream.body), Random(case.id)
    drawn = random.sample(range(1, size), min(THROUGH_THE_GATEWAY // 2, size - 1))
    near = random.sample(stream.event_ends(), min(THROUGH_THE_GATEWAY // 2, len(stream.event_ends())))
    async with open_player(case) as one:
        complete = await one.play()
        for position in {*drawn, *near, size - 1}:
            for ending in ("reset", "end", "clean"):
                check_ending(await one.play(at=position, ending=ending), complete)


@pytest.mark.slow
@recordings.needed
def test_cuts_at_every_byte_give_no_truncated_answer() -> None:
    """Every byte of every stream, with the results of each dialect."""
    print()  # the results are printed
    counts_by_family = cut_at_every_byte(stream_cases(), sys.stdout)
    assert [one for counts in counts_by_family.values() for one in counts.wrong] == []
    assert all(counts.cuts == 2 * counts.positions for counts in counts_by_family.values())
