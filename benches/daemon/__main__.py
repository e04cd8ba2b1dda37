"""The daemon over a constant provider against a bare echo of gRPC, and against other proxies: `make bench WHAT=daemon`.

Server and client have a core each, and every figure is that of the server. What is compared takes turns within each
round, ratios are formed within a round, and medians are taken over the rounds. Prints tables in Markdown.

Options: --rounds N, --seconds N (each measurement), --only PART …, --litellm PYTHON, --portkey FOLDER.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import grpc.aio
import uvloop

from daemon import proxies, vectors
from daemon.load import CLIENT_CORE, EVENTS, Figures, measure, memory_of, pin
from ratatoskr.service.convert.request import request_to_pb
from ratatoskr.service.methods import READS, SERVICE
from ratatoskr.service.pb import ratatoskr_pb2 as pb
from ratatoskr.types.chat import ChatOptions, ChatRequest
from ratatoskr.types.message import Message
from ratatoskr.types.part import TextPart

METADATA = ((READS, "1"),)
UNARY = (1, 16, 64)
STREAMS = {"alone": 16, "tens": 16, "paced": 32}
"""Streams at once."""
STALLED = 16
"""Readers that take nothing."""

One: TypeAlias = Callable[[], Coroutine[Any, Any, int]]
Rounds: TypeAlias = dict[str, list[Figures]]


@contextmanager
def server(*arguments: str) -> Iterator[tuple[int, int]]:
    """Run a server; yields its process and its port."""
    command = [sys.executable, "-m", "daemon.server", *arguments]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert process.stdout is not None
        yield process.pid, int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()


def request(model: str) -> bytes:
    text = "Who runs along the ash tree, and what is carried from the eagle to the wyrm? Answer in one sentence."
    messages = (Message("system", (TextPart("Be brief."),)), Message("user", (TextPart(text),)))
    return request_to_pb(ChatRequest(messages, options=ChatOptions(model=f"house:{model}"))).SerializeToString()


def unary(channel: Any, octets: bytes) -> One:
    call = channel.unary_unary(f"/{SERVICE}/Chat")

    async def one() -> int:
        assert await call(octets, metadata=METADATA)
        return 1

    return one


def stream(channel: Any, octets: bytes, method: str = "ChatStream") -> One:
    call = channel.unary_stream(f"/{SERVICE}/{method}")

    async def one() -> int:
        async for _ in call(octets, metadata=METADATA):
            pass
        return EVENTS

    return one


async def samples(channel: Any) -> tuple[bytes, bytes]:
    """Return the octets of an answer and of an event, and check that every stream has all its events."""
    answer = await channel.unary_unary(f"/{SERVICE}/Chat")(request("m"), metadata=METADATA)
    messages: list[bytes] = []
    for model, fewest in (("tens", EVENTS // 10), ("alone", EVENTS)):
        call = channel.unary_stream(f"/{SERVICE}/ChatStream")(request(model), metadata=METADATA)
        messages = [octets async for octets in call]
        events = [pb.ChatEvent.FromString(octets) for octets in messages]
        assert sum(len(one.events) or 1 for one in events) == EVENTS + 1
        assert len(messages) == fewest + 1, f"{len(messages)} messages of {model}"
    return answer, messages[1]


def ratio(one: list[Figures], other: list[Figures], what: str) -> float:
    return statistics.median(getattr(a, what) / getattr(b, what) for a, b in zip(one, other, strict=True))


def median(figures: list[Figures], what: str) -> float:
    return statistics.median(getattr(one, what) for one in figures)


def table(head: str, rows: list[tuple[Any, ...]]) -> str:
    columns = head.count("|") - 1
    return "\n".join([head, "|" + " --- |" * columns, *(f"| {' | '.join(map(str, row))} |" for row in rows)])


async def against_echo(rounds: int, seconds: float) -> str:
    with server("ratd") as (ratd, port), grpc_channel(port) as opened:
        channel = await opened
        answer, event = await samples(channel)
        with server("echo", answer.hex(), event.hex()) as (echo, other), grpc_channel(other) as bare_opened:
            bare = await bare_opened
            loads: dict[str, tuple[int, One, One]] = {
                f"{n} in flight": (n, unary(channel, request("m")), unary(bare, request("m"))) for n in UNARY
            }
            for name, at_once in STREAMS.items():
                method = "Paced" if name == "paced" else "ChatStream"
                loads[name] = at_once, stream(channel, request(name)), stream(bare, request(name), method)
            ours: Rounds = {name: [] for name in loads}
            theirs: Rounds = {name: [] for name in loads}
            for turn in range(rounds):
                for name, (at_once, of_daemon, of_echo) in loads.items():
                    both = [(ours, ratd, of_daemon), (theirs, echo, of_echo)]
                    for found, process, one in both if turn % 2 == 0 else reversed(both):
                        found[name].append(await measure(process, at_once, seconds, one))
                print(f"round {turn + 1} of {rounds}", file=sys.stderr)
            print(f"ratd has {memory_of(ratd):.0f} MiB, the echo {memory_of(echo):.0f} MiB", file=sys.stderr)
    rows = [
        (
            name,
            f"{median(theirs[name], 'rate'):,.0f}",
            f"{median(ours[name], 'rate'):,.0f}",
            f"{ratio(ours[name], theirs[name], 'rate'):.2f}",
            f"{median(theirs[name], 'cpu_us'):.0f}",
            f"{median(ours[name], 'cpu_us'):.0f}",
            f"{ratio(ours[name], theirs[name], 'cpu_us'):.2f}",
        )
        for name in loads
    ]
    head = "| load | echo/s | ratd/s | ratio | echo, CPU µs | ratd, CPU µs | ratio |"
    sizes = f"An answer has {len(answer)} bytes, an event {len(event)}."
    return f"{sizes}\n\n{table(head, rows)}"


@contextmanager
def grpc_channel(port: int) -> Iterator[Coroutine[Any, Any, Any]]:
    """Open a channel of the running loop, ready when awaited."""
    channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}", [("grpc.use_local_subchannel_pool", 1)])

    async def ready() -> Any:
        await channel.channel_ready()
        return channel

    yield ready()


async def beside_stalled_readers(rounds: int, seconds: float) -> str:
    """Measure calls while other readers take nothing of streams that never end."""
    found: Rounds = {"without": [], "with": []}
    with server("ratd") as (ratd, port), grpc_channel(port) as opened:
        channel = await opened
        one = unary(channel, request("m"))
        await measure(ratd, 16, 1.0, one)
        before = memory_of(ratd)
        after = before
        for turn in range(rounds):
            for kind in ("without", "with") if turn % 2 == 0 else ("with", "without"):
                with grpc_channel(port) as other_opened:
                    other = await other_opened
                    call = other.unary_stream(f"/{SERVICE}/ChatStream")
                    stalled = [call(request("endless"), metadata=METADATA) for _ in range(STALLED * (kind == "with"))]
                    await asyncio.gather(*(reader.read() for reader in stalled))
                    await asyncio.sleep(0.3)  # until every window is full
                    found[kind].append(await measure(ratd, 16, seconds, one))
                    after = max(after, memory_of(ratd))
                    for reader in stalled:
                        reader.cancel()
                    await other.close()
    rows = [
        (kind, f"{median(some, 'rate'):,.0f}", f"{median(some, 'p50_ms'):.2f}", f"{median(some, 'p99_ms'):.2f}")
        for kind, some in found.items()
    ]
    head = "| readers that stall | calls/s at 16 | p50 ms | p99 ms |"
    beside = ratio(found["with"], found["without"], "p99_ms")
    grown = f"p99 beside {STALLED} of them {beside:.2f} x; memory {before:.0f} to at most {after:.0f} MiB."
    return f"{table(head, rows)}\n\n{grown}"


PARTS = ("echo", "vectors", "stalled", "proxies")


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m daemon", description=__doc__.partition("\n")[0])
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--seconds", type=float, default=1.0)
    options.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    options.add_argument("--litellm", type=Path, help="the interpreter that has litellm[proxy]")
    options.add_argument("--portkey", type=Path, help="a folder where npm has installed @portkey-ai/gateway")
    chosen = options.parse_args()
    pin(CLIENT_CORE)
    if "echo" in chosen.only:
        print(uvloop.run(against_echo(chosen.rounds, chosen.seconds)), end="\n\n")
    if "vectors" in chosen.only:
        print(vectors.measure(), end="\n\n")
    if "stalled" in chosen.only:
        print(uvloop.run(beside_stalled_readers(chosen.rounds, chosen.seconds)), end="\n\n")
    if "proxies" in chosen.only:
        rows, notes = uvloop.run(proxies.compare(chosen.rounds, chosen.seconds, chosen.litellm, chosen.portkey))
        print(table(proxies.HEAD, rows), *notes, sep="\n\n")


if __name__ == "__main__":
    main()
