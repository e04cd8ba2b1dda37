"""Worker threads: small calls come first and are joined, large ones run in pieces, closing fails what is queued."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from ratatoskr.errors import GatewayClosed, MalformedResponse
from ratatoskr.local.engine.workers import MAX_JOINED, Workers


class Call:
    """A small call that notes its error."""

    def __init__(self, key: object = "key", size: int = 1) -> None:
        self.key, self.size = key, size
        self.error: BaseException | None = None

    def fail(self, error: BaseException) -> None:
        self.error = error


class Pieces:
    """A large call of so many pieces; each notes its name in `order` and waits for `go_on`."""

    def __init__(self, count: int, order: list[str], go_on: threading.Event | None = None) -> None:
        self.left, self.order, self.go_on = count, order, go_on
        self.begun, self.ended = threading.Event(), threading.Event()
        self.error: BaseException | None = None

    def next_piece(self) -> Callable[[], Any] | None:
        if not self.left:
            return None
        self.left -= 1
        return self._run

    def _run(self) -> Callable[[], None] | None:
        self.begun.set()
        if self.go_on is not None:
            assert self.go_on.wait(10)
        self.order.append("piece")
        return self.ended.set if not self.left else None

    def done(self) -> bool:
        return not self.left

    def fail(self, error: BaseException) -> None:
        self.error = error


@pytest.fixture
def workers():
    made = Workers(1)
    yield made
    made.close()


def test_no_thread_runs_before_the_first_call(workers):
    before = threading.active_count()
    order: list[str] = []
    task = Pieces(2, order)
    workers.submit(task)
    assert task.ended.wait(10)
    assert order == ["piece", "piece"]
    assert threading.active_count() == before + 1


def test_a_small_call_waits_for_one_piece_of_a_large_one_at_most(workers):
    order: list[str] = []
    go_on = threading.Event()
    task = Pieces(5, order, go_on)
    workers.submit(task)
    assert task.begun.wait(10)
    workers.submit_small(Call(), lambda calls, alone: lambda: order.append(f"small {alone}"))
    go_on.set()
    assert task.ended.wait(10)
    assert order == ["piece", "small False", *["piece"] * 4]


def test_calls_of_one_key_that_wait_together_are_joined_up_to_a_bound(workers):
    go_on, done, order = threading.Event(), threading.Event(), []
    batches: list[list[tuple[object, int]]] = []
    task = Pieces(1, order, go_on)
    workers.submit(task)
    assert task.begun.wait(10)

    def run(calls: Any, alone: bool) -> Callable[[], None]:
        batches.append([(call.key, call.size) for call in calls])
        return lambda: done.set() if calls[-1].key == "last" else None

    calls = [Call(size=MAX_JOINED - 1), Call(), Call(size=2), Call("other"), Call(), Call(), Call("last")]
    for call in calls:
        workers.submit_small(call, run)
    go_on.set()
    assert done.wait(10)
    assert batches == [
        [("key", MAX_JOINED - 1), ("key", 1)],
        [("key", 2)],
        [("other", 1)],
        [("key", 1), ("key", 1)],
        [("last", 1)],
    ]


def test_a_worker_is_idle_by_the_time_it_delivers(workers):
    """The next call of the same caller, made on delivery, finds nothing else being computed."""
    seen, done = [], threading.Event()

    def second(calls: Any, alone: bool) -> Callable[[], None]:
        seen.append(alone)
        return done.set

    def first(calls: Any, alone: bool) -> Callable[[], None]:
        seen.append(alone)
        return lambda: workers.submit_small(Call(), second)

    workers.submit_small(Call(), first)
    assert done.wait(10)
    assert seen == [True, True]


def test_closing_fails_what_is_queued_and_what_comes_later(workers):
    order: list[str] = []
    go_on = threading.Event()
    running, queued, call = Pieces(3, order, go_on), Pieces(1, order), Call()
    workers.submit(running)
    assert running.begun.wait(10)
    workers.submit(queued)
    workers.submit_small(call, lambda calls, alone: lambda: None)
    threading.Timer(0.05, go_on.set).start()
    workers.close()
    workers.close()
    assert [type(one.error) for one in (running, queued, call)] == [GatewayClosed] * 3
    assert order == ["piece"], "the one that ran is finished, no other begins"
    with pytest.raises(GatewayClosed):
        workers.submit_small(Call(), lambda calls, alone: lambda: None)
    with pytest.raises(GatewayClosed):
        workers.submit(Pieces(1, order))


def test_a_task_that_could_not_start_is_asked_again_after_wake(workers):
    order: list[str] = []
    asked = threading.Event()

    class Gated(Pieces):
        free = False

        def next_piece(self) -> Callable[[], Any] | None:
            asked.set()
            return super().next_piece() if self.free else None

    task = Gated(1, order)
    workers.submit(task)
    assert asked.wait(10)
    assert not task.ended.wait(0.05)
    task.free = True
    workers.wake()
    assert task.ended.wait(10)


class Panic(BaseException):
    """An error that is no `Exception`, like a panic of an extension."""


def fail() -> None:
    raise Panic("broken")


@pytest.mark.parametrize("run", [lambda calls, alone: fail(), lambda calls, alone: fail], ids=["computed", "delivered"])
def test_an_error_that_nothing_expected_fails_its_calls_and_the_thread_goes_on(workers, run):
    call, told = Call(), threading.Event()
    call.fail = lambda error: (setattr(call, "error", error), told.set())  # type: ignore[method-assign]
    workers.submit_small(call, run)
    assert told.wait(10)
    assert isinstance(call.error, MalformedResponse)
    assert str(call.error) == "the computation failed: Panic: broken"
    order: list[str] = []
    task = Pieces(2, order)
    workers.submit(task)
    assert task.ended.wait(10), "the only thread still works"
