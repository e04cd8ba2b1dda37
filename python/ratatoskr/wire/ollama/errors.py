"""Ollama's error bodies, those of its OpenAI-compatible endpoints, and those of a proxy in between."""

from __future__ import annotations

import json
from typing import Any

from ratatoskr.wire.error_body import extract_error_text
from ratatoskr.wire.failure import ReportedFailure
from ratatoskr.wire.json import replace_surrogates


def decode_error(body: bytes) -> ReportedFailure:
    """Return what an error body reports; never raises."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return ReportedFailure(extract_error_text(body))
    error = value.get("error") if isinstance(value, dict) else None
    if isinstance(error, str):
        return ReportedFailure(
            replace_surrogates(error), status=_status(value.get("status_code")) or _status(value.get("status"))
        )
    if isinstance(error, dict):
        return ReportedFailure(
            _text(error.get("message")) or "",
            kind=_text(error.get("type")),
            code=_text(error.get("code")),
            param=_text(error.get("param")),
            status=_status(error.get("code")),
        )
    return ReportedFailure(extract_error_text(body))


def _text(value: Any) -> str | None:
    return replace_surrogates(value) if isinstance(value, str) and value else None


def _status(value: Any) -> int | None:
    return value if type(value) is int and 400 <= value <= 599 else None
