"""Processes that end, fork or change their loops with streams under way: the right status, and no noise."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from tests.conformance.faces import gateway_to

from ratatoskr.testing import ScriptedUpstream, Turn, fault

CHAT = "openai:gpt-4.1"
PATIENCE = 30.0

_HEAD = """
import asyncio, os, sys, threading, _thread
from ratatoskr import Ratatoskr
gateway = Ratatoskr.builder().openai("key", base_url=sys.argv[1]).build()
model = "openai:gpt-4.1"
async def opened():
    return await asyncio.gather(*(gateway.chat_stream("Who?", model).__aenter__() for _ in range(int(sys.argv[2]))))
async def reading():
    streams = await opened()
    for stream in streams:
        held.append(asyncio.create_task(stream.collect()))
    await asyncio.sleep(0)
    return streams
held = []
"""


def program(script: str) -> str:
    """Return a program that is run with the address of an upstream and the number of streams to open."""
    return _HEAD + script


ENDS: dict[str, tuple[str, int]] = {
    "exit in the loop": (
        "async def main():\n    held.append(await reading())\n    sys.exit(3)\nasyncio.run(main())",
        3,
    ),
    "return": ("async def main():\n    held.append(await opened())\nasyncio.run(main())\nheld.clear()", 0),
    "return while held": ("async def main():\n    held.append(await opened())\nasyncio.run(main())", 0),
    "unclosed loop": ("loop = asyncio.new_event_loop()\nheld.append(loop.run_until_complete(opened()))", 0),
    "interrupt": (
        (
            "async def main():\n    held.append(await reading())\n    _thread.interrupt_main()\n"
            "    await asyncio.sleep(60)\n"
            "try:\n    asyncio.run(main())\nexcept KeyboardInterrupt:\n    sys.exit(130)"
        ),
        130,
    ),
    "daemon thread": (
        (
            "ready = threading.Event()\nasync def main():\n    held.append(await opened())\n    ready.set()\n"
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
def flowing() -> Iterator[str]:
    """Give the address of streams that begin and never end."""
    script = fault("keep_alives_in_stream", times=None, turn=Turn("Up and down.", deltas=3), seconds=0.01)
    with ScriptedUpstream.in_thread(script) as upstream:
        yield upstream.base_url("openai")


@pytest.mark.parametrize(("script", "status"), ENDS.values(), ids=ENDS.keys())
def test_a_process_ends_with_streams_under_way_rightly_and_silently(script: str, status: int, flowing: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", program(script), flowing, "20"],
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
        ended = subprocess.run(
            [sys.executable, "-c", program(script), upstream.base_url("openai")],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert (ended.returncode, ended.stderr) == (0, "")
        assert upstream.count == 4 + bool(before)


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
