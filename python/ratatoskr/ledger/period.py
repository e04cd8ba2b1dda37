"""The fixed windows of a budget: days and months of a time zone, lengths of time, or all time."""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta, tzinfo
from typing import NamedTuple

from ratatoskr.types.budget import Period

__all__ = ["TimeWindow", "find_window"]


class TimeWindow(NamedTuple):
    """A window of time in seconds since 1970: from `start` to the moment before `end`."""

    start: float
    end: float


def find_window(period: Period, zone: tzinfo, now: float) -> TimeWindow:
    """Return the window that a moment is in.

    Days and months begin at midnight in the zone; other lengths are counted from the beginning of 1970 in UTC.
    """
    if period == "total":
        return TimeWindow(0.0, math.inf)
    if isinstance(period, timedelta):
        length = period.total_seconds()
        start = math.floor(now / length) * length
        return TimeWindow(start, start + length)
    today = datetime.fromtimestamp(now, zone).date()
    if period == "day":
        return TimeWindow(_midnight(today, zone), _midnight(today + timedelta(days=1), zone))
    first = today.replace(day=1)
    return TimeWindow(_midnight(first, zone), _midnight((first + timedelta(days=32)).replace(day=1), zone))


def _midnight(day: date, zone: tzinfo) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()
