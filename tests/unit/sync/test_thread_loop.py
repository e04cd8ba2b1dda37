"""Blocking calls that run where they are asked for: on a loop of the calling thread's own."""

from __future__ import annotations

import asyncio
import contextvars
import os
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ratatoskr import Ratatoskr, SyncGateway
from ratatoskr.sync.thread_loop import can_run_in_thread_loop, run_in_thread_loop
from ratatoskr.testing import ScriptedUpstream
from ratatoskr.testing.thread import ThreadedUpstream

GPT = "openai:gpt-4.1"
PATIENCE = 20.0
who: contextvars.ContextVar[str] = contextvars.ContextVar("who")


async def here() -> tuple[str, threading.Thread, asyncio.AbstractEventLoop]:
    await asyncio.sleep(0)
    return who.get(), threading.current_thread(), asyncio.get_running_loop()


def in_thread(work: Callable[[], Any]) -> Any:
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(work()))
    thread.start()
    thread.join(PATIENCE)
    assert found, "the thread has not come to its end"
    return found[0]


@pytest.fixture
def upstream() -> Iterator[ThreadedUpstream]:
    with ScriptedUpstream.in_thread() as upstream:
        yield upstream


@pytest.fixture
def blocking(upstream: ThreadedUpstream) -> Iterator[SyncGateway]:
    gateway = Ratatoskr.builder().openai("sk-x", base_url=upstream.base_url("openai")).retries(0).build()
    with gateway.sync() as blocking:
        yield blocking


def loop_threads() -> int:
    return [thread.name for thread in threading.enumerate()].count("ratatoskr-sync")


def test_a_coroutine_sees_its_caller_thread_and_context_and_finds_the_same_loop_again() -> None:
    who.set("the caller")
    name, thread, loop = run_in_thread_loop(here())
    assert (name, thread) == ("the caller", threading.current_thread())
    assert run_in_thread_loop(here())[2] is loop
    assert can_run_in_thread_loop()


def test_another_thread_has_a_loop_of_its_own_which_ends_with_it() -> None:
    who.set("the caller")
    mine = run_in_thread_loop(here())[2]
    context = contextvars.copy_context()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, _, loop = in_thread(lambda: context.run(run_in_thread_loop, here()))
    assert loop is not mine
    assert loop.is_closed()
    assert not mine.is_closed()


async def test_a_thread_that_runs_a_loop_is_told_so() -> None:
    assert not can_run_in_thread_loop()


def test_an_interrupt_cancels_what_runs_and_the_next_call_finds_nothing_of_it() -> None:
    ended: list[str] = []

    def interrupt() -> None:
        raise KeyboardInterrupt

    async def waits() -> None:
        asyncio.get_running_loop().call_soon(interrupt)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    with pytest.raises(KeyboardInterrupt):
        run_in_thread_loop(waits())
    assert ended == ["cancelled"]
    who.set("the next")
    name, _, loop = run_in_thread_loop(here())
    assert name == "the next"
    assert not asyncio.all_tasks(loop)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, asyncio.CancelledError])
def test_an_interrupt_in_a_step_of_the_call_itself_comes_out_as_it_is(kind: type[BaseException]) -> None:
    async def interrupted() -> None:
        raise kind

    def ask() -> type[BaseException]:
        with pytest.raises(kind) as caught:
            run_in_thread_loop(interrupted())
        return caught.type

    assert ask() is kind
    assert in_thread(ask) is kind


def test_a_child_leaves_the_loop_of_its_parent_alone() -> None:
    who.set("the parent")
    loop = run_in_thread_loop(here())[2]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # other threads live: the child does not touch theirs
        pid = os.fork()
    if pid == 0:
        right = run_in_thread_loop(here())[2] is not loop and not loop.is_closed()
        os._exit(0 if right else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert run_in_thread_loop(here())[2] is loop


def test_whole_answers_need_no_other_thread_and_streams_do(blocking: SyncGateway) -> None:
    before = loop_threads()
    assert blocking.chat("one", GPT).content.endswith("one")
    assert blocking.generate("two", GPT).text.endswith("two")
    assert loop_threads() == before
    with blocking.chat_stream("three", GPT) as stream:
        assert stream.collect().content.endswith("three")
    assert loop_threads() == before + 1


async def test_beside_a_running_loop_they_go_to_the_loop_thread(blocking: SyncGateway) -> None:
    before = loop_threads()
    assert blocking.chat("one", GPT).content.endswith("one")
    assert loop_threads() == before + 1


def test_a_client_of_the_users_keeps_to_its_one_loop_whatever_thread_asks(upstream: ThreadedUpstream) -> None:
    httpx = pytest.importorskip("httpx")
    client = httpx.AsyncClient()
    gateway = (
        Ratatoskr.builder().openai("sk-x", base_url=upstream.base_url("openai")).http_client(client).retries(0).build()
    )
    before = loop_threads()
    with gateway.sync() as blocking:
        assert blocking.chat("one", GPT).content.endswith("one")
        assert in_thread(lambda: blocking.chat("two", GPT).content).endswith("two")
        assert loop_threads() == before + 1
        blocking._thread.run(client.aclose())
