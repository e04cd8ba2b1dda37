"""The circuit breaker against a small model of it, by rules, and from several threads."""

from __future__ import annotations

import dataclasses
import logging
import threading
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from ratatoskr.registry.breaker import MAX_CIRCUITS, Admission, Breaker, BreakerSettings, Probe
from ratatoskr.types.model import BreakerHealth

A, B = "p:a", "p:b"


class Clock:
    """Time that tests set, and chance that they choose: 0.5 leaves the open periods as they are."""

    def __init__(self) -> None:
        self.time, self.chance = 100.0, 0.5

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError

    def random(self) -> float:
        return self.chance


def admit(breaker: Breaker, circuit: str = A, *, force: bool = False) -> Admission:
    admission = breaker.admit(circuit, force=force)
    assert admission is not None
    return admission


def opened(**changes: Any) -> tuple[Breaker, Clock]:
    """Return a breaker with the circuit A open, and its clock."""
    clock = Clock()
    breaker = Breaker(dataclasses.replace(BreakerSettings(), **changes), clock)
    for _ in range(5):
        admit(breaker).fail()
    assert breaker.admit(A) is None
    return breaker, clock


def test_five_failures_in_a_row_open_it_and_an_answer_between_them_does_not() -> None:
    breaker = Breaker(BreakerSettings(), Clock())
    for _ in range(4):
        admit(breaker).fail()
    admit(breaker).succeed(100.0)
    for _ in range(4):
        admit(breaker).fail()
    assert breaker.admit(A) is not None
    admit(breaker).fail()
    assert breaker.admit(A) is None
    assert breaker.admit(B) is not None, "another model's is its own"


@pytest.mark.parametrize(("failed", "opens"), [(10, True), (9, False)])
def test_half_of_twenty_within_the_window_open_it(failed: int, opens: bool) -> None:
    breaker = Breaker(BreakerSettings(), Clock())
    for index in range(20):
        if index % 2 == 1 and index // 2 < failed:
            admit(breaker).fail()
        else:
            admit(breaker).succeed(100.0)
    assert (breaker.admit(A) is None) == opens


def test_of_nineteen_a_half_is_not_enough_and_what_is_older_than_the_window_does_not_count() -> None:
    clock = Clock()
    breaker = Breaker(BreakerSettings(), clock)
    for _ in range(9):
        admit(breaker).fail()
        admit(breaker).succeed(clock.time)
    admit(breaker).fail()  # the 19th
    assert breaker.admit(A) is not None
    clock.time += 30.5
    admit(breaker).succeed(clock.time)
    admit(breaker).fail()  # of 21 requests more than half have failed, but of those in the window one of two
    assert breaker.admit(A) is not None


def test_the_open_periods_double_to_their_limit_and_chance_spreads_them() -> None:
    breaker, clock = opened()
    periods = []
    for _ in range(6):
        periods.append(breaker.state_of(A)[1])
        clock.time += periods[-1]
        admit(breaker).fail()
    assert periods == pytest.approx([5, 10, 20, 40, 60, 60])
    for chance, factor in ((0.0, 0.8), (1.0, 1.2)):
        clock.chance = chance
        clock.time += breaker.state_of(A)[1]
        admit(breaker).fail()
        assert breaker.state_of(A)[1] == pytest.approx(60 * factor)
    clock.time += 72
    admit(breaker).succeed(clock.time)
    for _ in range(5):
        admit(breaker).fail()
    assert breaker.state_of(A) == ("open", pytest.approx(6.0)), "after it was closed it begins with the first again"


def test_one_probe_at_a_time_and_only_it_settles() -> None:
    breaker, clock = opened()
    clock.time += 5
    assert breaker.state_of(A) == ("half_open", 0.0)
    probe = admit(breaker)
    assert isinstance(probe, Probe)
    assert breaker.admit(A) is None
    bystander = admit(breaker, force=True)
    bystander.succeed(clock.time)
    assert breaker.admit(A) is None
    probe.succeed(clock.time)
    assert breaker.state_of(A) == (None, 0.0)


def test_a_probe_that_hangs_blocks_no_other_for_ever_and_settles_nothing_later() -> None:
    breaker, clock = opened()
    clock.time += 5
    hanging = admit(breaker)
    clock.time += 59.9
    assert breaker.admit(A) is None
    clock.time += 0.1
    second = admit(breaker)
    hanging.fail()
    assert breaker.state_of(A)[0] == "half_open"
    second.succeed(clock.time)
    assert breaker.state_of(A) == (None, 0.0)


def test_an_early_probe_closes_by_an_answer_and_changes_nothing_by_a_failure() -> None:
    breaker, clock = opened()
    clock.time += 1
    admit(breaker, force=True).fail()
    assert breaker.state_of(A) == ("open", pytest.approx(4.0))
    admit(breaker, force=True).succeed(clock.time)
    assert breaker.state_of(A) == (None, 0.0)


def test_bytedance_deer_flow_3991_a_probe_that_is_refused_gives_its_place_back() -> None:
    breaker, clock = opened()
    clock.time += 5
    for _ in range(3):
        admit(breaker).give_back()
    assert breaker.state_of(A) == ("half_open", 0.0)
    admit(breaker).succeed(clock.time)
    assert breaker.state_of(A) == (None, 0.0)


def test_bytedance_deer_flow_5600_a_request_from_before_the_outage_settles_no_newer_probe() -> None:
    clock = Clock()
    breaker = Breaker(BreakerSettings(), clock)
    before = admit(breaker)
    for _ in range(5):
        admit(breaker).fail()
    clock.time += 5
    probe = admit(breaker)
    before.succeed(clock.time)
    assert breaker.admit(A) is None, "its answer does not close the breaker"
    before.fail()
    assert breaker.state_of(A)[0] == "half_open", "nor does its failure open it again"
    probe.succeed(clock.time)
    for _ in range(5):
        before.fail()
    assert breaker.state_of(A) == (None, 0.0), "nor open one that has closed since"


def test_health_lists_what_is_not_closed_and_the_names_of_models_may_have_colons() -> None:
    clock = Clock()
    breaker = Breaker(BreakerSettings(failures=1), clock)
    admit(breaker, "ollama:llama3:8b").fail()
    clock.time += 2
    admit(breaker, B).fail()
    clock.time += 3
    assert breaker.health() == (
        BreakerHealth("ollama", "llama3:8b", "half_open", 0.0),
        BreakerHealth("p", "b", "open", 2.0),
    )


def test_the_circuits_that_are_remembered_are_bounded() -> None:
    breaker = Breaker(BreakerSettings(failures=1), Clock())
    for index in range(MAX_CIRCUITS + 10):
        admit(breaker, f"p:closed{index}")
        admit(breaker, f"p:open{index}").fail()
    assert len(breaker.closed) <= MAX_CIRCUITS
    assert len(breaker.opened) == MAX_CIRCUITS


def test_of_many_threads_one_sends_the_probe() -> None:
    for _ in range(50):
        breaker, clock = opened()
        clock.time += 5
        start = threading.Barrier(8)
        got: list[Admission | None] = []

        def ask(breaker: Breaker = breaker, start: threading.Barrier = start, got: list[Any] = got) -> None:
            start.wait()
            got.append(breaker.admit(A))

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(one is not None for one in got) == 1


def test_failures_of_many_threads_open_it_once_and_none_is_lost() -> None:
    breaker = Breaker(BreakerSettings(failures=400, minimum_requests=1000), Clock())

    def fail(times: int) -> None:
        for _ in range(times):
            admit(breaker).fail()

    threads = [threading.Thread(target=fail, args=(count,)) for count in (50, 50, 50, 50, 50, 50, 50, 49)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert breaker.admit(A) is not None
    admit(breaker).fail()
    assert breaker.admit(A) is None


def test_each_change_is_logged_once_and_a_handler_may_ask_the_breaker(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    breaker = Breaker(BreakerSettings(), clock)
    asked = []

    class Asking(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            asked.append(breaker._lock.locked())

    logger, handler = logging.getLogger("ratatoskr.chain"), Asking()
    logger.addHandler(handler)
    try:
        with caplog.at_level(logging.INFO, "ratatoskr.chain"):
            for _ in range(5):
                admit(breaker).fail()
            admit(breaker, force=True).fail()  # early: no change
            clock.time += 5
            admit(breaker).fail()
            clock.time += 10
            admit(breaker).succeed(clock.time)
    finally:
        logger.removeHandler(handler)
    assert asked == [False] * 3
    told = [(record.levelname, record.__dict__["provider"], record.__dict__["seconds"]) for record in caplog.records]
    assert told == [
        ("WARNING", "p", pytest.approx(5.0)),
        ("WARNING", "p", pytest.approx(10.0)),
        ("INFO", "p", None),
    ]


class Model:
    """What a breaker is to do, for one circuit: all results with their times, the open period, the probe's number."""

    def __init__(self) -> None:
        self.results: list[tuple[float, bool]] = []
        self.generation, self.period = 0, 0.0
        self.open: tuple[float, float] | None = None  # since, until
        self.probe: tuple[int, float] | None = None  # its number and when it began
        self.count = 0

    def is_due(self, now: float) -> bool:
        assert self.open is not None
        return now >= self.open[1] and (self.probe is None or now - self.probe[1] >= 60)

    def admit(self, now: float, force: bool) -> tuple[str, int] | None:
        if self.open is None:
            return ("closed", self.generation)
        self.count += 1
        if self.is_due(now) or (force and self.probe is None):
            self.probe = (self.count, now)
            return ("probe", self.count)
        return ("none", 0) if force else None

    def end(self, admission: tuple[str, int], result: bool | None, now: float, factor: float) -> None:
        kind, number = admission
        if kind == "closed" and number == self.generation and self.open is None and result is not None:
            self.results.append((now, result))
            lately = [ok for time, ok in self.results if time >= now - 30]
            row = [ok for _, ok in self.results[-3:]]
            failed = lately.count(False)
            if not result and (row == [False] * 3 or (len(lately) >= 8 and failed / len(lately) >= 0.5)):
                self.trip(5, now, factor)
        if kind == "probe" and self.probe is not None and self.probe[0] == number:
            assert self.open is not None
            self.probe = None
            if result:
                self.open, self.results, self.generation = None, [], self.generation + 1
            elif result is False and now >= self.open[1]:
                self.trip(self.period * 2, now, factor)

    def trip(self, period: float, now: float, factor: float) -> None:
        self.period = min(period, 60)
        self.open, self.probe = (now, now + self.period * factor), None


class BreakerMachine(RuleBasedStateMachine):
    """Admissions that end in any order, at any time, in any way."""

    running = Bundle("running")

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.breaker = Breaker(BreakerSettings(failures=3, minimum_requests=8), self.clock)
        self.models = {A: Model(), B: Model()}

    @rule(seconds=st.sampled_from([0.0, 0.5, 1.0, 4.0, 5.0, 6.0, 29.0, 31.0, 60.0, 72.0]))
    def wait(self, seconds: float) -> None:
        self.clock.time += seconds

    @rule(target=running, circuit=st.sampled_from([A, B]), force=st.booleans())
    def ask(self, circuit: str, force: bool) -> Any:
        real = self.breaker.admit(circuit, force=force)
        expected = self.models[circuit].admit(self.clock.time, force)
        assert (real is None) == (expected is None)
        return circuit, real, expected

    @rule(one=consumes(running), result=st.sampled_from([True, False, False, None]), chance=st.floats(0, 1))
    def end(self, one: Any, result: bool | None, chance: float) -> None:
        circuit, real, expected = one
        if real is None:
            return
        self.clock.chance = chance
        if result:
            real.succeed(self.clock.time)
        elif result is None:
            real.give_back()
        else:
            real.fail()
        self.models[circuit].end(expected, result, self.clock.time, 0.8 + 0.4 * chance)

    @rule(circuit=st.sampled_from([A, B]), results=st.lists(st.booleans(), max_size=12))
    def ask_and_end(self, circuit: str, results: list[bool]) -> None:
        for result in results:
            self.end(self.ask(circuit, False), result, 0.5)

    @invariant()
    def they_agree(self) -> None:
        now = self.clock.time
        for circuit, model in self.models.items():
            state, left = self.breaker.state_of(circuit)
            if model.open is None:
                assert (state, left) == (None, 0.0)
            else:
                assert state == ("open" if now < model.open[1] else "half_open")
                assert left == pytest.approx(max(0.0, model.open[1] - now))
                assert self.breaker.open_since(circuit) == (-float("inf") if model.is_due(now) else model.open[0])


TestBreaker = BreakerMachine.TestCase
TestBreaker.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
