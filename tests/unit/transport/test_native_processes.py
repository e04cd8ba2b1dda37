"""Loops, threads, forks and the end of the interpreter."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import textwrap
import threading
import weakref
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from ratatoskr.errors import GatewayClosed
from ratatoskr.transport.client import HttpRequest
from ratatoskr.transport.native import NativeTransport
from unit.transport.raw_server import LAST_CHUNK, SSE_HEAD, Peer, RawServer, chunk, serve_requests


async def stream_events(peer: Peer) -> None:
    while await peer.request():
        await peer.send(SSE_HEAD)
        for number in range(20):
            await peer.send(chunk(b"data: %d\n\n" % number))
            await asyncio.sleep(0.001)
        await peer.send(LAST_CHUNK)


async def stream_forever(peer: Peer) -> None:
    await peer.request()
    await peer.send(SSE_HEAD)
    while True:
        await peer.send(chunk(b"data: 1\n\n"))
        await asyncio.sleep(0.005)


async def read(transport: NativeTransport, url: str) -> list[bytes]:
    reply = await transport.send(HttpRequest(url, (), b"{}", framing="sse"))
    got: list[bytes] = []
    while (batch := await reply.batch()) is not None:
        got += [data for _, data in batch]
    return got


EVENTS = [b"%d" % number for number in range(20)]


def test_one_transport_outlives_its_loops_and_keeps_its_connection() -> None:
    transport = NativeTransport()
    with RawServer(stream_events) as server:
        for _ in range(3):
            assert asyncio.run(read(transport, server.url)) == EVENTS
        assert server.opened == 1
        asyncio.run(transport.aclose())


def test_loops_in_several_threads_share_a_transport() -> None:
    transport = NativeTransport()
    got: list[list[bytes]] = []

    async def several() -> None:
        for _ in range(5):
            got.extend(await asyncio.gather(*(read(transport, server.url) for _ in range(4))))

    with RawServer(stream_events) as server:
        threads = [threading.Thread(target=lambda: asyncio.run(several())) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert got == [EVENTS] * 80
        asyncio.run(transport.aclose())


class Proactor(asyncio.SelectorEventLoop):
    """A loop that cannot watch descriptors, as Windows' is."""

    def _refuse(self, *_: object) -> None:
        raise NotImplementedError

    add_reader = remove_reader = _refuse  # type: ignore[assignment]  # refused whatever the arguments


def test_a_loop_that_cannot_watch_descriptors_is_served_by_a_thread_that_ends_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ratatoskr.transport.native._LOOP_CHECK_INTERVAL", 0.05)
    transport = NativeTransport()

    async def main() -> None:
        assert await asyncio.gather(*(read(transport, server.url) for _ in range(10))) == [EVENTS] * 10
        await transport.aclose()

    with RawServer(stream_events) as server, asyncio.Runner(loop_factory=Proactor) as runner:
        runner.run(main())
        waking = [thread for thread in threading.enumerate() if thread.name == "ratatoskr-wake"]
        assert len(waking) == 1
    waking[0].join(20)
    assert not waking[0].is_alive()


def test_a_loop_left_behind_is_not_kept_alive() -> None:
    transport = NativeTransport()
    loop = asyncio.new_event_loop()
    gone = weakref.ref(loop)
    with RawServer(stream_events) as server:
        loop.run_until_complete(read(transport, server.url))
        loop.close()
        del loop
        gc.collect()
        assert gone() is None
        asyncio.run(transport.aclose())


def test_descriptors_and_threads_do_not_grow_with_transports_and_loops() -> None:
    def count() -> tuple[int, int]:
        gc.collect()
        return len(list(Path("/proc/self/fd").iterdir())), len(list(Path("/proc/self/task").iterdir()))

    async def once() -> None:
        transport = NativeTransport()
        for _ in range(2):
            await read(transport, server.url)
        await transport.aclose()

    with RawServer(stream_events) as server:
        asyncio.run(once())
        server.until(lambda s: s.open == 0)
        before = count()
        for _ in range(10):
            asyncio.run(once())
        server.until(lambda s: s.open == 0)
        assert count() == before


def run_in_child(work: Callable[[], Awaitable[None]]) -> int:
    """Run something in a forked child and return its exit status; a traceback goes to stderr."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            asyncio.run(work())  # type: ignore[arg-type]  # always a coroutine
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_starts_anew_and_leaves_the_parent_alone() -> None:
    unused, used = NativeTransport(), NativeTransport()

    async def parent() -> None:
        stream = await used.send(HttpRequest(server.url + "/flow", (), framing="sse"))
        assert await stream.batch()
        waiting = [asyncio.create_task(used.send(HttpRequest(slow.url, ()))) for _ in range(5)]
        await slow.becomes(lambda s: len(s.seen) == 5)

        async def child() -> None:
            for transport in (unused, used, NativeTransport()):
                assert await read(transport, plain.url) == EVENTS
                await transport.aclose()
            with pytest.raises(GatewayClosed, match="fork"):
                await stream.batch()
            stream.close()

        # asyncio allows no loop within a loop, so the child is forked where none runs.
        for _ in range(3):
            assert await asyncio.to_thread(run_in_child, child) == 0
        assert await stream.batch()
        assert await read(used, plain.url) == EVENTS
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await slow.becomes(lambda s: s.open == 0)
        await used.aclose()

    async def silent(peer: Peer) -> None:
        await peer.request()
        await peer.gone()

    with RawServer(stream_forever) as server, RawServer(silent) as slow, RawServer(stream_events) as plain:
        asyncio.run(parent())


EXITS = {
    "sys-exit": ("sys.exit(0)", "asyncio.run(main())"),
    "return": ("return", "asyncio.run(main())"),
    "error-free-close": ("await transport.aclose()", "asyncio.run(main())"),
    "loop-left-behind": ("return", "asyncio.new_event_loop().run_until_complete(main())"),
    "daemon-thread": (
        "done.set(); await asyncio.sleep(60)",
        "threading.Thread(target=lambda: asyncio.run(main()), daemon=True).start(); done.wait()",
    ),
    "os-exit": ("os._exit(0)", "asyncio.run(main())"),
    "interrupt": (
        "signal.raise_signal(signal.SIGINT); await asyncio.sleep(60)",
        "\ntry:\n    asyncio.run(main())\nexcept KeyboardInterrupt:\n    pass",
    ),
}


@pytest.mark.parametrize("kind", EXITS)
def test_the_interpreter_ends_clean_and_silent_with_streams_flowing(kind: str, tmp_path: Path) -> None:
    inside, outside = EXITS[kind]
    program = textwrap.dedent(
        """
        import asyncio, os, signal, sys, threading
        from ratatoskr.transport.client import HttpRequest
        from ratatoskr.transport.native import NativeTransport

        done = threading.Event()
        # A runner in the background may have been started with interrupts ignored, which children inherit.
        signal.signal(signal.SIGINT, signal.default_int_handler)

        async def read(transport, flowing):
            reply = await transport.send(HttpRequest(sys.argv[1], (), framing="sse"))
            assert await reply.batch()
            flowing.release()
            try:
                while await reply.batch():
                    pass
            except Exception:
                assert {kind!r} == "error-free-close"

        async def main():
            transport = NativeTransport()
            flowing = asyncio.Semaphore(0)
            tasks = [asyncio.create_task(read(transport, flowing)) for _ in range(50)]
            for _ in tasks:
                await flowing.acquire()
            {inside}

        {outside}
        """
    )
    for name, text in (("kind!r", repr(kind)), ("inside", inside), ("outside", outside)):
        program = program.replace("{" + name + "}", text)
    if kind == "loop-left-behind":
        # asyncio itself reports tasks that were pending when they were destroyed; that is the program's own noise.
        program = "import logging\nlogging.disable(logging.CRITICAL)\n" + program
    with RawServer(stream_forever) as server:
        ended = subprocess.run(
            [sys.executable, "-X", "faulthandler", "-W", "ignore", "-c", program, server.url],
            capture_output=True,
            timeout=40,
            check=False,
            cwd=tmp_path,
        )
        assert (ended.returncode, ended.stderr, ended.stdout) == (0, b"", b"")
        server.until(lambda s: s.open == 0)


def test_importing_the_transport_starts_no_thread_and_opens_nothing() -> None:
    program = (
        "import os; before = len(os.listdir('/proc/self/fd'))\n"
        "from ratatoskr.transport.native import NativeTransport; NativeTransport()\n"
        "assert len(os.listdir('/proc/self/task')) == 1 and len(os.listdir('/proc/self/fd')) == before"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=40)


def test_a_transport_dropped_without_closing_leaves_no_connection() -> None:
    async def main() -> None:
        transport = NativeTransport()
        await transport.send(HttpRequest(server.url, ()))

    with RawServer(serve_requests) as server:
        asyncio.run(main())
        gc.collect()
        server.until(lambda s: s.open == 0)
