"""Error bodies of the hosts: OpenAI's object, OpenRouter's codes and metadata, plain text, lists, HTML pages."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any, cast

from ratatoskr.errors import MalformedResponse
from ratatoskr.wire.failure import ReportedFailure
from ratatoskr.wire.json import decode
from ratatoskr.wire.reset import find_reset, find_wait

_ANY_JSON = cast("type[Any]", Any)

_MAX_MESSAGE = 2000
"""The number of characters that are kept of a provider's message."""

_MAX_TEXT = 200
"""The number of characters that are kept of other text: the title of a page, a proxy's message, a code."""

_PERMANENT = frozenset(
    {
        "insufficient_quota",
        "billing_hard_limit_reached",
        "billing_not_active",
        "insufficient_credits",
        "payment_required",
    }
)
"""Codes of errors that waiting does not resolve."""

_BASE_RESP: Mapping[int, tuple[int, str]] = {
    1000: (500, "server_error"),
    1001: (504, "timeout_error"),
    1002: (429, "rate_limit_exceeded"),
    1004: (401, "authentication_error"),
    1008: (402, "payment_required"),
    1013: (500, "server_error"),
    1024: (500, "server_error"),
    1026: (400, "content_filter"),
    1027: (400, "content_filter"),
    1033: (500, "server_error"),
    1039: (400, "context_length_exceeded"),
    2013: (400, "invalid_request_error"),
    2049: (401, "invalid_api_key"),
}
"""MiniMax's numbers, which come in `base_resp` with status 200: the status and the type that they mean. From
platform.minimax.io/docs/api-reference/errorcode (2026-11); those after 1004 from memory."""

_TITLE = re.compile(r"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_STATUS = range(400, 600)


def decode_error(body: bytes) -> ReportedFailure:
    """Return the failure that an error body reports. Never raises."""
    try:
        return parse_failure(decode(_ANY_JSON, body))
    except MalformedResponse:
        return ReportedFailure(_summarize_text(body[:65536].decode("utf-8", "replace")))


def parse_failure(value: Any) -> ReportedFailure:
    """Return the failure that a decoded error body reports, or a response or chunk with a member `error`."""
    if isinstance(value, list):
        if value and isinstance(value[0], (dict, list)):
            return parse_failure(value[0])
        return ReportedFailure(_join_texts(value))
    if not isinstance(value, Mapping):
        return ReportedFailure(_summarize_text(value) if isinstance(value, str) else "")
    base = value.get("base_resp")
    if isinstance(base, Mapping) and base.get("status_code") and not value.get("error"):
        return _parse_base_resp(base)
    error = value.get("error") or value.get("errors")  # Cloudflare's is a list: public reports, 2026-04
    if isinstance(error, list) and error and isinstance(error[0], Mapping):
        error = error[0]
    outer = value if isinstance(error, Mapping) else {}
    inner: Mapping[str, Any] = error if isinstance(error, Mapping) else value
    metadata = inner.get("metadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    code, status = _parse_code(inner.get("code"))
    provider_code, provider_status = _parse_code(metadata.get("provider_code"))
    code, status = code or provider_code, status or provider_status
    kinds = (metadata.get("error_type"), inner.get("type"), inner.get("status"), inner.get("error_type"))
    kind = next((text for one in (*kinds, value.get("error_type")) if (text := _text_or_none(one))), None)
    return ReportedFailure(
        message=_find_message(inner, metadata, error),
        kind=kind,
        code=code,
        param=_text_or_none(inner.get("param")),
        status=status or _find_status(inner, outer),
        retry_after=find_wait(metadata, inner, value),
        permanent=bool(_PERMANENT & {code, kind}),
        resets_at=find_reset(metadata, metadata.get("headers"), inner, value),
    )


def _parse_base_resp(base: Mapping[str, Any]) -> ReportedFailure:
    number = base.get("status_code")
    status, kind = _BASE_RESP.get(number, (None, None)) if isinstance(number, int) else (None, None)
    code, _ = _parse_code(number)
    return ReportedFailure(_join_texts(base.get("status_msg")), kind, code, status=status, permanent=kind in _PERMANENT)


def _find_message(inner: Mapping[str, Any], metadata: Mapping[str, Any], error: Any) -> str:
    """Return the message, with that of the provider behind OpenRouter, which is in `metadata.raw`."""
    message = ""
    for value in (inner.get("message"), error, inner.get("detail"), inner.get("msg")):
        if isinstance(value, (str, list)) or (isinstance(value, Mapping) and value is not inner):
            message = message or _join_texts(value)
    upstream = metadata.get("raw")
    if isinstance(upstream, str) and upstream and upstream not in message:
        upstream = decode_error(upstream.encode("utf-8", "replace")).message or upstream
        message = f"{message}: {upstream}" if message else upstream
    return message[:_MAX_MESSAGE]


def _join_texts(value: Any) -> str:
    """Return the text in a message as one line: it may be an object with a text, or a list of either."""
    if isinstance(value, str):
        return _CONTROL.sub(" ", value).strip()[:_MAX_MESSAGE]
    if isinstance(value, list):
        return "; ".join(filter(None, map(_join_texts, value[:8])))[:_MAX_MESSAGE]
    if isinstance(value, Mapping):
        return next((t for name in ("message", "msg", "detail", "error") if (t := _join_texts(value.get(name)))), "")
    return ""


def _text_or_none(value: Any) -> str | None:
    return _CONTROL.sub(" ", value)[:_MAX_TEXT] if isinstance(value, str) and value else None


def _parse_code(value: Any) -> tuple[str | None, int | None]:
    """Return code and status: a number from 400 to 599 is a status, also as text."""
    if isinstance(value, int) and not isinstance(value, bool):
        return (None, value) if value in _STATUS else (str(value)[:_MAX_TEXT] if value else None, None)
    text = _text_or_none(value)
    if text is not None and text.isascii() and text.isdigit() and len(text) == 3 and int(text) in _STATUS:
        return None, int(text)
    return text, None


def _find_status(*objects: Mapping[str, Any]) -> int | None:
    for one in objects:
        for name in ("status_code", "http_status_code", "status", "code"):
            value = one.get(name)
            if isinstance(value, int) and not isinstance(value, bool) and value in _STATUS:
                return value
    return None


def _summarize_text(text: str) -> str:
    """Return the title of an HTML page, or the beginning of other text, as one line without control characters."""
    title = _TITLE.search(text)
    if title is not None:
        text = html.unescape(title.group(1))
    elif text.lstrip()[:1] == "<":
        text = html.unescape(
            re.sub(r"<(script|style)\b.*?</\1\s*>|<[^<>]*>", " ", text, flags=re.DOTALL | re.IGNORECASE)
        )
    return " ".join(_CONTROL.sub(" ", text).split())[:_MAX_TEXT]
