"""What providers' headers say about how much of a limit is left."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Final, NamedTuple

__all__ = ["Remaining", "least_remaining", "read_remaining"]


class Remaining(NamedTuple):
    """What is left of a provider's own limit.

    Attributes:
        remaining: requests or tokens.
        seconds: until the limit is full again.
    """

    remaining: int
    seconds: float


# developers.openai.com/api/docs/guides/rate-limits ("Rate limits in headers"), console.groq.com/docs/rate-limits,
# platform.claude.com/docs/en/api/rate-limits ("Response headers"); from memory, November 2026.
_NAMES: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "requests": (
        ("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
        ("anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset"),
    ),
    "tokens": (
        ("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
        ("anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset"),
    ),
    "input_tokens": (("anthropic-ratelimit-input-tokens-remaining", "anthropic-ratelimit-input-tokens-reset"),),
    "output_tokens": (("anthropic-ratelimit-output-tokens-remaining", "anthropic-ratelimit-output-tokens-reset"),),
}
"""For each dimension: the headers that hold what remains, and when it is full again."""

_UNITS: Final = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_DURATION: Final = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|[dhms]))+")
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|[dhms])")


def least_remaining(headers: Mapping[str, str], dimension: str) -> int | None:
    """Return the least that headers, with names in lower case, say is left of one of `DIMENSIONS`."""
    least = None
    for remaining, _ in _NAMES[dimension]:
        text = headers.get(remaining)
        if text is None:
            continue
        count = _count(text)
        if count is not None and (least is None or count < least):
            least = count
    return least


def read_remaining(
    headers: Mapping[str, str], dimension: str, now: Callable[[], float], below: float = math.inf
) -> Remaining | None:
    """Return what headers say about a dimension; `None` if they say nothing that can be read, or that more is left.

    Args:
        headers: names in lower case.
        dimension: one of `DIMENSIONS`.
        now: returns seconds since 1970.
        below: what is of interest: less than this is left.
    """
    for remaining, reset in _NAMES[dimension]:
        count = _count(headers.get(remaining, ""))
        if count is None:
            continue
        if count >= below:
            return None
        seconds = _seconds(headers.get(reset, ""), now)
        if seconds is not None:
            return Remaining(count, seconds)
    return None


def _count(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def _seconds(text: str, now: Callable[[], float]) -> float | None:
    """Return the seconds until a time: `1m30s`, `20ms`, `12.5`, or a date as in RFC 3339."""
    text = text.strip()
    if len(text) > 40:
        return None
    duration = _duration(text)
    if duration is not None:
        return duration
    try:
        return max(0.0, float(text)) if text.replace(".", "", 1).isdigit() else _until(text, now())
    except (ValueError, OverflowError):
        return None


@lru_cache(maxsize=256)
def _duration(text: str) -> float | None:
    if not _DURATION.fullmatch(text):
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))


def _until(text: str, now: float) -> float | None:
    moment = datetime.fromisoformat(text)
    return max(0.0, moment.timestamp() - now) if moment.tzinfo is not None else None
