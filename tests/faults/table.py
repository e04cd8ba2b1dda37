"""What a caller gets for every misbehaviour of a provider: one closed table, written down from what errors mean.

A cell is an outcome as `outcome.name_of` words it: `right` for the whole answer, a class, `Timeout:idle` for a
deadline, `StreamInterrupted<ServiceUnavailable>` with the leaf that is its cause.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ratatoskr import Timeouts

PATIENT = Timeouts(connect=20, first_byte=20, idle=20, no_progress=20, total=40, stream_life=60)
"""Deadlines that no test should meet."""

_BAD = "MalformedResponse"
_BROKEN = "StreamInterrupted<MalformedResponse>"
_DOWN = "ServiceUnavailable"
_SHORT = 0.4
_TOTAL = 2.0
"""Seconds of `total`, which counts from the call: time enough for a busy machine to send all requests of a row."""


@dataclass(frozen=True, slots=True)
class Row:
    """One misbehaviour.

    Attributes:
        name: of the fault.
        call: outcome of `chat`.
        stream: outcome of `chat_stream`.
        times: the deadlines under test, over `PATIENT`.
        call_times: those of calls where they differ.
        but: name of a model, of `httpx`, or of both, to (call, stream), where it is otherwise.
        says: attributes that the error must have.
        text: what a right answer says, where it is not the usual.
        longer: names of models whose streams may say more than that.
        options: of the fault.
        narrow: how many cases run at a time.
        asks: whether each case is one request at the provider; `None` where it is not told.
    """

    name: str
    call: str
    stream: str
    times: Timeouts = Timeouts()
    call_times: Timeouts | None = None
    but: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    says: Mapping[str, Any] = field(default_factory=dict)
    text: str | None = None
    longer: Collection[str] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    narrow: int = 16
    asks: bool = True

    def expected(self, model: str, way: str, transport: str) -> str:
        """Return the outcome for a model, for `call` or `stream`, over a transport."""
        for name in (f"{model} {transport}", model, transport):
            if name in self.but:
                return self.but[name][way == "stream"]
        return self.stream if way == "stream" else self.call

    def deadlines(self, way: str) -> Timeouts:
        """Return the deadlines of a case."""
        times = self.call_times if way == "call" and self.call_times is not None else self.times
        return times.over(PATIENT)


def _same(name: str, outcome: str, **more: Any) -> Row:
    return Row(name, outcome, outcome, **more)


def _before_the_body() -> Iterator[Row]:
    late = Timeouts(first_byte=_SHORT)
    yield _same("refuse", "ConnectionFailed", says={"sent": False, "phase": "connect"}, asks=False)
    yield _same("never_accept", "Timeout:connect", times=Timeouts(connect=_SHORT), asks=False)
    yield _same("accept_reset", "ConnectionFailed", asks=False)
    yield _same("accept_end", "ConnectionFailed", asks=False)
    yield _same("accept_ignore", "Timeout:first_byte", times=late, asks=False)
    yield _same("stall_before_head", "Timeout:first_byte", times=late)
    yield _same("drip_head", "Timeout:first_byte", times=late)
    for name in ("reset_before_head", "end_before_head", "cut_head"):
        yield _same(name, "ConnectionFailed", says={"sent": True})
    yield _same("garbage_head", _BAD)
    yield _same("huge_head", _BAD)
    yield _same("interim", "right")


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


def _statuses() -> Iterator[Row]:
    for name, (error, status) in _STATUSES.items():
        yield _same(name, error, says={"status": status})
    yield _same("bad_key", "AuthenticationFailed")  # 400 at Google
    yield _same("quota_exhausted", "QuotaExhausted", says={"retryable": False})
    for name, seconds in _HINTS.items():
        yield _same(f"rate_limited_{name}", "RateLimited", says={"retry_after": seconds, "retryable": True})
    yield _same("rate_limited_date", "RateLimited", says={"status": 429})  # how long is a matter of the clock
    yield _same("rate_limited_hint", "RateLimited", says={"retry_after": 1.5, "retryable": True})
    yield _same("should_retry_true", _DOWN, says={"retryable": True})
    yield _same("should_retry_false", _DOWN, says={"retryable": False})
    for status in (301, 302, 303, 307, 308):
        yield _same(f"redirect_{status}", "RedirectRefused", says={"status": status, "retryable": False})


_OTHER_FORM = {
    "ollama": (_BAD, "right"),  # its document is the last line of a stream
    "google": ("right", _BAD),  # its stream is an array of documents, if no events are asked for
}


def _content() -> Iterator[Row]:
    for name in ("html", "no_content", "empty_body", "bad_json", "wrong_shape", "deep_json"):
        yield _same(name, _BAD)
    # a document is what it is, whatever its label; a stream is told from a document by nothing else
    yield Row("wrong_content_type", "right", _BAD)
    yield Row("other_form", _BAD, _BAD, but=_OTHER_FORM)
    # ollama says its errors in words alone
    yield _same("error_in_200", _DOWN, but={"ollama": ("ProviderError", "ProviderError")})
    told = "ProviderError", "StreamInterrupted<ProviderError>"
    yield Row("error_in_stream", _DOWN, f"StreamInterrupted<{_DOWN}>", but={"ollama": told})
    yield Row("bad_json_late", _BAD, _BROKEN)
    yield Row("truncated_json", _BAD, _BROKEN)


def _cut_and_slow() -> Iterator[Row]:
    cut = "ConnectionFailed", "StreamInterrupted<ConnectionFailed>"
    yield Row("cut_reset", *cut)
    yield Row("cut_end", _BAD, cut[1])
    yield Row("cut_clean", _BAD, _BROKEN)
    yield Row("no_end", _BAD, _BROKEN)
    idle, total = Timeouts(idle=_SHORT), Timeouts(total=_TOTAL)
    yield _same("stall_after_head", "Timeout:idle", times=idle)
    yield Row("stall_in_stream", "Timeout:idle", "StreamInterrupted<Timeout:idle>", idle)
    yield _same("only_keep_alives", "Timeout:total", times=total)
    stuck = "StreamInterrupted<Timeout:no_progress>"
    yield Row("keep_alives_in_stream", "Timeout:total", stuck, Timeouts(no_progress=_SHORT), total)
    yield _same("slow_drip", "Timeout:total", times=total)
    yield _same("byte_by_byte", "right")
    # whatever follows a stream's end is not waited for; google's streams have no other end than the body's
    yield Row("length_too_long", _BAD, "right", but={"google": (_BAD, cut[1])})
    yield Row("length_too_short", _BAD, _BROKEN)
    first = _BAD, _BROKEN  # there the first event holds text already
    yield Row("bad_chunk", _BAD, _BAD, but={"google": first, "ollama": first})


def _hard_text() -> Iterator[Row]:
    yield _same("broken_utf8", "right", text="Before \ufffd\ufffd\ufffd after.")
    yield _same("nul", _BAD)
    yield _same("split_utf8", "right", text="Grüße 🐿️ 日本")
    yield _same("split_surrogates", "right", text="up 🐿 down")
    yield _same("lone_surrogate", "right", text="a \ufffd b")
    yield _same("odd_separators", "right", text="a\u2028b\u0085c\x0bd\x1ce")
    for name in ("byte_order_mark", "crlf", "cr"):
        yield _same(name, "right")
    yield _same("events_after_end", "right", longer=("google",))  # which has no end but that of the body
    for name in ("duplicate_start", "duplicate_end", "unknown_events", "many_keep_alives"):
        yield _same(name, "right")


def _too_much() -> Iterator[Row]:
    for name in ("endless_line", "endless_event", "endless_empty", "huge_line"):
        yield _same(name, _BAD, narrow=2)
    for name in ("gzip_bomb", "gzip_bomb_stacked", "unasked_gzip", "unknown_encoding"):
        yield _same(name, _BAD)
    for name in ("trailers", "close_after", "stale"):
        yield _same(name, "right")


_GROUPS = (_before_the_body, _statuses, _content, _cut_and_slow, _hard_text, _too_much)
TABLE: Mapping[str, Row] = {row.name: row for group in _GROUPS for row in group()}
"""Every misbehaviour but those of TLS, by name."""
