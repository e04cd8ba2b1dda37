"""The closed table of misbehaviours: `FAULTS`, and `fault(name, …)` to put one into a script."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ratatoskr.errors import ConfigurationError
from ratatoskr.testing.answers import default_turn
from ratatoskr.testing.dialects.dialect import Dialect, Ids
from ratatoskr.testing.faults import body, flood, head, text
from ratatoskr.testing.faults.context import FaultContext
from ratatoskr.testing.reply import Ending, Reply
from ratatoskr.testing.turns import Asked, ScriptedTurn

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Fault:
    """One misbehaviour, as a step of a script.

    Attributes:
        name: its name in `FAULTS`.
        about: what happens, in one line.
        deed: makes the response.
        options: what can be set by `fault(name, option=…)`, with the values in force.
        times: how many requests meet it; `None` means all from there on. Faults of the door stay until `use()`.
        turn: the answer that is spoiled; left out, the default one.
        door: what the listening socket does instead of accepting, or the TLS context that it accepts with.
        accept: what is done to a connection as soon as it is there; "clean" means nothing.
    """

    name: str
    about: str
    deed: Callable[[FaultContext], Reply]
    options: Mapping[str, Any] = field(default_factory=dict)
    times: int | None = 1
    turn: ScriptedTurn | None = None
    door: str = ""
    accept: Ending = "clean"

    def act(self, path: str, dialect: Dialect, asked: Asked, ids: Ids, port: int) -> Reply:
        """Make the response to one request."""
        return self.deed(FaultContext(dialect, asked, ids, port, path, self.turn or default_turn(asked), self.options))


def fault(name: str, *, times: int | None = 1, turn: ScriptedTurn | None = None, **options: Any) -> Fault:
    """Return a fault for a script.

    Args:
        name: one of `FAULTS`, or `status_NNN` for any status from 300 to 599.
        times: how many requests meet it; `None` means all from there on.
        turn: the answer that is spoiled.
        **options: those of the fault, such as `at=100` for `cut_reset` (bytes of the body; negative from its end).

    Raises:
        ConfigurationError: no such fault, or no such option of it.
    """
    row = FAULTS.get(name) or _by_status(name)
    if row is None:
        raise ConfigurationError(f"no fault is named {name!r}; see ratatoskr.testing.FAULTS", field="name")
    unknown = sorted(set(options) - set(row.options))
    if unknown:
        known = ", ".join(row.options) or "none"
        raise ConfigurationError(f"{name} has no option {unknown[0]!r}; its options: {known}", field=unknown[0])
    return dataclasses.replace(row, times=times, turn=turn, options={**row.options, **options})


def _by_status(name: str) -> Fault | None:
    word, _, number = name.partition("_")
    if word != "status" or not number.isdecimal() or not 300 <= int(number) <= 599:
        return None
    options: dict[str, Any] = {"status": int(number), "kind": "", "message": "", "headers": {}}
    return Fault(name, f"HTTP {number} with a body in the dialect's shape.", head.tell_status, options)


def _told(status: int, kind: str = "", **more: Any) -> dict[str, Any]:
    return {"status": status, "kind": kind, "message": "", "headers": {}, **more}


def _retry(value: str, name: str = "retry-after") -> dict[str, Any]:
    return _told(429, "rate_limit", headers={name: value})


def _door(name: str, about: str, door: str) -> Fault:
    # whoever gets in all the same (a client that checks no certificate, say) is answered rightly, and so found out
    return Fault(name, about, FaultContext.right, times=None, door=door)


def _before_the_request() -> Iterator[Fault]:
    yield _door("refuse", "The port is closed: connections are refused.", "refuse")
    yield _door("never_accept", "The backlog is full: connections are never made (Linux).", "never_accept")
    for word in ("expired", "wrong_host", "unknown_authority", "old_version"):
        yield _door(f"tls_{word}", f"TLS with the context named {word!r}, which the caller gives.", word)
    yield _door("tls_plain_port", "The port of an https address speaks plain HTTP.", "plain")
    for word, ending, about in (
        ("reset", "reset", "is reset"),
        ("end", "end", "is closed"),
        ("ignore", "hold", "is never read from"),
    ):
        options: dict[str, Any] = {"ending": ending}
        yield Fault(f"accept_{word}", f"A new connection {about} at once.", head.break_off, options, accept=ending)  # type: ignore[arg-type]  # the words above are endings


def _before_the_body() -> Iterator[Fault]:
    yield Fault("stall_before_head", "The request is read and never answered.", head.stall_before_head)
    yield Fault(
        "reset_before_head", "The request is read, then the connection is reset.", head.break_off, {"ending": "reset"}
    )
    yield Fault(
        "end_before_head", "The request is read, then the connection is closed.", head.break_off, {"ending": "end"}
    )
    yield Fault("cut_head", "The connection is closed within the head.", head.cut_head, {"at": 20})
    yield Fault("drip_head", "The head comes byte by byte and never ends.", head.drip_head, {"seconds": 0.01})
    yield Fault("garbage_head", "The answer is no HTTP.", head.garbage_head)
    yield Fault("huge_head", "The head is as long as a book.", head.huge_head, {"size": 2 * _MIB})
    yield Fault("interim", "Two 103 responses come before the right one.", head.interim)


def _other_answers() -> Iterator[Fault]:
    for status, kind, name, about in _STATUSES:
        yield Fault(name, f"HTTP {status}: {about}", head.tell_status, _told(status, kind))
    for name, about, options in _HINTS:
        yield Fault(f"rate_limited_{name}", f"HTTP 429 with {about}.", head.tell_status, options)
    for word in ("true", "false"):
        told = _told(500, headers={"x-should-retry": word})
        yield Fault(f"should_retry_{word}", f"HTTP 500 with `x-should-retry: {word}`.", head.tell_status, told)
    for status in (301, 302, 303, 307, 308):
        moved = {"status": status, "location": None}
        yield Fault(f"redirect_{status}", f"HTTP {status} to another host.", head.redirect, moved)
    yield Fault("html_error", "HTTP 502 with a page for people.", body.html, {"status": 502})
    yield Fault("html", "HTTP 200 with a page for people.", body.html, {"status": 200})
    yield Fault("no_content", "HTTP 204.", body.no_content)
    yield Fault("empty_body", "HTTP 200 without a body.", body.empty)
    text_plain = {"headers": {"content-type": "text/plain"}}
    yield Fault("wrong_content_type", "The right body, labelled text/plain.", body.relabel, text_plain)
    yield Fault("other_form", "A document for a stream, a stream for a document.", body.other_form)


def _wrong_content() -> Iterator[Fault]:
    error = _told(529, "overloaded")
    yield Fault("error_in_200", "HTTP 200 with an error before any event.", body.error_in_200, {**error, "late": False})
    yield Fault(
        "error_in_stream", "HTTP 200 with an error after the first content.", body.error_in_200, {**error, "late": True}
    )
    broken = {"text": b'{"id": oops, "choices": [}'}
    yield Fault("bad_json", "What should be JSON is none.", body.say, {**broken, "late": False})
    yield Fault("bad_json_late", "An event after the first content is no JSON.", body.say, {**broken, "late": True})
    yield Fault("wrong_shape", "JSON of another shape.", body.say, {"text": b"[1, 2, 3]", "late": False})
    yield Fault("truncated_json", "JSON that stops in the middle, in right framing.", body.truncated_json)
    yield Fault("deep_json", "JSON nested far too deep.", flood.deep_json, {"depth": 100_000, "late": False})


def _cut_and_slow() -> Iterator[Fault]:
    for ending, about in (("reset", "reset"), ("end", "closed"), ("clean", "ended in right framing")):
        options: dict[str, Any] = {"at": None, "events": None, "ending": ending}
        yield Fault(
            f"cut_{ending}", f"The body is {about} after `at` bytes or `events` events; half-way.", body.cut, options
        )
    yield Fault("no_end", "Everything comes but the dialect's end.", body.no_end)
    yield Fault("stall_after_head", "The head comes, then nothing.", body.stall, {"late": False})
    yield Fault("stall_in_stream", "Some content comes, then nothing.", body.stall, {"late": True})
    slow: dict[str, Any] = {"seconds": 0.05}
    yield Fault(
        "only_keep_alives", "Keep-alives for ever and no content.", body.only_keep_alives, {**slow, "late": False}
    )
    yield Fault(
        "keep_alives_in_stream",
        "Some content, then keep-alives for ever.",
        body.only_keep_alives,
        {**slow, "late": True},
    )
    yield Fault("slow_drip", "The right answer, a byte each `seconds`.", body.drip, {"size": 1, "seconds": 0.02})
    yield Fault("byte_by_byte", "The right answer, every byte a write of its own.", body.drip, {"size": 1})
    yield Fault("length_too_long", "A stated length that the body never reaches.", body.wrong_length, {"more": True})
    yield Fault("length_too_short", "A stated length that cuts the body.", body.wrong_length, {"more": False})
    yield Fault("bad_chunk", "A chunk whose size is no number.", body.bad_chunk)


def _hard_text() -> Iterator[Fault]:
    yield Fault("broken_utf8", "Bytes that are no UTF-8 in the text.", text.strange_text, {"text": b"\xff\xfe\xc3"})
    yield Fault("nul", "A raw NUL in the text, which JSON forbids.", text.strange_text, {"text": b"\x00"})
    yield Fault(
        "split_utf8",
        "Characters of many bytes, every byte on its own.",
        text.split_characters,
        {"text": "Grüße 🐿️ 日本"},
    )
    halves = ["up \ud83d", "\udc3f down"]
    yield Fault("split_surrogates", "The halves of a surrogate pair in two deltas.", text.said, {"text": halves})
    yield Fault("lone_surrogate", "Half a surrogate pair.", text.said, {"text": ["a \ud83d", " b"]})
    odd = "a\u2028b\u0085c\x0bd\x1ce"
    yield Fault("odd_separators", "Characters that some take for line ends, raw in the text.", text.said, {"text": odd})
    yield Fault("byte_order_mark", "A byte order mark before the body.", text.byte_order_mark)
    yield Fault("crlf", "Lines end with CRLF.", text.line_ends, {"text": b"\r\n"})
    yield Fault("cr", "Lines end with CR, where the framing knows that.", text.line_ends, {"text": b"\r"})


def _too_many_events() -> Iterator[Fault]:
    yield Fault("duplicate_start", "The opening events come twice.", text.repeat, {"what": "start"})
    yield Fault("duplicate_end", "The closing events come twice.", text.repeat, {"what": "end"})
    yield Fault("events_after_end", "Content comes after the end.", text.repeat, {"what": "content"})
    yield Fault("unknown_events", "Events of unknown kinds between the others.", text.between, {"what": "unknown"})
    yield Fault("many_keep_alives", "A keep-alive before every event.", text.between, {"what": "keep_alive"})


def _too_much() -> Iterator[Fault]:
    for what, about in (("line", "line"), ("event", "event of many lines"), ("empty", "event of empty lines")):
        options: dict[str, Any] = {"what": what, "size": math.inf}
        yield Fault(f"endless_{what}", f"An {about} without an end.", flood.endless, options)
    yield Fault("huge_line", "A line of `size` bytes.", flood.endless, {"what": "line", "size": 64 * _MIB})
    bomb: dict[str, Any] = {"size": 256 * _MIB, "layers": 1}
    yield Fault("gzip_bomb", "A body that unpacks to `size` bytes.", flood.bomb, bomb)
    yield Fault("gzip_bomb_stacked", "The same, packed twice.", flood.bomb, {**bomb, "size": 1024 * _MIB, "layers": 2})
    yield Fault("unasked_gzip", "The right body, packed though nobody asked.", flood.gzipped, {"encoding": "gzip"})
    yield Fault("unknown_encoding", "A content encoding that nobody knows.", flood.gzipped, {"encoding": "snappy"})
    yield Fault("trailers", "Trailers after the right body.", body.with_trailers)
    yield Fault("close_after", "The right answer, with `connection: close`.", head.leave, {"ending": "clean"})
    yield Fault(
        "stale", "The right answer; the connection is closed then without a word.", head.leave, {"ending": "stale"}
    )


_STATUSES: tuple[tuple[int, str, str, str], ...] = (
    (400, "", "bad_request", "the request is wrong."),
    (401, "bad_key", "bad_key", "the key is wrong (400 at Google)."),
    (402, "quota", "payment_required", "no credits are left."),
    (403, "", "forbidden", "this key may not do that."),
    (404, "unknown_model", "unknown_model", "there is no such model."),
    (408, "", "request_timeout", "the provider waited too long."),
    (409, "", "conflict", "a conflict."),
    (410, "", "gone", "the model is gone."),
    (413, "", "too_large", "the request is too large."),
    (422, "", "unprocessable", "the request makes no sense."),
    (425, "", "too_early", "too early."),
    (429, "rate_limit", "rate_limited", "too many requests, without a hint when to come back."),
    (429, "quota", "quota_exhausted", "a quota that waiting does not refill."),
    (400, "context_length", "context_length", "the input is longer than the model takes."),
    (500, "", "server_error", "the provider failed."),
    (501, "", "not_implemented", "not implemented."),
    (502, "", "bad_gateway", "a gateway failed."),
    (503, "overloaded", "unavailable", "the provider is down for a while."),
    (504, "", "gateway_timeout", "a gateway waited too long."),
    (524, "", "edge_timeout", "the provider's edge waited too long."),
    (529, "overloaded", "overloaded", "the provider is overloaded."),
)
_HINTS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("seconds", "`retry-after` in seconds", _retry("1")),
    ("fraction", "`retry-after` in seconds with a fraction", _retry("0.25")),
    ("zero", "`retry-after: 0`", _retry("0")),
    ("ms", "`retry-after-ms`", _retry("150", "retry-after-ms")),
    ("date", "`retry-after` as a date, `date` seconds from now", _told(429, "rate_limit", date=2.0)),
    ("past_date", "`retry-after` as a date in the past", _told(429, "rate_limit", date=-3600.0)),
    ("hint", "the provider's own sign of `hint` seconds", _told(429, "rate_limit", hint=1.5)),
    ("garbage", "a `retry-after` that makes no sense", _retry("soon, dear")),
    ("negative", "a negative `retry-after`", _retry("-5")),
    ("infinite", "`retry-after: inf`", _retry("inf")),
    ("nan", "`retry-after: nan`", _retry("nan")),
    ("huge", "a `retry-after` of 30 years", _retry("1000000000")),
    ("empty", "an empty `retry-after`", _retry("")),
    ("twice", "two values of `retry-after`", _retry("1, 2")),
)

_GROUPS = (
    _before_the_request,
    _before_the_body,
    _other_answers,
    _wrong_content,
    _cut_and_slow,
    _hard_text,
    _too_many_events,
    _too_much,
)
FAULTS: Mapping[str, Fault] = {row.name: row for group in _GROUPS for row in group()}
"""Every misbehaviour by name."""
