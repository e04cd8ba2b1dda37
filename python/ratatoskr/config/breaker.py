"""The settings of circuit breakers, checked: a builder's, and those of `[breaker]` in `config.toml`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

from ratatoskr.errors import ConfigurationError
from ratatoskr.registry.breaker import MAX_RESULTS, BreakerSettings
from ratatoskr.types.visible import quote

__all__ = ["check_breaker"]


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_RESULTS


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return 0 < float(value) < math.inf
    except OverflowError:
        return False


_CHECKS: Final[dict[str, tuple[Callable[[Any], bool], str]]] = {
    "failures": (_is_count, f"a whole number from 1 to {MAX_RESULTS} (None for no breaker)"),
    "failure_ratio": (lambda value: _is_number(value) and value <= 1, "a number above 0 and at most 1"),
    "minimum_requests": (_is_count, f"a whole number from 1 to {MAX_RESULTS}"),
    "window": (_is_number, "seconds above 0"),
    "open_for": (_is_number, "seconds above 0"),
    "max_open_for": (_is_number, "seconds above 0"),
}
"""What each setting must be."""


def check_breaker(settings: BreakerSettings) -> None:
    """Raise `ConfigurationError` that names the first setting which is wrong."""
    for name, (is_valid, expected) in _CHECKS.items():
        value = getattr(settings, name)
        if not is_valid(value):
            raise ConfigurationError(f"{name} must be {expected}, not {quote(value)}", field=name)
    if settings.open_for > settings.max_open_for:
        text = f"open_for, {settings.open_for:g} s, must not be longer than max_open_for, {settings.max_open_for:g} s"
        raise ConfigurationError(text, field="open_for")
