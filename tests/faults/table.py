"""The outcome of every fault for the caller, in one complete table.

A cell is an outcome as `outcome.name_of` names it: `right` for the complete answer, a class, `Timeout:idle` for a
deadline, or `StreamInterrupted<ServiceUnavailable>` with its cause.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ratatoskr import Timeouts

PATIENT = Timeouts(connect=20, first_byte=20, idle=20, no_progress=20, total=40, stream_life=60)
"""Deadlines that no test reaches."""

_BAD = "MalformedResponse"
_BROKEN = "StreamInterrupted<MalformedResponse>"
_DOWN = "ServiceUnavailable"
_SHORT = 0.4
_TOTAL = 2.0
"""Seconds of `total`, which counts from the call: time enough for a busy machine to send all requests of a row."""


@dataclass(frozen=True, slots=True)
class FaultRow:
    """A fault and its outcomes.

    Attributes:
        name: The name of the fault.
        call: The outcome of `chat`.
        stream: The outcome of `chat_stream`.
        times: The deadlines under test; the others are those of `PATIENT`.
        call_times: The deadlines of calls, if they differ.
        exceptions: The name of a model, of `httpx`, or of both, to another (call, stream).
        attributes: Attributes that the error must have.
        text: The text of a right answer, if it is not the usual one.
        may_continue: The names of models whose interrupted streams may have more text.
        options: The options of the fault.
        concurrency: The number of cases that run at a time.
        closes: Whether the upstream closes each connection unannounced, which the next case must not race with.
        counts_requests: Whether each case is one request at the provider.
    """

    name: str
    call: str
    stream: str
    times: Timeouts = Timeouts()
    call_times: Timeouts | None = None
    exceptions: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)
    text: str | None = None
    may_continue: Collection[str] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    concurrency: int = 16
    closes: bool = False
    counts_requests: bool = True

    def expected(self, model: str, mode: str, transport: str) -> str:
        """Return the outcome for a model, for `call` or `stream`, over a transport."""
        for name in (f"{model} {transport}", model, transport):
            if name in self.exceptions:
                return self.exceptions[name][mode == "stream"]
        return self.stream if mode == "stream" else self.call

    def deadlines(self, mode: str) -> Timeouts:
        """Return the deadlines of a case."""
        times = self.call_times if mode == "call" and self.call_times is not None else self.times
        return times.over(PATIENT)


def _uniform_row(name: str, outcome: str, **more: Any) -> FaultRow:
    return FaultRow(name, outcome, outcome, **more)


def _head_rows() -> Iterator[FaultRow]:
    late = Timeouts(first_byte=_SHORT)
    yield _uniform_row(
        "refuse", "ConnectionFailed", attributes={"sent": False, "phase": "connect"}, counts_requests=False
    )
    yield _uniform_row("never_accept", "Timeout:connect", times=Timeouts(connect=_SHORT), counts_requests=False)
    yield _uniform_row("accept_reset", "ConnectionFailed", counts_requests=False)
    yield _uniform_row("accept_end", "ConnectionFailed", counts_requests=False)
    yield _uniform_row("accept_ignore", "Timeout:first_byte", times=late, counts_requests=False)
    yield _uniform_row("stall_before_head", "Timeout:first_byte", times=late)
    yield _uniform_row("drip_head", "Timeout:first_byte", times=late)
    for name in ("reset_before_head", "end_before_head", "cut_head"):
        yield _uniform_row(name, "ConnectionFailed", attributes={"sent": True})
    yield _uniform_row("garbage_head", _BAD)
    yield _uniform_row("huge_head", _BAD)
    yield _uniform_row("interim", "right")


_STATUSES: Mapping[str, tuple[str, int]] = {
    "bad_request": ("InvalidInput", 400),
    "payment_required": ("QuotaExhausted", 402),
    "forbidden": ("AuthenticationFailed", 403),
    "unknown_model": ("ModelNotFound", 404),
    "request_timeout": (_DOWN, 408),
    "conflict": ("ProviderError", 409),
    "gone": ("ModelNotAvailable", 410),
    "too_large": ("InvalidInput", 413),
    "unprocessable": ("InvalidInput", 422),
    "too_early": ("ProviderError", 425),
    "rate_limited": ("RateLimited", 429),
    "context_length": ("ContextLengthExceeded", 400),
    "server_error": (_DOWN, 500),
    "not_implemented": ("ProviderError", 501),
    "bad_gateway": (_DOWN, 502),
    "unavailable": (_DOWN, 503),
    "gateway_timeout": (_DOWN, 504),
    "edge_timeout": (_DOWN, 524),
    "overloaded": (_DOWN, 529),
    "html_error": (_DOWN, 502),
}

_HINTS: Mapping[str, float | None] = {
    "seconds": 1.0,
    "fraction": 0.25,
    "zero": 0.0,
    "ms": 0.15,
    "past_date": 0.0,
    "garbage": None,
    "negative": None,
    "infinite": None,
    "nan": None,
    "huge": 1e9,
    "empty": None,
    "twice": None,
}


def _status_rows() -> Iterator[FaultRow]:
    for name, (error, status) in _STATUSES.items():
        yield _uniform_row(name, error, attributes={"status": status})
    yield _uniform_row("bad_key", "AuthenticationFailed")  # 400 at Google
    yield _uniform_row("quota_exhausted", "QuotaExhausted", attributes={"retryable": False})
    for name, seconds in _HINTS.items():
        yield _uniform_row(
            f"rate_limited_{name}", "RateLimited", attributes={"retry_after": seconds, "retryable": True}
        )
    yield _uniform_row("rate_limited_date", "RateLimited", attributes={"status": 429})  # the delay depends on the clock
    yield _uniform_row("rate_limited_hint", "RateLimited", attributes={"retry_after": 1.5, "retryable": True})
    yield _uniform_row("should_retry_true", _DOWN, attributes={"retryable": True})
    yield _uniform_row("should_retry_false", _DOWN, attributes={"retryable": False})
    for status in (301, 302, 303, 307, 308):
        yield _uniform_row(f"redirect_{status}", "RedirectRefused", attributes={"status": status, "retryable": False})


_OTHER_FORM = {
    "ollama": (_BAD, "right"),  # its document is the last line of a stream
    "google": ("right", _BAD),  # its stream is an array of documents, unless events are requested
}


def _content_rows() -> Iterator[FaultRow]:
    for name in ("html", "no_content", "empty_body", "bad_json", "wrong_shape", "deep_json"):
        yield _uniform_row(name, _BAD)
    # a document does not need its content type; a stream is recognised by it alone
    yield FaultRow("wrong_content_type", "right", _BAD)
    yield FaultRow("other_form", _BAD, _BAD, exceptions=_OTHER_FORM)
    yield _uniform_row("error_in_200", _DOWN)
    yield FaultRow("error_in_stream", _DOWN, f"StreamInterrupted<{_DOWN}>")
    yield FaultRow("bad_json_late", _BAD, _BROKEN)
    yield FaultRow("truncated_json", _BAD, _BROKEN)


def _body_rows() -> Iterator[FaultRow]:
    cut = "ConnectionFailed", "StreamInterrupted<ConnectionFailed>"
    yield FaultRow("cut_reset", *cut)
    yield FaultRow("cut_end", _BAD, cut[1])
    yield FaultRow("cut_clean", _BAD, _BROKEN)
    yield FaultRow("no_end", _BAD, _BROKEN)
    idle, total = Timeouts(idle=_SHORT), Timeouts(total=_TOTAL)
    yield _uniform_row("stall_after_head", "Timeout:idle", times=idle)
    yield FaultRow("stall_in_stream", "Timeout:idle", "StreamInterrupted<Timeout:idle>", idle)
    yield _uniform_row("only_keep_alives", "Timeout:total", times=total)
    stuck = "StreamInterrupted<Timeout:no_progress>"
    yield FaultRow("keep_alives_in_stream", "Timeout:total", stuck, Timeouts(no_progress=_SHORT), total)
    yield _uniform_row("slow_drip", "Timeout:total", times=total)
    yield _uniform_row("byte_by_byte", "right")
    # what follows the end of a stream is not awaited; Google's streams end only with the body
    yield FaultRow("length_too_long", _BAD, "right", exceptions={"google": (_BAD, cut[1])})
    yield FaultRow("length_too_short", _BAD, _BROKEN)
    first = _BAD, _BROKEN  # their first event contains text
    yield FaultRow("bad_chunk", _BAD, _BAD, exceptions={"google": first, "ollama": first})


def _text_rows() -> Iterator[FaultRow]:
    yield _uniform_row("broken_utf8", "right", text="Before \ufffd\ufffd\ufffd after.")
    yield _uniform_row("nul", _BAD)
    yield _uniform_row("split_utf8", "right", text="Grüße 🐿️ 日本")
    yield _uniform_row("split_surrogates", "right", text="up 🐿 down")
    yield _uniform_row("lone_surrogate", "right", text="a \ufffd b")
    yield _uniform_row("odd_separators", "right", text="a\u2028b\u0085c\x0bd\x1ce")
    for name in ("byte_order_mark", "crlf", "cr"):
        yield _uniform_row(name, "right")
    # Google's streams end only with the body, so that content after an end reopens the answer
    yield _uniform_row("events_after_end", "right", may_continue=("google",), exceptions={"google": ("right", _BROKEN)})
    for name in ("duplicate_start", "duplicate_end", "unknown_events", "many_keep_alives"):
        yield _uniform_row(name, "right")


def _size_rows() -> Iterator[FaultRow]:
    for name in ("endless_line", "endless_event", "endless_empty", "huge_line"):
        yield _uniform_row(name, _BAD, concurrency=2)
    for name in ("gzip_bomb", "gzip_bomb_stacked", "unasked_gzip", "unknown_encoding"):
        yield _uniform_row(name, _BAD)
    for name in ("trailers", "close_after"):
        yield _uniform_row(name, "right")
    yield _uniform_row("stale", "right", concurrency=1, closes=True)


_GROUPS = (_head_rows, _status_rows, _content_rows, _body_rows, _text_rows, _size_rows)
TABLE: Mapping[str, FaultRow] = {row.name: row for group in _GROUPS for row in group()}
"""Every fault except those of TLS, by name."""
