"""Error bodies and error events: OpenAI's, OpenRouter's, and those of proxies."""

from __future__ import annotations

import json
import re
from typing import Any

from ratatoskr.wire.error_body import extract_error_text
from ratatoskr.wire.failure import ReportedFailure
from ratatoskr.wire.json import replace_surrogates
from ratatoskr.wire.reset import find_reset, find_wait

_PERMANENT = frozenset(
    {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "account_deactivated"}
)
_RETRY_IN = re.compile(r"try again in ((?:\d+h)?(?:\d+m(?!s))?(?:[\d.]+(?:ms|s))?)", re.IGNORECASE)
_DURATION = re.compile(r"([\d.]+)(ms|h|m|s)")
_UNIT_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


def decode_error(body: bytes) -> ReportedFailure:
    """Return the failure that an error body reports; for anything but JSON, the beginning of its text. Never raises."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return ReportedFailure(extract_error_text(body))
    return parse_failure(value)


def parse_failure(value: Any) -> ReportedFailure:
    """Return the failure that a decoded error body reports."""
    outer = value
    while isinstance(value, list) and value:
        outer = value = value[0]
    if isinstance(value, dict) and value.get("error") is not None:
        value = value["error"]
    if isinstance(value, str):
        return ReportedFailure(
            extract_error_text(value.encode("utf-8", "replace")), code=_text_or_none(_get(outer, "code"))
        )
    if not isinstance(value, dict):
        return ReportedFailure()
    metadata, code = value.get("metadata"), value.get("code")
    kind = _text_or_none(value.get("type"))
    kind = _text_or_none(_get(metadata, "error_type")) or (kind if kind != "error" else None)
    code_text = _text_or_none(_get(metadata, "provider_code") if isinstance(code, int) else code)
    message = _find_message(value)
    return ReportedFailure(
        message=message,
        kind=kind,
        code=code_text,
        param=_text_or_none(value.get("param")),
        status=next((n for n in (code, value.get("status"), value.get("status_code")) if _is_status(n)), None),
        retry_after=find_wait(value, metadata) or _parse_retry_after(message),
        permanent=code_text in _PERMANENT or kind in _PERMANENT,
        resets_at=find_reset(value, metadata, _get(metadata, "headers"), outer),
    )


def _find_message(error: dict[str, Any]) -> str:
    """Return the message, with that of the provider behind OpenRouter, which is in `metadata.raw`."""
    message = next((m for m in (error.get(k) for k in ("message", "detail", "title")) if isinstance(m, str)), "")
    raw = _get(error.get("metadata"), "raw")
    if isinstance(raw, str) and raw:
        try:
            inner = parse_failure(json.loads(raw)).message
        except (ValueError, RecursionError):
            inner = extract_error_text(raw.encode("utf-8", "replace"))
        if inner and inner not in message:
            message = f"{message}: {inner}" if message else inner
    return replace_surrogates(message)


def _parse_retry_after(message: str) -> float | None:
    """Return the seconds in the message of OpenAI's rate limit error, as in `try again in 1.898s` or `6m0s`."""
    match = _RETRY_IN.search(message)
    durations = _DURATION.findall(match[1]) if match else []
    try:
        return sum(float(number) * _UNIT_SECONDS[unit] for number, unit in durations) if durations else None
    except ValueError:
        return None


def _get(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _text_or_none(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    return replace_surrogates(str(value)) or None


def _is_status(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 400 <= value <= 599
