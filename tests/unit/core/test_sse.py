"""The parser of server-sent events and NDJSON: WHATWG's rules, caps, and an answer that no cut changes."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable
from itertools import pairwise
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import recordings
from ratatoskr import errors
from ratatoskr._core import SseParser

TABLES = ("sse_wpt", "sse_launchdarkly", "sse_eventsource_parser")


class Parsed(NamedTuple):
    """Everything that can be told of a stream; `ids` is the last event ID at each event."""

    events: list[tuple[str, str]]
    ids: list[str]
    last_event_id: str
    retry: int | None


def parse(chunks: Iterable[bytes]) -> Parsed:
    """Parse; the ID at each event is exact when no chunk completes two events."""
    parser = SseParser()
    events, ids = [], []
    for chunk in chunks:
        for name, data in parser.feed(chunk):
            events.append((name, data.decode()))
            ids.append(parser.last_event_id)
    events += [(name, data.decode()) for name, data in parser.finish()]
    return Parsed(events, ids, parser.last_event_id, parser.retry)


def split_bytes(stream: bytes) -> list[bytes]:
    return [stream[at : at + 1] for at in range(len(stream))]


def parse_by_reference(stream: bytes) -> Parsed:
    """Parse a whole stream with the standard's own steps, one after the other, slowly."""
    text = codecs.getincrementaldecoder("utf-8")("replace").decode(stream, final=True).removeprefix("\ufeff")
    *lines, _unterminated = re.split(r"\r\n|\n|\r", text)
    events: list[tuple[str, str]] = []
    ids: list[str] = []
    data, name, id_buffer, last_id, retry = "", "", "", "", None
    for line in lines:
        field, colon, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            last_id = id_buffer
            if data:
                events.append((name, data.removesuffix("\n")))
                ids.append(last_id)
            data = name = ""
        elif not field and colon:
            continue
        elif field == "data":
            data += value + "\n"
        elif field == "event":
            name = value
        elif field == "id" and "\0" not in value:
            id_buffer = value
        elif field == "retry" and re.fullmatch("[0-9]+", value):
            retry = int(value)
    return Parsed(events, ids, last_id, retry)


def table_cases() -> list[Any]:
    return [
        pytest.param(case, id=f"{table}-{index}-{case['name'].replace(' ', '_')[:40]}")
        for table in TABLES
        for index, case in enumerate(recordings.table(table)["cases"])
    ]


@recordings.needed
@pytest.mark.parametrize("case", table_cases())
def test_the_tables_of_others_hold_as_cut_there_whole_and_byte_by_byte(case):
    chunks = [bytes.fromhex(piece) for piece in case.get("chunks_hex") or [case["input_hex"]]]
    expected = [("" if event["type"] == "message" else event["type"], event["data"]) for event in case["events"]]
    heard = parse(split_bytes(b"".join(chunks)))
    assert heard.events == parse(chunks).events == parse([b"".join(chunks)]).events == expected
    assert heard.ids == [event["last_event_id"] for event in case["events"]]
    assert heard.last_event_id == case.get("final_last_event_id", heard.last_event_id)
    assert heard.retry == case.get("retry_ms", heard.retry)


@recordings.needed
def test_all_three_tables_are_there():
    assert [len(recordings.table(table)["cases"]) for table in TABLES] == [24, 89, 15]


OWN = {
    "one event": (b"data: a\n\n", [("", "a")]),
    "line ends mixed": (b"data: a\rdata: b\r\ndata: c\n\r\n", [("", "a\nb\nc")]),
    "CRs alone": (b"event: x\rdata: a\r\rdata: b\r\r", [("x", "a"), ("", "b")]),
    "unicode line separators stay": (
        "data: a\u2028b\u2029c\x85d\x0be\x0cf\x1cg\n\n".encode(),
        [("", "a\u2028b\u2029c\x85d\x0be\x0cf\x1cg")],
    ),
    "one mark of byte order": (b"\xef\xbb\xbfdata: a\n\n\xef\xbb\xbfdata: b\n\ndata: c\n\n", [("", "a"), ("", "c")]),
    "two marks at the start": (b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\ndata: b\n\n", [("", "b")]),
    "half a mark": (b"\xef\xbbdata: a\n\ndata: b\n\n", [("", "b")]),
    "only one space goes": (b"data:  a\ndata:b\ndata:\tc\n\n", [("", " a\nb\n\tc")]),
    "empty data": (b"data\n\ndata:\n\ndata\ndata:\n\n", [("", ""), ("", ""), ("", "\n")]),
    "an event without data": (b"event: a\n\nevent: b\nid: 1\n\ndata: c\n\n", [("", "c")]),
    "the last name wins": (b"event: a\nevent: b\ndata: 1\n\nevent: a\nevent\ndata: 2\n\n", [("b", "1"), ("", "2")]),
    "comments and strangers": (b": OPENROUTER PROCESSING\n\n:\nDATA: a\n data: b\ndatax: c\ndata: d\n\n", [("", "d")]),
    "invalid UTF-8": (
        b"event: \xff\ndata: \xf0\x9f\x98\ndata: \xe2\x28\xed\xa0\x80\n\n",
        [("\ufffd", "\ufffd\n\ufffd(" + "\ufffd" * 3)],
    ),
    "NUL": (b"data: a\0b\n\n", [("", "a\0b")]),
    "discarded at the end": (b"data: a\n\ndata: b\n", [("", "a")]),
    "discarded in a line": (b"data: a\n\ndata: b\n\ndata: c", [("", "a"), ("", "b")]),
}


@pytest.mark.parametrize("name", OWN)
def test_own_streams_give_what_the_standard_says(name):
    stream, expected = OWN[name]
    assert parse([stream]).events == parse(split_bytes(stream)).events == parse_by_reference(stream).events == expected


@pytest.mark.parametrize(
    ("stream", "last_event_id", "retry"),
    [
        (b"id: 1\n\n", "1", None),  # an event without data makes its id current too
        (b"id: 1\ndata: a\n", "", None),
        (b"id: 1\ndata: a\n\nid: b\0c\ndata: b\n\n", "1", None),
        (b"id: 1\ndata: a\n\nid\ndata: b\n\n", "", None),
        (b"id: \xff\n\n", "\ufffd", None),
        (b"retry: 10\n", "", 10),
        (b"retry: 10\nretry: -1\nretry: 1.5\nretry\nretry:  7\nretry: \xd9\xa3\n", "", 10),
        (b"retry: 99999999999999999999999\n", "", 2**64 - 1),
    ],
)
def test_ids_and_reconnection_times(stream, last_event_id, retry):
    for heard in (parse([stream]), parse(split_bytes(stream))):
        assert (heard.last_event_id, heard.retry) == (last_event_id, retry)


PIECES = [
    b"data",
    b"event",
    b"id",
    b"retry",
    b":",
    b": ",
    b" ",
    b"\n",
    b"\r",
    b"\r\n",
    b"\n\n",
    b"7",
    b"a",
    b"\0",
    b"x" * 40,
]
PIECES += ["é".encode(), "\u2028".encode(), "😀".encode(), b"\xef\xbb\xbf", b"\xff", b"\xe2\x80", b"\x85"]
streams = st.lists(st.sampled_from(PIECES) | st.binary(max_size=3), max_size=40).map(b"".join)


@st.composite
def cut_streams(draw: st.DrawFn) -> tuple[bytes, list[bytes]]:
    stream = draw(streams)
    cuts = sorted(draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    edges = [0, *cuts, len(stream)]
    return stream, [stream[start:end] for start, end in pairwise(edges)]


@settings(max_examples=500)
@given(cut_streams())
def test_any_stream_cut_anywhere_gives_what_the_standard_says(case):
    stream, chunks = case
    expected = parse_by_reference(stream)
    if expected.retry is not None:
        expected = expected._replace(retry=min(expected.retry, 2**64 - 1))
    assert parse(split_bytes(stream)) == expected
    heard = parse(chunks)
    assert heard._replace(ids=[]) == expected._replace(ids=[])


def outcome(parser: SseParser, chunks: Iterable[bytes]) -> tuple[list[tuple[str, bytes]], str | None]:
    """Return all events and the message of the error that ended them."""
    events = []
    try:
        for chunk in chunks:
            events += parser.feed(chunk)
        events += parser.finish()
    except errors.MalformedResponse as error:
        return events, error.message
    return events, None


@settings(max_examples=500)
@given(cut_streams(), st.sampled_from(["sse", "ndjson"]), st.integers(0, 40), st.integers(0, 40))
def test_caps_and_what_comes_before_them_do_not_depend_on_the_cuts(case, framing, max_line, max_event):
    stream, chunks = case
    whole = outcome(SseParser(framing, max_line, max_event), [stream])
    assert outcome(SseParser(framing, max_line, max_event), chunks) == whole
    assert outcome(SseParser(framing, max_line, max_event), split_bytes(stream)) == whole


LINE = "a line of the stream is longer than 10 bytes"
EVENT = "an event of the stream is larger than 17 bytes"


@pytest.mark.parametrize(
    ("stream", "error"),
    [
        (b"data: 4567\n\n", None),
        (b"data: 45678\n\n", LINE),
        (b": comments count too\n\n", LINE),
        (b"data: 4567", None),
        (b"data: 45678", LINE),
        (b"data:678\ndata:678\n\n", None),
        (b"data:678\ndata:6789\n\n", EVENT),
        (b"data:678\n" + b":comment\n" * 9 + b"event: 789\ndata:678\n\n", None),
        (b"data:\n" * 3 + b"\n", None),
        (b"data:\n" * 4, EVENT),  # empty lines are bytes too
        (b"data\n\n" * 100, None),
    ],
)
def test_a_line_and_the_data_lines_of_an_event_have_caps(stream, error):
    for chunks in ([stream], split_bytes(stream)):
        assert outcome(SseParser(max_line=10, max_event=17), chunks)[1] == error


def test_a_line_of_ndjson_is_an_event_and_has_its_cap_too():
    stream = b'"34567"\n"345678"\n'
    assert outcome(SseParser("ndjson", 10, 7), [stream]) == (
        [("", b'"34567"')],
        "an event of the stream is larger than 7 bytes",
    )


def test_an_endless_line_is_refused_as_soon_as_it_passes_the_cap():
    parser = SseParser()
    piece = b"x" * 65_536
    assert [parser.feed(piece) for _ in range(8 * 16)] == [[]] * (8 * 16)
    with pytest.raises(errors.MalformedResponse, match="longer than 8388608 bytes"):
        parser.feed(b"x")


def test_events_before_an_error_come_out_and_the_error_stays():
    parser = SseParser(max_line=8)
    assert parser.feed(b"data: a\n\ndata: too long\n\n") == [("", b"a")]
    for call in (lambda: parser.feed(b"data: b\n\n"), parser.finish, lambda: parser.feed(b"")):
        with pytest.raises(errors.MalformedResponse, match="longer than 8 bytes"):
            call()


@pytest.mark.parametrize(
    ("stream", "lines"),
    [
        (b'{"a":1}\n{"b":2}\n', [b'{"a":1}', b'{"b":2}']),
        (b'{"a":1}\r\n\r\n \t\n\n{"b":2}', [b'{"a":1}', b'{"b":2}']),
        (b'\xef\xbb\xbf{"a":1}\n', [b'{"a":1}']),
        (b'{"a":\r1}\ndata: x\n\n', [b'{"a":\r1}', b"data: x"]),
        ('"\u2028\x85é"\n'.encode(), ['"\u2028\x85é"'.encode()]),
        (b'"\xff"\n', ['"\ufffd"'.encode()]),
        (b"", []),
    ],
)
def test_ndjson_gives_a_line_an_event_and_the_last_needs_no_line_end(stream, lines):
    expected = ([("", line) for line in lines], None)
    assert outcome(SseParser("ndjson"), [stream]) == outcome(SseParser("ndjson"), split_bytes(stream)) == expected


@pytest.mark.parametrize(
    ("stream", "last", "truncated"),
    [
        (b'data: {"a":[1,"}"]}', [("", b'{"a":[1,"}"]}')], False),
        (b'event: e\ndata: {"a":1}\n', [("e", b'{"a":1}')], False),
        (b'data: {"a":\ndata: 1}', [("", b'{"a":\n1}')], False),
        (b"data: [DONE]", [("", b"[DONE]")], False),
        (b"data: [DONE]\r", [("", b"[DONE]")], False),
        (b"data: [DONE]\n: a comment", [("", b"[DONE]")], False),
        (b'data: {"a":', [], True),
        (b'data: {"a":1}\nid: 1', [], True),
        (b"data: a\n", [], True),
        (b"data:", [], True),
        (b"dat", [], True),
        (b"event: e\n", [], True),
        (b"id: 1\n", [], True),
        (b"", [], False),
        (b"\r", [], False),
        (b": a comment", [], False),
        (b"unknown: a\n", [], False),
        (b"unknown: a", [], True),
    ],
)
def test_bytes_after_the_last_event(stream, last, truncated):
    for before in (b"", b"\xef\xbb\xbf", b"data: x\n\n", b"event: e\ndata: x\r\r"):
        for chunks in ([before + stream], split_bytes(before + stream)):
            parser = SseParser()
            for chunk in chunks:
                parser.feed(chunk)
            assert parser.finish() == last
            assert parser.truncated is truncated
            assert parser.finish() == []
            assert not parser.truncated


def test_ndjson_is_never_truncated_as_its_last_line_is_an_event():
    parser = SseParser("ndjson")
    assert parser.feed(b'{}\n{"a"') + parser.finish() == [("", b"{}"), ("", b'{"a"')]
    assert not parser.truncated


def test_a_finished_parser_starts_anew():
    parser = SseParser()
    parser.feed(b"id: 1\ndata: a\n\ndata: lost")
    assert parser.finish() == []
    assert parser.last_event_id == "1"
    assert parser.feed(b"\xef\xbb\xbfdata: b\n\n") == [("", b"b")]


def test_an_unknown_framing_is_refused():
    with pytest.raises(ValueError, match='framing must be "sse" or "ndjson", not "xml"'):
        SseParser("xml")
