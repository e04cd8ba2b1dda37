"""When a limit ends: the seconds to wait, or the time, in an error body."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

__all__ = ["find_reset", "find_reset_in_text", "find_wait"]

_NAMES: Final = ("resets_at", "reset_at", "x-ratelimit-reset")
"""`resets_at`: ChatGPT's `usage_limit_reached`; `X-RateLimit-Reset`: in `metadata.headers` of OpenRouter's free models.
Both from public reports, read in 2026-11."""
_WAITS: Final = ("retry_after", "retry_after_seconds", "resets_in_seconds", "estimated_time")
"""`resets_in_seconds`: ChatGPT (public reports, 2026-11). `estimated_time`: Hugging Face, while a model loads."""
_MIN_EPOCH, _MIN_EPOCH_MS = 1e8, 1e11
"""From here on a number is the time since the epoch, in seconds or in milliseconds."""

_IN_TEXT = re.compile(
    r"\b(?:resets?|regain|renews?|again|until)\b[^.;]{0,60}?\b(\d{4}-\d\d-\d\d)"
    r"(?:(?:T| at | )(\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?) ?(Z|UTC|GMT|[+-]\d\d:?\d\d)?)?",
    re.IGNORECASE,
)
"""As in Anthropic's "You will regain access on 2026-12-01 at 00:00 UTC." (public reports, 2026-11)."""


def find_wait(*objects: Any) -> float | None:
    """Return the seconds to wait that the first of these objects gives; `None` if none does."""
    for one in objects:
        for name in _WAITS if isinstance(one, Mapping) else ():
            value = one.get(name)
            if isinstance(value, int | float) and not isinstance(value, bool):
                try:
                    seconds = float(value)
                except OverflowError:
                    continue
                if math.isfinite(seconds) and seconds >= 0:
                    return seconds
    return None


def find_reset(*objects: Any) -> float | None:
    """Return the time that the first of these objects gives, in seconds since the epoch; `None` if none does."""
    for one in objects:
        if not isinstance(one, Mapping):
            continue
        members = {str(name).lower(): value for name, value in one.items()} if len(one) <= 64 else one
        for name in _NAMES:
            time = _parse(members.get(name))
            if time is not None:
                return time
    return None


def find_reset_in_text(message: str) -> float | None:
    """Return the time after words such as "resets at", in seconds since the epoch; without a zone it is UTC."""
    found = _IN_TEXT.search(message)
    if found is None:
        return None
    date, time, zone = found.groups()
    offset = zone if zone and zone[0] in "+-" else "+00:00"
    return _parse(f"{date}T{time or '00:00'}{offset}")


def _parse(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    except ValueError:
        try:
            date = datetime.fromisoformat(str(value).strip())
            return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            return None
    if not math.isfinite(number) or number < _MIN_EPOCH:
        return None
    return number / 1000 if number >= _MIN_EPOCH_MS else number
