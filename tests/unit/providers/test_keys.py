"""Which key is used next, and that the ring shows none of them."""

from __future__ import annotations

import pickle

import pytest

from ratatoskr.config.secrets import Secret
from ratatoskr.errors import AuthenticationFailed, ProviderError, QuotaExhausted, RatatoskrError, RateLimited
from ratatoskr.providers.keys import KeyRing
from ratatoskr.providers.specs.row import BEARER
from ratatoskr.types.timeouts import Deadlines
from ratatoskr.types.token import KeySource

MODEL = "gpt-4.1"


class Clock:
    def __init__(self) -> None:
        self.time = 1_000.0

    def __call__(self) -> float:
        return self.time


def ring_of(*keys: str, now: Clock | None = None) -> KeyRing:
    return KeyRing([Secret(key) for key in keys], now=now or Clock())


def test_without_keys_there_are_only_the_common_headers() -> None:
    ring = KeyRing((), headers=(("a", "1"),))
    assert ring.pick(MODEL) is None
    assert ring.headers(None) == (("a", "1"),)
    assert ring.headers(None, (("b", "2"),)) == (("a", "1"), ("b", "2"))


def test_the_key_is_in_the_header_of_the_provider_behind_its_prefix() -> None:
    ring = KeyRing([Secret("one")], ("authorization", "Bearer "), (("a", "1"),))
    assert ring.headers(0, (("b", "2"),)) == (("a", "1"), ("authorization", "Bearer one"), ("b", "2"))
    assert KeyRing([Secret("one")], ("x-api-key", "")).headers(0) == (("x-api-key", "one"),)


def test_the_only_key_is_used_even_after_it_failed() -> None:
    ring = ring_of("one")
    error = AuthenticationFailed("no")
    ring.report_failure(0, error, MODEL)
    assert ring.pick(MODEL) == 0
    assert error.other_keys == 0


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
    ring.report_failure(0, error, MODEL)
    assert ring.pick(MODEL) == 1
    assert error.other_keys == 1
    clock.time += seconds - 1
    late = RateLimited("no", retry_after=1_000.0)
    ring.report_failure(1, late, MODEL)
    assert late.other_keys == 0
    assert ring.pick(MODEL) == 0
    clock.time += 1
    again = RateLimited("no", retry_after=1_000.0)
    ring.report_failure(1, again, MODEL)
    assert again.other_keys == 1


def test_an_error_that_another_key_would_meet_too_changes_nothing() -> None:
    ring = ring_of("one", "two")
    error = ProviderError("down")
    ring.report_failure(0, error, MODEL)
    assert ring.pick(MODEL) == 0
    assert error.other_keys == 0


def test_the_key_that_has_been_available_longest_is_used() -> None:
    clock = Clock()
    ring = ring_of("one", "two", "three", now=clock)
    for index, pause in ((0, 50.0), (1, 10.0), (2, 20.0)):
        ring.report_failure(index, RateLimited("no", retry_after=pause), MODEL)
    assert ring.pick(MODEL) == 1


def test_keys_are_used_in_turn_and_the_least_busy_first() -> None:
    ring = ring_of("one", "two", "three")
    assert [ring.pick(MODEL) for _ in range(4)] == [0, 1, 2, 0]
    ring.release(1)
    assert ring.pick(MODEL) == 1
    ring.release(0)
    ring.release(0)
    assert [ring.pick(MODEL) for _ in range(2)] == [0, 1]


def test_requests_one_after_another_are_shared_evenly() -> None:
    ring = ring_of("one", "two", "three")
    used = []
    for _ in range(6):
        used.append(ring.pick(MODEL))
        ring.release(used[-1])
    assert used == [0, 1, 2, 0, 1, 2]


def test_a_caller_may_choose_among_the_keys_that_do_not_rest() -> None:
    now = Clock()
    ring = ring_of("one", "two", "three", now=now)
    assert ring.order(MODEL) == [0, 1, 2]
    assert ring.pick(MODEL, chosen=1) == 1
    assert ring.order(MODEL) == [2, 0, 1], "in turn, the busy one last"
    ring.release(1)
    ring.report_failure(2, RateLimited("no", retry_after=60.0), MODEL)
    assert ring.order(MODEL) == [0, 1]
    ring.report_failure(0, RateLimited("no", retry_after=20.0), MODEL)
    ring.report_failure(1, RateLimited("no", retry_after=40.0), MODEL)
    assert ring.order(MODEL) == [0], "all rest: the one that is ready first"
    assert ring_of("one").order(MODEL) == [0]
    assert ring_of().order(MODEL) == []


def test_a_key_that_rests_is_not_used_though_all_others_are_busier() -> None:
    ring = ring_of("one", "two")
    ring.report_failure(0, RateLimited("no"), MODEL)
    assert [ring.pick(MODEL) for _ in range(3)] == [1, 1, 1]


@pytest.mark.parametrize(
    ("error", "others"),
    [
        (RateLimited("no", status=429), 2),
        (AuthenticationFailed("no", status=403), 2),
        (AuthenticationFailed("no", status=401), 1),
        (QuotaExhausted("no", status=402), 1),
        (QuotaExhausted("no", status=429), 1),
    ],
)
def test_a_rate_limit_and_a_refused_permission_hold_for_the_model_alone(error: RatatoskrError, others: int) -> None:
    ring = ring_of("one", "two", "three")
    ring.report_failure(0, error, MODEL)
    assert error.other_keys == 2
    elsewhere = RateLimited("no")
    ring.report_failure(2, elsewhere, "another")
    assert elsewhere.other_keys == others
    here = RateLimited("no")
    ring.report_failure(2, here, MODEL)
    assert here.other_keys == 1


def test_a_rest_is_never_shortened() -> None:
    clock = Clock()
    ring = ring_of("one", "two", now=clock)
    ring.report_failure(0, RateLimited("no", retry_after=60.0), MODEL)
    ring.report_failure(0, RateLimited("no", retry_after=1.0), MODEL)
    clock.time += 59
    assert [ring.pick(MODEL) for _ in range(2)] == [1, 1]
    clock.time += 1
    assert ring.pick(MODEL) == 0


def test_the_rests_of_many_models_are_bounded_and_the_longest_are_kept() -> None:
    clock = Clock()
    ring = ring_of("one", "two", now=clock)
    for i in range(3000):
        ring.report_failure(0, RateLimited("no", retry_after=10.0 + i), f"model-{i}")
    assert len(ring._rests) <= 1024
    assert ring.pick("model-2999") == 1
    clock.time += 10_000
    for i in range(2):
        ring.report_failure(0, RateLimited("no"), f"new-{i}")
    assert len(ring._rests) <= 2


def test_neither_repr_nor_attributes_nor_pickle_show_a_key() -> None:
    ring = ring_of("sk-canary")
    assert "canary" not in repr(ring) + repr(vars(ring))
    with pytest.raises((TypeError, AttributeError, pickle.PicklingError)):
        pickle.dumps(ring)


async def test_the_token_of_a_function_is_sent_in_its_own_header_and_redacted() -> None:
    made = iter(["token-canary-1", "token-canary-2"])
    ring = KeyRing([KeySource(lambda: next(made))], ("api-key", ""), (("a", "1"),), token_header=BEARER)
    assert ring.headers(0) == (("a", "1"),)
    assert ring.redacted_headers() == {"a": "1", "authorization": "Bearer [redacted]"}
    first = await ring.credential(0, Deadlines())
    assert ring.headers(0, (("b", "2"),), first) == (
        ("a", "1"),
        ("authorization", "Bearer token-canary-1"),
        ("b", "2"),
    )
    second = await ring.renew(0, first, Deadlines())
    assert second is not None
    assert await ring.credential(0, Deadlines()) is second
    assert ring.redact("token-canary-1 and token-canary-2") == "[redacted] and [redacted]"
    assert "canary" not in repr(ring) + repr(vars(ring)) + repr([first, second])


async def test_only_functions_have_a_credential() -> None:
    ring = KeyRing([Secret("one"), KeySource(lambda: "token")], now=Clock())
    assert await ring.credential(None, Deadlines()) is None
    assert await ring.credential(0, Deadlines()) is None
    assert await ring.renew(0, None, Deadlines()) is None
    assert await ring.credential(1, Deadlines()) is not None


async def test_the_latest_tokens_are_redacted_and_the_others_forgotten() -> None:
    numbers = iter(range(100))
    ring = KeyRing([KeySource(lambda: f"token-number-{next(numbers):03}")])
    token = await ring.credential(0, Deadlines())
    for _ in range(40):
        token = await ring.renew(0, token, Deadlines())
    assert ring.redact("token-number-040 token-number-030") == "[redacted] [redacted]"
    assert len(ring._tokens) == 16
