"""The thread behind the blocking face: what goes in comes out, and nobody waits for ever."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import signal
import threading
from collections.abc import Iterator

import pytest

from ratatoskr import GatewayClosed
from ratatoskr.sync.loop_thread import LoopThread

PATIENCE = 20.0


@pytest.fixture
def thread():
    thread = LoopThread()
    yield thread
    thread.stop()


def test_it_returns_what_the_coroutine_returns_and_raises_what_it_raises(thread: LoopThread) -> None:
    async def halve(number: int) -> int:
        if number % 2:
            raise ValueError("odd")
        return number // 2

    assert thread.run(halve(8)) == 4
    with pytest.raises(ValueError, match="odd") as caught:
        thread.run(halve(7))
    assert "halve" in [entry.name for entry in caught.traceback]


def test_the_callers_context_is_the_coroutines(thread: LoopThread) -> None:
    who = contextvars.ContextVar[str]("who")
    who.set("caller")

    async def ask() -> str:
        return who.get()

    assert thread.run(ask()) == "caller"


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Handle SIGINT as in a terminal: a process that was started in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_of_the_caller_cancels_the_coroutine(thread: LoopThread) -> None:
    cancelled = threading.Event()

    async def wait() -> None:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    with pytest.raises(KeyboardInterrupt):
        thread.run(wait())
    assert cancelled.wait(PATIENCE)


def test_what_runs_when_it_is_stopped_ends_with_gateway_closed(thread: LoopThread) -> None:
    running, ended = threading.Event(), []

    async def wait() -> None:
        running.set()
        await asyncio.Event().wait()

    def call() -> None:
        try:
            thread.run(wait())
        except GatewayClosed as error:
            ended.append(error)

    caller = threading.Thread(target=call)
    caller.start()
    assert running.wait(PATIENCE)
    thread.stop()
    caller.join(PATIENCE)
    assert len(ended) == 1


def test_what_comes_behind_the_stop_ends_with_gateway_closed_even_if_the_loop_never_began_it() -> None:
    thread = LoopThread()
    loop = thread.loop()
    busy, go_on, ended = threading.Event(), threading.Event(), []

    async def nothing() -> None:
        pass

    def call() -> None:
        try:
            thread.run(nothing())
        except GatewayClosed as error:
            ended.append(error)

    def block() -> None:
        busy.set()
        go_on.wait(PATIENCE)

    # Stopped in the same turn in which the call is still in the loop's queue, which is then closed with it in there.
    loop.call_soon_threadsafe(block)
    assert busy.wait(PATIENCE)
    loop.call_soon_threadsafe(loop.stop)
    callers = [threading.Thread(target=call) for _ in range(20)]
    for caller in callers:
        caller.start()
    go_on.set()
    thread.stop()
    for caller in callers:
        caller.join(PATIENCE)
    assert not any(caller.is_alive() for caller in callers)


def test_on_its_own_thread_it_refuses_to_wait_for_itself(thread: LoopThread) -> None:
    async def inner() -> None:
        pass

    async def outer() -> None:
        thread.run(inner())

    with pytest.raises(RuntimeError, match="would never return"):
        thread.run(outer())


def test_one_that_is_dropped_ends_its_thread() -> None:
    thread = LoopThread()

    async def own() -> threading.Thread:
        return threading.current_thread()

    served = thread.run(own())
    assert served.is_alive()
    del thread
    gc.collect()
    served.join(PATIENCE)
    assert not served.is_alive()
