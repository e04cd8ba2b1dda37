"""What an error body or an error event says, in OpenAI's form, in OpenRouter's, and in whatever a proxy answers."""

from __future__ import annotations

import json
import re
from typing import Any

from ratatoskr.wire.error_body import extract_error_text
from ratatoskr.wire.failure import ReportedFailure
from ratatoskr.wire.json import replace_surrogates

_PERMANENT = frozenset(
    {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "account_deactivated"}
)
_AGAIN = re.compile(r"try again in ((?:\d+h)?(?:\d+m(?!s))?(?:[\d.]+(?:ms|s))?)", re.IGNORECASE)
_STRETCH = re.compile(r"([\d.]+)(ms|h|m|s)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


def decode_error(body: bytes) -> ReportedFailure:
    """Return what an error body says; anything but a JSON error object gives its text, cut short. Never raises."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return ReportedFailure(extract_error_text(body))
    return failure_of(value)


def failure_of(value: Any) -> ReportedFailure:
    """Return what a decoded error says, wherever in the value it stands."""
    outer = value
    while isinstance(value, list) and value:
        outer = value = value[0]
    if isinstance(value, dict) and value.get("error") is not None:
        value = value["error"]
    if isinstance(value, str):
        return ReportedFailure(extract_error_text(value.encode("utf-8", "replace")), code=_word(_get(outer, "code")))
    if not isinstance(value, dict):
        return ReportedFailure()
    return _told(value)


def _told(error: dict[str, Any]) -> ReportedFailure:
    metadata = error.get("metadata")
    kind, code = _word(error.get("type")), error.get("code")
    status = next((n for n in (code, error.get("status"), error.get("status_code")) if _is_status(n)), None)
    word = _word(_get(metadata, "provider_code")) if isinstance(code, int) else _word(code)
    kind = _word(_get(metadata, "error_type")) or (kind if kind != "error" else None)
    message = _message(error)
    return ReportedFailure(
        message=message,
        kind=kind,
        code=word,
        param=_word(error.get("param")),
        status=status,
        retry_after=_wait(message),
        permanent=word in _PERMANENT or kind in _PERMANENT,
    )


def _message(error: dict[str, Any]) -> str:
    """Return the error's words; OpenRouter hides those of the provider behind it in `metadata.raw`."""
    message = next((m for m in (error.get(k) for k in ("message", "detail", "title")) if isinstance(m, str)), "")
    raw = _get(error.get("metadata"), "raw")
    if isinstance(raw, str) and raw:
        try:
            inner = failure_of(json.loads(raw)).message
        except (ValueError, RecursionError):
            inner = extract_error_text(raw.encode("utf-8", "replace"))
        if inner and inner not in message:
            message = f"{message}: {inner}" if message else inner
    return replace_surrogates(message)


def _wait(message: str) -> float | None:
    """Return the seconds that OpenAI's rate limit error names in its words, as in `try again in 1.898s` or `6m0s`."""
    found = _AGAIN.search(message)
    stretches = _STRETCH.findall(found[1]) if found else []
    try:
        return sum(float(number) * _SECONDS[unit] for number, unit in stretches) if stretches else None
    except ValueError:
        return None


def _get(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _word(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    return replace_surrogates(str(value)) or None


def _is_status(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 400 <= value <= 599
