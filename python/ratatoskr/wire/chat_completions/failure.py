"""Errors as hosts tell them: OpenAI's object, OpenRouter's numbers and metadata, bare text, lists, pages of HTML."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Mapping
from typing import Any, cast

from ratatoskr.errors import MalformedResponse
from ratatoskr.wire.failure import ReportedFailure
from ratatoskr.wire.json import decode

_ANYTHING = cast("type[Any]", Any)

_LONGEST = 2000
"""Characters of a provider's words that are kept."""

_LONGEST_PAGE = 200
"""Characters of text that is no error object: a page's title, a proxy's line."""

_PERMANENT = frozenset(
    {
        "insufficient_quota",
        "billing_hard_limit_reached",
        "billing_not_active",
        "insufficient_credits",
        "payment_required",
    }
)
"""Codes of a quota that waiting does not bring back."""

_TITLE = re.compile(r"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_STATUS = range(400, 600)


def decode_error(body: bytes) -> ReportedFailure:
    """Return what an error body says, whatever it is."""
    try:
        return failure_of(decode(_ANYTHING, body))
    except MalformedResponse:
        return ReportedFailure(_page(body[:65536].decode("utf-8", "replace")))


def failure_of(value: Any) -> ReportedFailure:
    """Return what a decoded error body says; for a response or chunk with a top-level `error`, the whole of it."""
    if isinstance(value, list):
        return failure_of(value[0]) if value and isinstance(value[0], (dict, list)) else ReportedFailure(_words(value))
    if not isinstance(value, Mapping):
        return ReportedFailure(_page(value) if isinstance(value, str) else "")
    told = value.get("error")
    if isinstance(told, list) and told and isinstance(told[0], Mapping):
        told = told[0]
    outer = value if isinstance(told, Mapping) else {}
    inner: Mapping[str, Any] = told if isinstance(told, Mapping) else value
    metadata = inner.get("metadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    number, code = _code(metadata.get("provider_code")), _code(inner.get("code"))
    code = (code[0] or number[0], code[1] or number[1])
    kind = _text(metadata.get("error_type")) or _kind(inner, value)
    return ReportedFailure(
        message=_message(inner, metadata, told),
        kind=kind,
        code=code[0],
        param=_text(inner.get("param")),
        status=code[1] or _status(inner, outer),
        retry_after=_wait(metadata, inner, value),
        permanent=bool(_PERMANENT & {code[0], kind}),
    )


def _message(inner: Mapping[str, Any], metadata: Mapping[str, Any], told: Any) -> str:
    message = ""
    for words in (inner.get("message"), told, inner.get("detail"), inner.get("msg")):
        if isinstance(words, (str, list)) or (isinstance(words, Mapping) and words is not inner):
            message = message or _words(words)
    upstream = metadata.get("raw")
    if isinstance(upstream, str) and upstream and upstream not in message:
        upstream = decode_error(upstream.encode("utf-8", "replace")).message or upstream
        message = f"{message}: {upstream}" if message else upstream
    return message[:_LONGEST]


def _words(value: Any) -> str:
    """Return text, the texts of a list, or the `msg` or `message` of each of a list's objects, as one line."""
    if isinstance(value, str):
        return _CONTROL.sub(" ", value).strip()[:_LONGEST]
    if isinstance(value, list):
        return "; ".join(filter(None, map(_words, value[:8])))[:_LONGEST]
    if isinstance(value, Mapping):
        return next((w for name in ("message", "msg", "detail", "error") if (w := _words(value.get(name)))), "")
    return ""


def _kind(inner: Mapping[str, Any], value: Mapping[str, Any]) -> str | None:
    for words in (inner.get("type"), inner.get("status"), inner.get("error_type"), value.get("error_type")):
        if kind := _text(words):
            return kind
    return None


def _text(value: Any) -> str | None:
    return _CONTROL.sub(" ", value)[:_LONGEST_PAGE] if isinstance(value, str) and value else None


def _code(value: Any) -> tuple[str | None, int | None]:
    """Return a finer code and a status: a number in the range of errors is a status, text may be both."""
    if isinstance(value, int) and not isinstance(value, bool):
        return (None, value) if value in _STATUS else (str(value)[:_LONGEST_PAGE] if value else None, None)
    text = _text(value)
    if text is not None and text.isascii() and text.isdigit() and len(text) == 3 and int(text) in _STATUS:
        return None, int(text)
    return text, None


def _status(*objects: Mapping[str, Any]) -> int | None:
    for one in objects:
        for name in ("status_code", "http_status_code", "status", "code"):
            value = one.get(name)
            if isinstance(value, int) and not isinstance(value, bool) and value in _STATUS:
                return value
    return None


def _wait(*objects: Mapping[str, Any]) -> float | None:
    """Return the seconds to wait; `estimated_time` is HuggingFace's word while a model loads."""
    for one in objects:
        for name in ("retry_after", "retry_after_seconds", "estimated_time"):
            value = one.get(name)
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                try:
                    seconds = float(value)
                except OverflowError:
                    continue
                if math.isfinite(seconds) and seconds >= 0:
                    return seconds
    return None


def _page(text: str) -> str:
    """Return the title of a page, or the beginning of other text, on one line without control characters."""
    title = _TITLE.search(text)
    if title is not None:
        text = html.unescape(title.group(1))
    elif text.lstrip()[:1] == "<":
        text = html.unescape(
            re.sub(r"<(script|style)\b.*?</\1\s*>|<[^<>]*>", " ", text, flags=re.DOTALL | re.IGNORECASE)
        )
    return " ".join(_CONTROL.sub(" ", text).split())[:_LONGEST_PAGE]
