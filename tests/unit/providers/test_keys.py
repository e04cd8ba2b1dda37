"""Which key is used next, and that the ring shows none of them."""

from __future__ import annotations

import pickle

import pytest

from ratatoskr.config.secrets import Secret
from ratatoskr.errors import AuthenticationFailed, ProviderError, QuotaExhausted, RatatoskrError, RateLimited
from ratatoskr.providers.keys import KeyRing


class Clock:
    def __init__(self) -> None:
        self.time = 1_000.0

    def __call__(self) -> float:
        return self.time


def ring_of(*keys: str, now: Clock | None = None) -> KeyRing:
    return KeyRing([Secret(key) for key in keys], now=now or Clock())


def test_without_keys_there_are_only_the_common_headers() -> None:
    ring = KeyRing((), headers=(("a", "1"),))
    assert ring.pick() is None
    assert ring.headers(None) == (("a", "1"),)
    assert ring.headers(None, (("b", "2"),)) == (("a", "1"), ("b", "2"))


def test_the_key_is_in_the_header_of_the_provider_behind_its_prefix() -> None:
    ring = KeyRing([Secret("one")], ("authorization", "Bearer "), (("a", "1"),))
    assert ring.headers(0, (("b", "2"),)) == (("a", "1"), ("authorization", "Bearer one"), ("b", "2"))
    assert KeyRing([Secret("one")], ("x-api-key", "")).headers(0) == (("x-api-key", "one"),)


def test_the_only_key_is_used_even_after_it_failed() -> None:
    ring = ring_of("one")
    error = AuthenticationFailed("no")
    ring.report_failure(0, error)
    assert ring.pick() == 0
    assert not error.retry_now


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (AuthenticationFailed("no"), 30.0),
        (QuotaExhausted("no"), 300.0),
        (RateLimited("no"), 5.0),
        (RateLimited("no", retry_after=60.0), 60.0),
    ],
)
def test_a_key_that_failed_is_avoided_for_a_while(error: RatatoskrError, seconds: float) -> None:
    clock = Clock()
    ring = ring_of("one", "two", now=clock)
    ring.report_failure(0, error)
    assert ring.pick() == 1
    assert error.retry_now
    clock.time += seconds - 1
    late = RateLimited("no", retry_after=1_000.0)
    ring.report_failure(1, late)
    assert not late.retry_now
    assert ring.pick() == 0
    clock.time += 1
    again = RateLimited("no", retry_after=1_000.0)
    ring.report_failure(1, again)
    assert again.retry_now


def test_an_error_that_another_key_would_meet_too_changes_nothing() -> None:
    ring = ring_of("one", "two")
    error = ProviderError("down")
    ring.report_failure(0, error)
    assert ring.pick() == 0
    assert not error.retry_now


def test_the_key_that_has_been_available_longest_is_used() -> None:
    clock = Clock()
    ring = ring_of("one", "two", "three", now=clock)
    for index, pause in ((0, 50.0), (1, 10.0), (2, 20.0)):
        ring.report_failure(index, RateLimited("no", retry_after=pause))
    assert ring.pick() == 1


def test_neither_repr_nor_attributes_nor_pickle_show_a_key() -> None:
    ring = ring_of("sk-canary")
    assert "canary" not in repr(ring) + repr(vars(ring))
    with pytest.raises((TypeError, AttributeError, pickle.PicklingError)):
        pickle.dumps(ring)
