"""`map_buffered`: results in order, bounded work ahead, and nothing left running."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import aclosing

import pytest

from ratatoskr.local.engine.buffered import map_buffered


async def numbers(count: int):
    for number in range(count):
        yield number


async def test_results_come_in_the_order_of_the_items_whichever_is_ready_first():
    async def wait(number: int) -> int:
        for _ in range(10 - number):
            await asyncio.sleep(0)
        return number

    def start(number: int) -> asyncio.Future[int]:
        return asyncio.ensure_future(wait(number))

    assert [result async for result in map_buffered(start, numbers(10), buffersize=4)] == list(range(10))


@pytest.mark.parametrize("buffersize", [1, 2, 3, 7, 50])
async def test_at_most_so_many_are_ahead_of_the_consumer(buffersize):
    started, taken, most = 0, 0, 0

    def start(number: int) -> Future[int]:
        nonlocal started, most
        started += 1
        most = max(most, started - taken)
        future: Future[int] = Future()
        future.set_result(number)
        return future

    async for result in map_buffered(start, numbers(20), buffersize=buffersize):
        assert result == taken
        taken += 1
    assert most == min(buffersize, 20)
    assert taken == 20


async def test_futures_of_threads_are_awaited():
    with ThreadPoolExecutor(2) as threads:

        def start(number: int) -> Future[int]:
            return threads.submit(lambda: number * 2)

        assert [result async for result in map_buffered(start, numbers(5), buffersize=3)] == [0, 2, 4, 6, 8]


async def test_closing_cancels_what_is_ahead_and_waits_for_it():
    ended: list[int] = []
    begun = asyncio.Event()

    async def work(number: int) -> int:
        if number:
            try:
                begun.set()
                await asyncio.Event().wait()
            finally:
                ended.append(number)
        else:
            await begun.wait()
        return number

    def start(number: int) -> asyncio.Future[int]:
        return asyncio.ensure_future(work(number))

    async with aclosing(map_buffered(start, numbers(10), buffersize=3)) as results:
        assert await anext(results) == 0
    assert sorted(ended) == [1, 2]


async def test_an_error_comes_in_its_place_and_cancels_the_rest():
    futures: list[Future[int]] = []

    def start(number: int) -> Future[int]:
        futures.append(Future())
        if number == 0:
            futures[-1].set_result(0)
        elif number == 1:
            futures[-1].set_exception(ValueError("one"))
        return futures[-1]

    results = map_buffered(start, numbers(9), buffersize=3)
    assert await anext(results) == 0
    with pytest.raises(ValueError, match="one"):
        await anext(results)
    assert [future.cancelled() for future in futures] == [False, False, True, True]


@pytest.mark.parametrize("buffersize", [1, 2, 3, 9])
@pytest.mark.parametrize(
    ("failing", "expected", "reason"),
    [(9, [0, 1, 2, 3], "the source"), (2, [0, 1], "the start"), (0, [], "the start")],
)
async def test_an_error_of_the_items_or_of_a_start_comes_after_the_results_before_it(
    buffersize: int, failing: int, expected: list[int], reason: str
):
    async def broken():
        for number in range(4):
            yield number
        raise OSError("the source")

    def start(number: int) -> Future[int]:
        if number == failing:
            raise OSError("the start")
        future: Future[int] = Future()
        future.set_result(number)
        return future

    results = map_buffered(start, broken(), buffersize=buffersize)
    assert [await anext(results) for _ in expected] == expected
    with pytest.raises(OSError, match=reason):
        await anext(results)


async def test_closing_after_an_error_of_the_items_cancels_the_rest():
    futures: list[Future[int]] = []

    def start(number: int) -> Future[int]:
        futures.append(Future())
        if number == 0:
            futures[-1].set_result(0)
        return futures[-1]

    async def broken():
        yield 0
        yield 1
        raise OSError("the source")

    async with aclosing(map_buffered(start, broken(), buffersize=3)) as results:
        assert await anext(results) == 0
    assert [future.cancelled() for future in futures] == [False, True]
