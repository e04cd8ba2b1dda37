"""The table of faults: `FAULTS`, and `fault(name, …)` to use one in a script."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ratatoskr.errors import ConfigurationError
from ratatoskr.testing.answers import make_default_turn
from ratatoskr.testing.dialects.dialect import IdSequence, ScriptedDialect
from ratatoskr.testing.faults import body, flood, head, text
from ratatoskr.testing.faults.context import FaultContext
from ratatoskr.testing.reply import Ending, Reply
from ratatoskr.testing.turns import ParsedRequest, ScriptedTurn

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault, as a step of a script.

    Attributes:
        name: The name in `FAULTS`.
        about: What happens, in one line.
        make_reply: Builds the response.
        options: The options of `fault(name, option=…)` with their values.
        times: The number of requests that it answers; `None` means all. Faults of the listening socket stay until
            `use()`.
        turn: The answer that the fault spoils; default: that of `make_default_turn`.
        listener: What the listening socket does instead of accepting, or the name of its TLS context.
        on_accept: What happens to a new connection; "clean" means nothing.
    """

    name: str
    about: str
    make_reply: Callable[[FaultContext], Reply]
    options: Mapping[str, Any] = field(default_factory=dict)
    times: int | None = 1
    turn: ScriptedTurn | None = None
    listener: str = ""
    on_accept: Ending = "clean"

    def respond(self, path: str, dialect: ScriptedDialect, request: ParsedRequest, ids: IdSequence, port: int) -> Reply:
        """Return the response to a request."""
        return self.make_reply(
            FaultContext(dialect, request, ids, port, path, self.turn or make_default_turn(request), self.options)
        )


def fault(name: str, *, times: int | None = 1, turn: ScriptedTurn | None = None, **options: Any) -> Fault:
    """Return a fault for a script.

    Args:
        name: A name in `FAULTS`, or `status_NNN` for any status from 300 to 599.
        times: The number of requests that it answers; `None` means all.
        turn: The answer that the fault spoils.
        **options: Options of the fault, such as `at=100` for `cut_reset` (bytes of the body; negative from its end).

    Raises:
        ConfigurationError: The fault or the option does not exist.
    """
    row = FAULTS.get(name) or _status_fault(name)
    if row is None:
        raise ConfigurationError(f"unknown fault {name!r}; ratatoskr.testing.FAULTS has all names", field="name")
    unknown = sorted(set(options) - set(row.options))
    if unknown:
        known = ", ".join(row.options) or "none"
        raise ConfigurationError(f"{name} has no option {unknown[0]!r}; its options: {known}", field=unknown[0])
    return dataclasses.replace(row, times=times, turn=turn, options={**row.options, **options})


def _status_fault(name: str) -> Fault | None:
    word, _, number = name.partition("_")
    if word != "status" or not number.isdecimal() or not 300 <= int(number) <= 599:
        return None
    options: dict[str, Any] = {"status": int(number), "kind": "", "message": "", "headers": {}}
    return Fault(name, f"HTTP {number} with a body in the dialect's shape.", head.send_status, options)


def _status_options(status: int, kind: str = "", **more: Any) -> dict[str, Any]:
    return {"status": status, "kind": kind, "message": "", "headers": {}, **more}


def _retry_after(value: str, name: str = "retry-after") -> dict[str, Any]:
    return _status_options(429, "rate_limit", headers={name: value})


def _listener_fault(name: str, about: str, listener: str) -> Fault:
    # a client that connects nevertheless, such as one that checks no certificate, gets the correct answer
    return Fault(name, about, FaultContext.correct_reply, times=None, listener=listener)


def _before_the_request() -> Iterator[Fault]:
    yield _listener_fault("refuse", "The port is closed: connections are refused.", "refuse")
    yield _listener_fault("never_accept", "The backlog is full: connections are never made (Linux).", "never_accept")
    for word in ("expired", "wrong_host", "unknown_authority", "old_version"):
        yield _listener_fault(f"tls_{word}", f"TLS with the context named {word!r}, which the caller provides.", word)
    yield _listener_fault("tls_plain_port", "The port of an https address speaks plain HTTP.", "plain")
    for word, ending, about in (
        ("reset", "reset", "is reset"),
        ("end", "end", "is closed"),
        ("ignore", "hold", "is never read from"),
    ):
        options: dict[str, Any] = {"ending": ending}
        yield Fault(f"accept_{word}", f"A new connection {about} at once.", head.break_off, options, on_accept=ending)  # type: ignore[arg-type]  # the words above are endings


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
    yield Fault("garbage_head", "The response is not HTTP.", head.send_garbage)
    yield Fault("huge_head", "The head has `size` bytes.", head.pad_head, {"size": 2 * _MIB})
    yield Fault("interim", "Two 103 responses come before the correct one.", head.send_interim)


def _other_answers() -> Iterator[Fault]:
    for status, kind, name, about in _STATUSES:
        yield Fault(name, f"HTTP {status}: {about}", head.send_status, _status_options(status, kind))
    for name, about, options in _HINTS:
        yield Fault(f"rate_limited_{name}", f"HTTP 429 with {about}.", head.send_status, options)
    for word in ("true", "false"):
        options = _status_options(500, headers={"x-should-retry": word})
        yield Fault(f"should_retry_{word}", f"HTTP 500 with `x-should-retry: {word}`.", head.send_status, options)
    for status in (301, 302, 303, 307, 308):
        moved = {"status": status, "location": None}
        yield Fault(f"redirect_{status}", f"HTTP {status} to another host.", head.redirect, moved)
    yield Fault("html_error", "HTTP 502 with an HTML page.", body.send_html, {"status": 502})
    yield Fault("html", "HTTP 200 with an HTML page.", body.send_html, {"status": 200})
    yield Fault("no_content", "HTTP 204.", body.send_no_content)
    yield Fault("empty_body", "HTTP 200 without a body.", body.send_empty_body)
    text_plain = {"headers": {"content-type": "text/plain"}}
    yield Fault("wrong_content_type", "The correct body as text/plain.", body.relabel, text_plain)
    yield Fault("other_form", "A document for a stream, a stream for a document.", body.swap_form)


def _wrong_content() -> Iterator[Fault]:
    error = _status_options(529, "overloaded")
    yield Fault(
        "error_in_200", "HTTP 200 with an error before any event.", body.send_error_in_200, {**error, "late": False}
    )
    yield Fault(
        "error_in_stream",
        "HTTP 200 with an error after the first content.",
        body.send_error_in_200,
        {**error, "late": True},
    )
    broken = {"text": b'{"id": oops, "choices": [}'}
    yield Fault("bad_json", "Invalid JSON.", body.replace_json, {**broken, "late": False})
    yield Fault(
        "bad_json_late",
        "An event with invalid JSON after the first content.",
        body.replace_json,
        {**broken, "late": True},
    )
    yield Fault("wrong_shape", "JSON of another shape.", body.replace_json, {"text": b"[1, 2, 3]", "late": False})
    yield Fault("truncated_json", "Truncated JSON in correct framing.", body.truncate_json)
    yield Fault("deep_json", "JSON that is nested too deeply.", flood.nest_json, {"depth": 100_000, "late": False})


def _cut_and_slow() -> Iterator[Fault]:
    for ending, about in (("reset", "reset"), ("end", "closed"), ("clean", "ended in correct framing")):
        options: dict[str, Any] = {"at": None, "events": None, "ending": ending}
        yield Fault(
            f"cut_{ending}",
            f"The body is {about} after `at` bytes or `events` events (default: half).",
            body.cut,
            options,
        )
    yield Fault("no_end", "Everything comes except the dialect's end.", body.omit_end)
    yield Fault("stall_after_head", "The head comes, then nothing.", body.stall, {"late": False})
    yield Fault("stall_in_stream", "Some content comes, then nothing.", body.stall, {"late": True})
    slow: dict[str, Any] = {"seconds": 0.05}
    yield Fault(
        "only_keep_alives", "Endless keep-alives and no content.", body.send_keep_alives, {**slow, "late": False}
    )
    yield Fault(
        "keep_alives_in_stream",
        "Some content, then endless keep-alives.",
        body.send_keep_alives,
        {**slow, "late": True},
    )
    yield Fault("slow_drip", "The correct answer, one byte every `seconds`.", body.drip, {"size": 1, "seconds": 0.02})
    yield Fault("byte_by_byte", "The correct answer, every byte in its own write.", body.drip, {"size": 1})
    yield Fault(
        "length_too_long", "A content length that the body never reaches.", body.misstate_length, {"more": True}
    )
    yield Fault("length_too_short", "A content length that truncates the body.", body.misstate_length, {"more": False})
    yield Fault("bad_chunk", "A chunk whose size is not a number.", body.send_bad_chunk)


def _hard_text() -> Iterator[Fault]:
    yield Fault("broken_utf8", "Bytes that are not UTF-8 in the text.", text.insert_bytes, {"text": b"\xff\xfe\xc3"})
    yield Fault("nul", "A raw NUL in the text, which is invalid JSON.", text.insert_bytes, {"text": b"\x00"})
    yield Fault(
        "split_utf8",
        "Characters of several bytes, every byte in its own write.",
        text.split_characters,
        {"text": "Grüße 🐿️ 日本"},
    )
    halves = ["up \ud83d", "\udc3f down"]
    yield Fault("split_surrogates", "The halves of a surrogate pair in two deltas.", text.send_text, {"text": halves})
    yield Fault("lone_surrogate", "A lone surrogate.", text.send_text, {"text": ["a \ud83d", " b"]})
    odd = "a\u2028b\u0085c\x0bd\x1ce"
    yield Fault(
        "odd_separators", "Characters that some parsers take for line ends, in the text.", text.send_text, {"text": odd}
    )
    yield Fault("byte_order_mark", "A byte order mark before the body.", text.prepend_bom)
    yield Fault("crlf", "Lines end with CRLF.", text.replace_line_ends, {"text": b"\r\n"})
    yield Fault("cr", "Lines end with CR, where the framing allows that.", text.replace_line_ends, {"text": b"\r"})


def _too_many_events() -> Iterator[Fault]:
    yield Fault("duplicate_start", "The opening events come twice.", text.repeat_events, {"what": "start"})
    yield Fault("duplicate_end", "The closing events come twice.", text.repeat_events, {"what": "end"})
    yield Fault("events_after_end", "Content comes after the end.", text.repeat_events, {"what": "content"})
    yield Fault(
        "unknown_events", "Events of unknown kinds between the others.", text.interleave_events, {"what": "unknown"}
    )
    yield Fault("many_keep_alives", "A keep-alive before every event.", text.interleave_events, {"what": "keep_alive"})


def _too_much() -> Iterator[Fault]:
    for what, about in (("line", "line"), ("event", "event of many lines"), ("empty", "event of empty lines")):
        options: dict[str, Any] = {"what": what, "size": math.inf}
        yield Fault(f"endless_{what}", f"An endless {about}.", flood.send_endless, options)
    yield Fault("huge_line", "A line of `size` bytes.", flood.send_endless, {"what": "line", "size": 64 * _MIB})
    bomb: dict[str, Any] = {"size": 256 * _MIB, "layers": 1}
    yield Fault("gzip_bomb", "A body that decompresses to `size` bytes.", flood.send_bomb, bomb)
    yield Fault(
        "gzip_bomb_stacked", "The same, compressed twice.", flood.send_bomb, {**bomb, "size": 1024 * _MIB, "layers": 2}
    )
    yield Fault(
        "unasked_gzip", "The correct body, compressed without being accepted.", flood.compress, {"encoding": "gzip"}
    )
    yield Fault("unknown_encoding", "An unknown content encoding.", flood.compress, {"encoding": "snappy"})
    yield Fault("trailers", "Trailers after the correct body.", body.add_trailers)
    yield Fault("close_after", "The correct answer, with `connection: close`.", head.close_after, {"ending": "clean"})
    yield Fault(
        "stale",
        "The correct answer; then the connection is closed unannounced.",
        head.close_after,
        {"ending": "stale"},
    )


_STATUSES: tuple[tuple[int, str, str, str], ...] = (
    (400, "", "bad_request", "the request is invalid."),
    (401, "bad_key", "bad_key", "the key is invalid (400 at Google)."),
    (402, "quota", "payment_required", "no credits are left."),
    (403, "", "forbidden", "the key lacks the permission."),
    (404, "unknown_model", "unknown_model", "the model does not exist."),
    (408, "", "request_timeout", "the provider timed out."),
    (409, "", "conflict", "a conflict."),
    (410, "", "gone", "the model is gone."),
    (413, "", "too_large", "the request is too large."),
    (422, "", "unprocessable", "the request cannot be processed."),
    (425, "", "too_early", "too early."),
    (429, "rate_limit", "rate_limited", "too many requests, without a retry delay."),
    (429, "quota", "quota_exhausted", "the quota is exhausted; waiting does not help."),
    (400, "context_length", "context_length", "the input is longer than the context window."),
    (500, "", "server_error", "the provider failed."),
    (501, "", "not_implemented", "not implemented."),
    (502, "", "bad_gateway", "a proxy failed."),
    (503, "overloaded", "unavailable", "the provider is temporarily unavailable."),
    (504, "", "gateway_timeout", "a proxy timed out."),
    (524, "", "edge_timeout", "the provider's edge timed out."),
    (529, "overloaded", "overloaded", "the provider is overloaded."),
)
_HINTS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("seconds", "`retry-after` in seconds", _retry_after("1")),
    ("fraction", "`retry-after` in seconds with a fraction", _retry_after("0.25")),
    ("zero", "`retry-after: 0`", _retry_after("0")),
    ("ms", "`retry-after-ms`", _retry_after("150", "retry-after-ms")),
    ("date", "`retry-after` as a date, `date` seconds from now", _status_options(429, "rate_limit", date=2.0)),
    ("past_date", "`retry-after` as a date in the past", _status_options(429, "rate_limit", date=-3600.0)),
    ("hint", "the provider's own retry delay of `hint` seconds", _status_options(429, "rate_limit", hint=1.5)),
    ("garbage", "a `retry-after` that is neither a number nor a date", _retry_after("soon, dear")),
    ("negative", "a negative `retry-after`", _retry_after("-5")),
    ("infinite", "`retry-after: inf`", _retry_after("inf")),
    ("nan", "`retry-after: nan`", _retry_after("nan")),
    ("huge", "a `retry-after` of 30 years", _retry_after("1000000000")),
    ("empty", "an empty `retry-after`", _retry_after("")),
    ("twice", "two values of `retry-after`", _retry_after("1, 2")),
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
"""Every fault by name."""
