"""The windows of a budget: fixed, without gaps or overlaps, whatever the time zone does."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratatoskr.ledger.period import find_window

UTC = ZoneInfo("UTC")
ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Havana",
    "America/Santiago",
    "Asia/Beirut",
    "Asia/Kathmandu",
]


def at(text: str, zone: str = "UTC") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


@pytest.mark.parametrize(
    ("period", "zone", "moment", "start", "end"),
    [
        ("day", "UTC", "2026-11-28T00:00", "2026-11-28T00:00", "2026-11-29T00:00"),
        ("day", "UTC", "2026-11-28T23:59:59.999", "2026-11-28T00:00", "2026-11-29T00:00"),
        ("day", "Europe/Berlin", "2026-03-29T12:00", "2026-03-29T00:00", "2026-03-30T00:00"),
        ("day", "Europe/Berlin", "2026-10-25T12:00", "2026-10-25T00:00", "2026-10-26T00:00"),
        ("month", "UTC", "2026-12-31T23:00", "2026-12-01T00:00", "2027-01-01T00:00"),
        ("month", "America/New_York", "2028-02-29T12:00", "2028-02-01T00:00", "2028-03-01T00:00"),
    ],
)
def test_days_and_months_are_those_of_the_zone(period, zone, moment, start, end):
    assert find_window(period, ZoneInfo(zone), at(moment, zone)) == (at(start, zone), at(end, zone))


def test_a_day_of_a_changing_clock_has_23_or_25_hours():
    zone = ZoneInfo("Europe/Berlin")
    short = find_window("day", zone, at("2026-03-29T12:00", "Europe/Berlin"))
    long = find_window("day", zone, at("2026-10-25T12:00", "Europe/Berlin"))
    assert [(one.end - one.start) / 3600 for one in (short, long)] == [23, 25]


def test_all_time_has_no_end_and_a_length_of_time_begins_with_1970():
    assert find_window("total", UTC, 5.0) == (0.0, math.inf)
    assert find_window(timedelta(hours=6), UTC, 6 * 3600 + 1.0) == (6 * 3600, 12 * 3600)


@given(
    st.sampled_from(["day", "month", timedelta(minutes=7), timedelta(days=7)]),
    st.sampled_from(ZONES),
    st.floats(0, 4e9),
)
def test_a_moment_is_in_its_window_and_the_next_one_begins_where_it_ends(period, zone, now):
    window = find_window(period, ZoneInfo(zone), now)
    assert window.start <= now < window.end
    assert find_window(period, ZoneInfo(zone), window.start) == window
    assert find_window(period, ZoneInfo(zone), window.end).start == window.end
