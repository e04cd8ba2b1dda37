"""Processes that end, fork or change their loops with open streams: the right status, and no output."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conformance.faces import gateway_to

from ratatoskr import EmbeddedGateway
from ratatoskr.testing import ScriptedTurn, ScriptedUpstream, fault
from ratatoskr.testing.connection import Received

CHAT = "openai:gpt-4.1"
PATIENCE = 30.0

_HEAD = """
import asyncio, os, signal, sys, threading, _thread
# A background process may ignore SIGINT, which its children inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)
from ratatoskr import Ratatoskr
gateway = Ratatoskr.builder().openai("key", base_url=sys.argv[1]).build()
model = "openai:gpt-4.1"
async def open_streams():
    return await asyncio.gather(*(gateway.chat_stream("Who?", model).__aenter__() for _ in range(int(sys.argv[2]))))
async def read_streams():
    streams = await open_streams()
    for stream in streams:
        held.append(asyncio.create_task(stream.collect()))
    await asyncio.sleep(0)
    return streams
held = []
"""


def program(script: str) -> str:
    """Return a program; its arguments are the address of an upstream and the number of streams."""
    return _HEAD + script


ENDS: dict[str, tuple[str, int]] = {
    "exit in the loop": (
        "async def main():\n    held.append(await read_streams())\n    sys.exit(3)\nasyncio.run(main())",
        3,
    ),
    "return": ("async def main():\n    held.append(await open_streams())\nasyncio.run(main())\nheld.clear()", 0),
    "return while held": ("async def main():\n    held.append(await open_streams())\nasyncio.run(main())", 0),
    "unclosed loop": ("loop = asyncio.new_event_loop()\nheld.append(loop.run_until_complete(open_streams()))", 0),
    "interrupt": (
        (
            "async def main():\n    held.append(await read_streams())\n    _thread.interrupt_main()\n"
            "    await asyncio.sleep(60)\n"
            "try:\n    asyncio.run(main())\nexcept KeyboardInterrupt:\n    sys.exit(130)"
        ),
        130,
    ),
    "daemon thread": (
        (
            "ready = threading.Event()\nasync def main():\n    held.append(await open_streams())\n    ready.set()\n"
            "    await asyncio.sleep(60)\n"
            "threading.Thread(target=asyncio.run, args=(main(),), daemon=True).start()\nready.wait()"
        ),
        0,
    ),
    "blocking": ("held.extend(gateway.sync().chat_stream('Who?', model) for _ in range(int(sys.argv[2])))", 0),
    "blocking in threads": (
        (
            "blocking = gateway.sync()\n"
            "streams = [blocking.chat_stream('Who?', model) for _ in range(int(sys.argv[2]))]\n"
            "for s in streams:\n    threading.Thread(target=list, args=(s,), daemon=True).start()"
        ),
        0,
    ),
    "blocking in threads that ask again and again": (
        (
            "blocking = gateway.sync()\nopen = threading.Semaphore(0)\n"
            "def ask():\n    while True:\n        with blocking.chat_stream('Who?', model) as stream:\n"
            "            next(stream)\n            open.release()\n"
            "for _ in range(4):\n    threading.Thread(target=ask, daemon=True).start()\n"
            "for _ in range(int(sys.argv[2])):\n    open.acquire()"
        ),
        0,
    ),
}


@pytest.fixture
def endless_stream_url() -> Iterator[str]:
    """Yield the address of an upstream whose streams never end."""
    script = fault("keep_alives_in_stream", times=None, turn=ScriptedTurn("Up and down.", deltas=3), seconds=0.01)
    with ScriptedUpstream.in_thread(script) as upstream:
        yield upstream.base_url("openai")


@pytest.mark.parametrize(("script", "status"), ENDS.values(), ids=ENDS.keys())
def test_a_process_ends_with_streams_under_way_rightly_and_silently(
    script: str, status: int, endless_stream_url: str
) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", program(script), endless_stream_url, "20"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (status, "")


FORKS = {
    "before use": "",
    "after use": "asyncio.run(gateway.chat('Who?', model))\n",
    "with a blocking face in use": "gateway.sync().chat('Who?', model)\n",
}


@pytest.mark.parametrize("before", FORKS.values(), ids=FORKS.keys())
def test_a_forked_child_and_its_parent_both_go_on(before: str) -> None:
    script = before + (
        "child = os.fork()\n"
        "asyncio.run(gateway.chat('After?', model))\ngateway.sync().chat('After?', model)\n"
        "if child:\n    assert os.waitpid(child, 0)[1] == 0\n"
    )
    with ScriptedUpstream.in_thread() as upstream:
        _assert_clean_exit(script, upstream.base_url("openai"))
        assert upstream.count == 4 + bool(before)


def _assert_clean_exit(script: str, *arguments: str) -> None:
    """Run a program and assert that it ends with status 0 and no output on stderr."""
    ended = subprocess.run(
        [sys.executable, "-c", program(script), *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_child_forked_with_calls_and_streams_under_way_asks_anew_and_they_go_on() -> None:
    script = (
        "async def child():\n    assert (await gateway.chat('Child', model)).content\n"
        "    await gateway.aclose()\n"
        "def fork():\n    number = os.fork()\n    if number == 0:\n        status = 1\n        try:\n"
        "            asyncio.run(child())\n            status = 0\n        finally:\n            os._exit(status)\n"
        "    return os.waitpid(number, 0)[1]\n"
        "async def parent():\n    stream = await gateway.chat_stream('Slow', model)\n    await anext(stream)\n"
        "    waiting = [asyncio.create_task(gateway.chat('Slow', model)) for _ in range(5)]\n"
        "    await asyncio.sleep(0)\n    for _ in range(3):\n        assert await asyncio.to_thread(fork) == 0\n"
        "    assert all(a.content for a in await asyncio.gather(*waiting))\n"
        "    assert (await stream.collect()).content\n"
        "asyncio.run(parent())\n"
    )

    def answer(request: Received) -> ScriptedTurn:
        slow = request.asked is not None and request.asked.prompt == "Slow"
        return ScriptedTurn("Up and down.", deltas=6, delay=0.3 * slow, pace=0.1 * slow)

    with ScriptedUpstream.in_thread(answer) as upstream:
        _assert_clean_exit(script, upstream.base_url("openai"))
        assert upstream.count == 9


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_of_multiprocessing_share_nothing_and_all_work(method: str, tmp_path: Path) -> None:
    script = (
        "import multiprocessing\n"
        "def work(_):\n"
        "    gateway.sync().chat('Who?', model)\n"
        "    return len(asyncio.run(gateway.chat('Who?', model)).content)\n"
        "if __name__ == '__main__':\n"
        "    asyncio.run(gateway.chat('Who?', model))\n    gateway.sync().chat('Who?', model)\n"
        f"    with multiprocessing.get_context({method!r}).Pool(2) as pool:\n"
        "        assert min(pool.map(work, range(6))) > 0\n        pool.close()\n        pool.join()\n"
    )
    file = tmp_path / "pool.py"  # a spawned process imports its program from a file
    file.write_text(program(script))
    with ScriptedUpstream.in_thread() as upstream:
        ended = subprocess.run(
            [sys.executable, str(file), upstream.base_url("openai")],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert (ended.returncode, ended.stderr) == (0, "")
        assert upstream.count == 2 + 2 * 6


def test_on_uvloop_calls_streams_and_cancels_work_as_elsewhere() -> None:
    uvloop = pytest.importorskip("uvloop")

    async def main() -> None:
        async with gateway_to(upstream) as gateway:  # type: ignore[arg-type]  # it needs the address alone
            answers = await asyncio.gather(*(gateway.chat("Who?", CHAT) for _ in range(20)))
            assert all(answer.content for answer in answers)
            async with gateway.chat_stream("Who?", CHAT) as stream:
                assert (await stream.collect()).content
            upstream.use(fault("stall_in_stream", times=None))
            stalled = [asyncio.create_task(_collect(gateway)) for _ in range(20)]
            await asyncio.to_thread(upstream.until, lambda: upstream.count == 41)
            for task in stalled:
                task.cancel()
            ended = await asyncio.gather(*stalled, return_exceptions=True)
            assert all(isinstance(outcome, asyncio.CancelledError) for outcome in ended)
        await asyncio.to_thread(upstream.until, lambda: upstream.upstream.open_connections == 0)

    with ScriptedUpstream.in_thread() as upstream, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())


async def _collect(gateway: EmbeddedGateway) -> None:
    async with gateway.chat_stream("Who?", CHAT) as stream:
        await stream.collect()


def test_three_loops_one_after_another_share_a_gateway() -> None:
    with ScriptedUpstream.in_thread() as upstream:
        gateway = gateway_to(upstream)  # type: ignore[arg-type]  # it needs the address alone

        async def use() -> None:
            answers = await asyncio.gather(*(gateway.chat("Who?", CHAT) for _ in range(4)))
            assert all(answer.content for answer in answers)
            async with gateway.chat_stream("Who?", CHAT) as stream:
                assert (await stream.collect()).content

        for _ in range(3):
            asyncio.run(use())
        asyncio.run(gateway.aclose())
        assert upstream.count == 15


def test_four_threads_with_a_loop_each_share_a_gateway() -> None:
    with ScriptedUpstream.in_thread() as upstream:
        gateway = gateway_to(upstream)  # type: ignore[arg-type]  # it needs the address alone
        answers: list[str] = []

        async def use() -> None:
            for _ in range(5):
                answers.extend(a.content for a in await asyncio.gather(*(gateway.chat("Who?", CHAT) for _ in range(4))))

        threads = [threading.Thread(target=asyncio.run, args=(use(),)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        asyncio.run(gateway.aclose())
        assert len(answers) == upstream.count == 80
        assert all(answers)
