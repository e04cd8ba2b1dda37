"""A key function is called once for all who wait, again before the expiry, and never takes its callers down."""

from __future__ import annotations

import asyncio
import functools
import os
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from ratatoskr.errors import AuthenticationFailed, Timeout
from ratatoskr.providers.token_source import LiveToken, TokenSource
from ratatoskr.types.secret import Secret
from ratatoskr.types.timeouts import Deadlines
from ratatoskr.types.token import KeySource, Token
from unit.leaks import leaks

PATIENT = Deadlines(total=20.0)
CANARY = "tok-canary-77aa31"


class Clock:
    def __init__(self) -> None:
        self.time = 1_000_000.0

    def __call__(self) -> float:
        return self.time


class Issuer:
    """Returns `token-1`, `token-2`, …, each valid for `life` seconds; it can be made to wait and to fail."""

    def __init__(self, clock: Clock, life: float | None = 3600.0) -> None:
        self.clock, self.life = clock, life
        self.calls = 0
        self.error: Exception | None = None
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self) -> Token:
        self.calls += 1
        number = self.calls
        assert self.gate.wait(20.0)
        if self.error is not None:
            raise self.error
        return Token(f"token-{number}", None if self.life is None else self.clock.time + self.life)

    async def later(self) -> Token:
        while not self.gate.is_set():  # noqa: ASYNC110 - the gate is opened by other threads
            await asyncio.sleep(0.001)
        return self()


def source_of(function: Any, clock: Clock | None = None) -> TokenSource:
    return TokenSource(KeySource(function), lambda _: None, clock or Clock())


async def value_of(source: TokenSource, refused: LiveToken | None = None) -> str:
    return ((refused is None and source.ready()) or await source.fetch(PATIENT, refused)).secret.reveal()


@pytest.fixture(params=["blocking", "async", "a function that returns an awaitable", "a partial"])
def make(request: pytest.FixtureRequest) -> Callable[[Issuer], Any]:
    return {
        "blocking": lambda issuer: issuer,
        "async": lambda issuer: issuer.later,
        "a function that returns an awaitable": lambda issuer: lambda: issuer.later(),
        "a partial": lambda issuer: functools.partial(issuer.later),
    }[request.param]


async def test_a_thousand_callers_that_come_together_ask_once(make: Callable[[Issuer], Any]) -> None:
    issuer = Issuer(clock := Clock())
    issuer.gate.clear()
    source = source_of(make(issuer), clock)
    callers = [asyncio.create_task(value_of(source)) for _ in range(1000)]
    await asyncio.sleep(0)
    issuer.gate.set()
    assert set(await asyncio.gather(*callers)) == {"token-1"}
    assert await value_of(source) == "token-1"
    assert issuer.calls == 1


async def test_callers_on_several_loops_and_threads_ask_once(make: Callable[[Issuer], Any]) -> None:
    issuer = Issuer(clock := Clock())
    issuer.gate.clear()
    source = source_of(make(issuer), clock)
    first = asyncio.create_task(value_of(source))
    await asyncio.sleep(0)
    others = [asyncio.create_task(asyncio.to_thread(lambda: asyncio.run(value_of(source)))) for _ in range(8)]
    await asyncio.sleep(0.05)
    issuer.gate.set()
    assert {await first, *await asyncio.gather(*others)} == {"token-1"}
    assert issuer.calls == 1


@pytest.mark.parametrize(("life", "margin"), [(3600.0, 60.0), (100.0, 10.0), (601.0, 60.0), (20.0, 2.0)])
async def test_a_token_is_renewed_a_margin_before_it_expires(life: float, margin: float) -> None:
    issuer = Issuer(clock := Clock(), life)
    source = source_of(issuer, clock)
    assert await value_of(source) == "token-1"
    clock.time += life - margin - 0.1
    assert await value_of(source) == "token-1"
    clock.time += 0.2
    assert await value_of(source) == "token-2"


async def test_without_a_known_expiry_it_is_kept_until_it_is_refused() -> None:
    issuer = Issuer(clock := Clock(), None)
    source = source_of(issuer, clock)
    assert await value_of(source) == "token-1"
    clock.time += 1e9
    token = source.ready()
    assert token is not None
    assert await value_of(source, token) == "token-2"
    assert await value_of(source, token) == "token-2"  # refused twice by requests that were under way together
    assert issuer.calls == 2


@pytest.mark.parametrize("expires_at", [1_003_600, 1_003_600.0, datetime.fromtimestamp(1_003_600, UTC)])
async def test_an_expiry_is_seconds_since_the_epoch_or_a_datetime(expires_at: Any) -> None:
    source = source_of(lambda: Token("abc", expires_at))
    assert (await source.fetch(PATIENT)).renew_at == 1_003_540.0


async def test_a_token_that_is_over_is_sent_and_asked_for_at_most_once_a_second() -> None:
    calls = []
    clock = Clock()
    source = source_of(lambda: calls.append(1) or Token("late", clock.time - 30), clock)
    assert [await value_of(source) for _ in range(5)] == ["late"] * 5
    assert len(calls) == 1
    clock.time += 1.1
    await value_of(source)
    assert len(calls) == 2


async def test_a_renewal_that_fails_leaves_the_token_in_use_until_it_expires() -> None:
    issuer = Issuer(clock := Clock())
    source = source_of(issuer, clock)
    assert await value_of(source) == "token-1"
    issuer.error = OSError("no network")
    clock.time += 3550.0
    assert [await value_of(source) for _ in range(3)] == ["token-1"] * 3
    assert issuer.calls == 2
    clock.time += 51.0
    with pytest.raises(AuthenticationFailed, match="OSError"):
        await value_of(source)


async def test_a_refused_token_is_not_kept_if_the_renewal_fails() -> None:
    issuer = Issuer(clock := Clock())
    source = source_of(issuer, clock)
    token = await source.fetch(PATIENT)
    issuer.error = OSError("no network")
    with pytest.raises(AuthenticationFailed, match="OSError"):
        await source.fetch(PATIENT, token)
    issuer.error = None
    assert await value_of(source) == "token-3"


async def test_a_function_that_fails_is_named_without_its_text_and_asked_again(make: Callable[[Issuer], Any]) -> None:
    issuer = Issuer(clock := Clock())
    issuer.error = KeyError(CANARY)
    issuer.gate.clear()
    source = source_of(make(issuer), clock)
    callers = [asyncio.create_task(source.fetch(PATIENT)) for _ in range(10)]
    await asyncio.sleep(0)
    issuer.gate.set()
    together = await asyncio.gather(*callers, return_exceptions=True)
    assert issuer.calls == 1
    assert len({id(error) for error in together}) == 10
    for error in together:
        assert isinstance(error, AuthenticationFailed)
        assert error.message.startswith("the key function failed with KeyError;")
        assert not leaks(error, CANARY)
    issuer.error = None
    assert await value_of(source) == "token-2"


class VendorError(Exception):
    """An exception of a vendor's library."""


async def test_the_exception_of_a_library_is_named_with_its_module() -> None:
    def fail() -> str:
        raise VendorError(CANARY)

    with pytest.raises(AuthenticationFailed, match=rf"failed with {__name__}\.VendorError;"):
        await source_of(fail).fetch(PATIENT)


async def test_even_the_end_of_the_interpreter_in_its_thread_is_a_failure() -> None:
    def leave() -> str:
        raise SystemExit(3)

    with pytest.raises(AuthenticationFailed, match="SystemExit"):
        await source_of(leave).fetch(PATIENT)


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (None, "returned a NoneType, not a Token or a str"),
        (b"bytes-canary", "returned a bytes, not"),
        (("token-canary", 3600), "returned a tuple, not"),
        (Token(5), "returned a Token of int, not"),  # type: ignore[arg-type]
        ("", "returned is empty"),
        ("token canary", "contains spaces"),
        ("Bearer token-canary", 'begins with "Bearer"'),
        (Token("abc", datetime(2030, 1, 1)), "has no time zone"),  # noqa: DTZ001
        (Token("abc", "soon"), "must be seconds since the epoch"),  # type: ignore[arg-type]
        (Token("abc", float("nan")), "must be seconds since the epoch"),
        (Token("abc", True), "must be seconds since the epoch"),
    ],
)
async def test_what_is_no_token_is_said_without_repeating_it(made: Any, text: str) -> None:
    with pytest.raises(AuthenticationFailed, match=text) as caught:
        await source_of(lambda: made).fetch(PATIENT)
    assert caught.value.field == "key"
    assert not leaks(caught.value, "canary")


async def test_a_caller_who_is_cancelled_takes_nothing_from_the_others(make: Callable[[Issuer], Any]) -> None:
    issuer = Issuer(clock := Clock())
    issuer.gate.clear()
    source = source_of(make(issuer), clock)
    first = asyncio.create_task(value_of(source))
    await asyncio.sleep(0)
    second = asyncio.create_task(value_of(source))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    issuer.gate.set()
    assert await second == "token-1"
    assert issuer.calls == 1


def test_callers_on_other_loops_ask_again_when_the_loop_of_an_async_function_ends() -> None:
    issuer = Issuer(clock := Clock())
    issuer.gate.clear()
    source = source_of(issuer.later, clock)
    asked, may_leave = threading.Event(), threading.Event()

    async def ask_and_leave() -> None:
        asking = asyncio.create_task(value_of(source))
        await asyncio.sleep(0.01)
        asked.set()
        await asyncio.to_thread(may_leave.wait, 20.0)
        assert not asking.done()

    async def follow() -> str:
        waiting = asyncio.create_task(value_of(source))
        await asyncio.sleep(0)
        may_leave.set()
        await asyncio.to_thread(first.join, 20.0)
        issuer.gate.set()
        return await waiting

    first = threading.Thread(target=lambda: asyncio.run(ask_and_leave()))
    first.start()
    assert asked.wait(20.0)
    assert asyncio.run(follow()) == "token-1"


def test_a_loop_that_no_longer_runs_does_not_hold_up_those_of_others() -> None:
    issuer = Issuer(clock := Clock())
    issuer.gate.clear()
    source = source_of(issuer.later, clock)
    stopped = asyncio.new_event_loop()
    task = stopped.create_task(value_of(source))
    stopped.call_later(0.02, stopped.stop)
    stopped.run_forever()
    issuer.gate.set()
    assert asyncio.run(value_of(source)) == "token-1"
    task.cancel()
    stopped.run_until_complete(asyncio.gather(task, *asyncio.all_tasks(stopped), return_exceptions=True))
    stopped.close()


async def test_a_function_that_hangs_ends_with_the_deadline_of_the_call() -> None:
    issuer = Issuer(Clock())
    issuer.gate.clear()
    source = source_of(issuer)
    with pytest.raises(Timeout, match=r"after 0.05 s \(attempt\) while waiting for the key function") as caught:
        await source.fetch(Deadlines(total=0.05, total_phase="attempt"))
    assert caught.value.phase == "attempt"
    issuer.gate.set()
    assert await value_of(source) == "token-1"


async def test_a_blocking_function_does_not_hold_up_the_loop() -> None:
    issuer = Issuer(Clock())
    issuer.gate.clear()
    waiting = asyncio.create_task(value_of(source_of(issuer)))
    began = time.monotonic()
    await asyncio.sleep(0)
    assert time.monotonic() - began < 5.0  # `gate.wait` takes 20 s
    issuer.gate.set()
    assert await waiting == "token-1"


def test_a_forked_child_asks_anew_where_the_parents_thread_was_asking() -> None:
    issuer = Issuer(clock := Clock())
    issuer.gate.clear()
    source = source_of(issuer, clock)

    async def fork() -> int:
        waiting = asyncio.create_task(value_of(source))
        await asyncio.sleep(0.01)
        child = os.fork()
        if child == 0:
            issuer.gate = threading.Event()
            issuer.gate.set()
            answer: list[str] = []
            worker = threading.Thread(target=lambda: answer.append(asyncio.run(value_of(source))))
            worker.start()
            worker.join(10.0)
            os._exit(0 if answer == ["token-2"] else 1)
        issuer.gate.set()
        assert await waiting == "token-1"
        _, status = await asyncio.to_thread(os.waitpid, child, 0)
        return os.waitstatus_to_exitcode(status)

    assert asyncio.run(fork()) == 0


def test_no_repr_shows_what_the_function_was_made_from() -> None:
    source = KeySource(functools.partial(print, CANARY))  # type: ignore[arg-type]
    assert CANARY not in repr(source)
    assert repr(Token(CANARY)) == "Token(value=Secret(…))"
    assert Token(CANARY) == Token(Secret(CANARY)) != Token("other-token")
    assert source == KeySource(source.function)
    assert hash(source) == hash(KeySource(source.function))
