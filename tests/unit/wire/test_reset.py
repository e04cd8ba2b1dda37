"""Times at which limits end, as error bodies write them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from ratatoskr.wire.chat_completions.errors import parse_failure
from ratatoskr.wire.reset import find_reset, find_reset_in_text


def at(*parts: int) -> float:
    return datetime(*parts, tzinfo=UTC).timestamp()  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"resets_at": 1_796_083_200}, 1_796_083_200.0),
        ({"resets_at": 1_796_083_200_000}, 1_796_083_200.0),
        ({"resets_at": "1796083200"}, 1_796_083_200.0),
        ({"reset_at": "2026-12-01T00:00:00Z"}, at(2026, 12, 1)),
        ({"reset_at": "2026-12-01T02:00:00+02:00"}, at(2026, 12, 1)),
        ({"reset_at": "2026-12-01T00:00:00"}, at(2026, 12, 1)),
        ({"X-RateLimit-Reset": "1796083200000"}, 1_796_083_200.0),
        ({"resets_at": 3600}, None),
        ({"resets_at": True}, None),
        ({"resets_at": None}, None),
        ({"resets_at": [1]}, None),
        ({"resets_at": "soon"}, None),
        ({"resets_at": float("nan")}, None),
        ({"resets_at": 10**400}, None),
        ({"resets_at": ""}, None),
        ({}, None),
        ([1], None),
        (None, None),
        ({"resets_at": "soon", "reset_at": 1_796_083_200}, 1_796_083_200.0),
    ],
)
def test_the_time_of_a_member(body: Any, expected: float | None) -> None:
    assert find_reset(body) == expected
    assert find_reset({}, body) == expected


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("You will regain access on 2026-12-01 at 00:00 UTC.", at(2026, 12, 1)),
        ("Weekly limit reached. It resets at 2026-12-04T08:30:15Z", at(2026, 12, 4, 8, 30, 15)),
        ("limit resets on 2026-12-04 08:30", at(2026, 12, 4, 8, 30)),
        ("Try again after 2026-12-04 08:30:00 +02:00", at(2026, 12, 4, 6, 30)),
        ("limit resets at: 2026-12-04T10:00:01+0200", at(2026, 12, 4, 8, 0, 1)),
        ("Your quota renews 2026-12-04", at(2026, 12, 4)),
        ("blocked until 2026-12-04T08:30:15.250000Z", at(2026, 12, 4, 8, 30, 15) + 0.25),
        ("The model gpt-4o-2024-05-13 is at its limit", None),
        ("Try again later. Model gpt-4o-2024-05-13 is busy", None),
        ("resets at 2026-13-45", None),
        ("resets at 2026-12-04T99:99", None),
        ("", None),
    ],
)
def test_the_time_in_a_message(message: str, expected: float | None) -> None:
    assert find_reset_in_text(message) == expected


def test_the_headers_that_openrouter_repeats_in_the_body() -> None:
    headers = {"X-RateLimit-Limit": "50", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1796083200000"}
    body = {"error": {"message": "Rate limit exceeded", "code": 429, "metadata": {"headers": headers}}}
    assert parse_failure(body).resets_at == 1_796_083_200.0
