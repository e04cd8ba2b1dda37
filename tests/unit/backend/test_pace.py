"""The pace of requests: halved once for each refused rate, and one more with each round of answers."""

from __future__ import annotations

from ratatoskr.backend.pace import Pace
from ratatoskr.errors import RateLimited, ServiceUnavailable


def test_a_burst_of_refusals_halves_once_and_the_longest_hint_holds() -> None:
    pace = Pace(8)
    for hint in (2.0, 5.0, None):
        pace.record_error(RateLimited("no", retry_after=hint), 10.0)
    assert (pace.limit, pace.wait(10.0), pace.wait(15.0)) == (4, 5.0, 0.0)
    pace.record_error(RateLimited("no"), 20.0)
    assert (pace.limit, pace.wait(20.0)) == (2, 1.0)
    for now in (30.0, 40.0, 50.0):
        pace.record_error(RateLimited("no", retry_after=1e9), now)
    assert pace.limit == 1
    assert pace.wait(50.0) == 60.0


def test_each_round_of_answers_allows_one_more_up_to_the_most() -> None:
    pace = Pace(3)
    pace.record_error(RateLimited("no"), 0.0)
    limits = []
    for _ in range(8):
        pace.record_answer()
        limits.append(pace.limit)
    assert limits == [2, 2, 3, 3, 3, 3, 3, 3]


def test_other_errors_change_nothing() -> None:
    pace = Pace(8)
    pace.record_error(ServiceUnavailable("busy", retry_after=9.0), 0.0)
    assert (pace.limit, pace.wait(0.0)) == (8, 0.0)
