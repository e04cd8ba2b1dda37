"""The daemon and other proxies before the same upstream, each on one core in its turn.

The upstream is that of the chat bench. The daemon is asked by a bare client of gRPC, the others by a bare client of
HTTP, with the core of the upstream. A proxy that is not installed is left out, and the bench says so.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import grpc.aio

from chat.upstream_process import Upstream
from daemon.load import EVENTS, SERVER_CORE, Figures, measure, memory_of, pin
from ratatoskr.service.convert.request import request_to_pb
from ratatoskr.service.methods import READS, SERVICE
from ratatoskr.types.chat import ChatOptions, ChatRequest
from ratatoskr.types.message import Message
from ratatoskr.types.part import TextPart

HEAD = "| proxy | requests/s at 64 | ratd has | p50 ms alone | events/s at 16 | ratd has | CPU µs an event | MiB |"
PROMPT = "Who runs along the ash tree?"
_OPEN = {"LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true"}
"""Without keys, as the daemon on loopback is."""
PATIENCE = 120.0
"""Seconds in which a proxy must be ready."""

One: TypeAlias = Callable[[], Coroutine[Any, Any, int]]


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy that runs.

    Attributes:
        process: its id.
        call: makes one call.
        stream: reads one stream and returns the number of its events; `None` where it does not stream here.
    """

    process: int
    call: One
    stream: One | None


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def _process(command: list[str], **variables: str) -> Iterator[int]:
    environment = {**os.environ, **variables}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    pin(SERVER_CORE, process.pid)
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()


@contextmanager
def ratd(upstream: str, folder: Path) -> Iterator[Proxy]:
    """Run the daemon."""
    port = _free_port()
    path = folder / "config.toml"
    path.write_text(
        f'[providers.calls]\nbase_url = "{upstream}/v1"\n'
        f'[providers.streams]\nbase_url = "{upstream}/stream/{EVENTS}/0/v1"\n'
        f'[[listeners]]\naddress = "127.0.0.1:{port}"\n'
    )
    command = [sys.executable, "-m", "ratatoskr.service.daemon.ratd", "--config", str(path)]
    with _process(command, HOME=str(folder)) as process:
        channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}")
        metadata = ((READS, "1"),)

        def octets(model: str) -> bytes:
            chat = ChatRequest((Message("user", (TextPart(PROMPT),)),), options=ChatOptions(model=model))
            return request_to_pb(chat).SerializeToString()

        calls, streams = octets("calls:m"), octets("streams:m")

        async def call() -> int:
            rpc = channel.unary_unary(f"/{SERVICE}/Chat")
            assert await rpc(calls, metadata=metadata, wait_for_ready=True)
            return 1

        async def stream() -> int:
            rpc = channel.unary_stream(f"/{SERVICE}/ChatStream")
            async for _ in rpc(streams, metadata=metadata, wait_for_ready=True):
                pass
            return EVENTS

        yield Proxy(process, call, stream)


class Http:
    """Calls over HTTP/1.1 connections that are kept open; it checks little and so takes little.

    Args:
        port: of the proxy.
        headers: of each request.
    """

    def __init__(self, port: int, headers: str = "") -> None:
        self._port = port
        self._headers = headers
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while self._idle:
            connection = self._idle.pop()
            if not connection[0].at_eof():  # a proxy closes those that were idle for some seconds
                return connection
        return await asyncio.open_connection("127.0.0.1", self._port)

    def one(self, model: str, *, streamed: bool, headers: str = "") -> One:
        """Return a function that makes a call and returns what it counts for."""
        document = {"model": model, "stream": streamed, "messages": [{"role": "user", "content": PROMPT}]}
        body = json.dumps(document).encode()
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:{self._port}\r\ncontent-type: application/json\r\n"
            f"authorization: Bearer sk-bench\r\n{self._headers}{headers}content-length: {len(body)}\r\n\r\n"
        )
        octets = head.encode() + body

        async def run() -> int:
            connection = await self._connection()
            reader, writer = connection
            writer.write(octets)
            head = await reader.readuntil(b"\r\n\r\n")
            assert b" 200 " in head.split(b"\r\n", 1)[0], head
            found = await _body(reader, head.lower())
            self._idle.append(connection)
            if not streamed:
                assert b"squirrel" in found
                return 1
            deltas = found.count(b'"content"')
            assert deltas >= EVENTS, found[-500:]
            return EVENTS

        return run


async def _body(reader: asyncio.StreamReader, head: bytes) -> bytes:
    name = b"content-length: "
    if name in head:
        return await reader.readexactly(int(head.split(name, 1)[1].split(b"\r\n", 1)[0]))
    found = bytearray()
    while size := int((await reader.readline()).strip() or b"0", 16):
        found += await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readline()
    return bytes(found)


@contextmanager
def litellm(upstream: str, folder: Path, python: Path) -> Iterator[Proxy]:
    """Run the proxy of LiteLLM, one worker without a database."""
    port = _free_port()
    path = folder / "litellm.json"
    rows = [("calls", f"{upstream}/v1"), ("streams", f"{upstream}/stream/{EVENTS}/0/v1")]
    models = [
        {"model_name": name, "litellm_params": {"model": "openai/m", "api_base": base, "api_key": "sk-x"}}
        for name, base in rows
    ]
    path.write_text(json.dumps({"model_list": models}))  # JSON is YAML, too
    command = [str(python.parent / "litellm"), "--config", str(path), "--port", str(port), "--host", "127.0.0.1"]
    variables = {"HOME": str(folder), "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR", **_OPEN}
    with _process(command, **variables) as process:
        http = Http(port)
        yield Proxy(process, http.one("calls", streamed=False), http.one("streams", streamed=True))


@contextmanager
def portkey(upstream: str, folder: Path) -> Iterator[Proxy]:
    """Run Portkey's gateway."""
    port = _free_port()
    server = folder / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"
    with _process(["node", str(server), f"--port={port}", "--headless"]) as process:
        http = Http(port, "x-portkey-provider: openai\r\n")
        hosts = (f"{upstream}/v1", f"{upstream}/stream/{EVENTS}/0/v1")
        call, stream = (f"x-portkey-custom-host: {host}\r\n" for host in hosts)
        yield Proxy(process, http.one("m", streamed=False, headers=call), http.one("m", streamed=True, headers=stream))


async def _ready(call: One) -> None:
    """Wait until a proxy answers."""
    ends = time.monotonic() + PATIENCE
    while True:
        try:
            await call()
        except (OSError, AssertionError, asyncio.IncompleteReadError):  # it does not listen yet, or loads
            if time.monotonic() > ends:
                raise
            await asyncio.sleep(0.5)
        else:
            return


async def compare(
    rounds: int, seconds: float, litellm_python: Path | None, portkey_folder: Path | None
) -> tuple[list[tuple[str, ...]], list[str]]:
    """Return the rows of a table, and what was left out."""
    notes: list[str] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        upstream = stack.enter_context(Upstream())
        running = {"ratd": stack.enter_context(ratd(upstream.url, folder))}
        if litellm_python is not None and (litellm_python.parent / "litellm").exists():
            running["LiteLLM"] = stack.enter_context(litellm(upstream.url, folder, litellm_python))
        else:
            notes.append("LiteLLM's proxy is not installed (`make peers`), and was not measured.")
        if portkey_folder is not None and (portkey_folder / "node_modules" / "@portkey-ai").exists():
            running["Portkey"] = stack.enter_context(portkey(upstream.url, portkey_folder))
        else:
            notes.append("Portkey's gateway is not installed (`--portkey FOLDER`), and was not measured.")
        figures: dict[tuple[str, str], list[Figures]] = {}
        for name, proxy in running.items():
            await _ready(proxy.call)
            try:
                assert proxy.stream is not None
                await proxy.stream()
            except AssertionError as error:
                running[name] = replace(proxy, stream=None)
                notes.append(f"{name} does not stream here: {str(error)[:60]}")
        for turn in range(rounds):
            names = list(running) if turn % 2 == 0 else list(reversed(running))
            for load, at_once in (("alone", 1), ("calls", 64), ("streams", 16)):
                for name in names:
                    proxy = running[name]
                    one = proxy.stream if load == "streams" else proxy.call
                    if one is None:
                        continue
                    found = await measure(proxy.process, at_once, seconds, one)
                    figures.setdefault((name, load), []).append(found)
            print(f"round {turn + 1} of {rounds}", file=sys.stderr)
        sizes = {name: memory_of(proxy.process) for name, proxy in running.items()}

    def middle(name: str, load: str, what: str, form: str) -> str:
        found = figures.get((name, load))
        return "" if found is None else form.format(statistics.median(getattr(one, what) for one in found))

    def lead(name: str, load: str) -> str:
        if name == "ratd" or (name, load) not in figures:
            return ""
        pairs = zip(figures["ratd", load], figures[name, load], strict=True)
        return f"{statistics.median(ours.rate / theirs.rate for ours, theirs in pairs):.1f} x"

    rows = [
        (
            name,
            middle(name, "calls", "rate", "{:,.0f}"),
            lead(name, "calls"),
            middle(name, "alone", "p50_ms", "{:.2f}"),
            middle(name, "streams", "rate", "{:,.0f}"),
            lead(name, "streams"),
            middle(name, "streams", "cpu_us", "{:.1f}"),
            f"{sizes[name]:.0f}",
        )
        for name in running
    ]
    return rows, notes
