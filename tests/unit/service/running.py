"""Daemons of tests: in the test's own event loop, or as processes of their own."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, ClassVar

import grpc.aio

from ratatoskr import ServiceClient
from ratatoskr.service.daemon.call_log import CallLog
from ratatoskr.service.daemon.daemon import Daemon
from ratatoskr.service.daemon.setup import load_setup
from ratatoskr.service.daemon.tokens import digest_of
from ratatoskr.testing import ScriptedGateway

HOUSE = '[providers.house]\nbase_url = "http://127.0.0.1:9/v1"\n'
"""A provider that nobody asks, where a script answers in its place."""
TCP = '[[listeners]]\naddress = "127.0.0.1:0"\n'
TOKEN = "rt_of-a-client-of-the-tests-0123456789abcdef"
ADMIN_TOKEN = "rt_of-an-admin-of-the-tests-0123456789abcde"
CLIENTS = f"""
[clients.alice]
token_sha256 = "{digest_of(TOKEN)}"
models = ["house:*", "open*"]

[clients.root]
token_sha256 = "{digest_of(ADMIN_TOKEN)}"
admin = true
"""


class Running:
    """A daemon in this loop, and what it wrote to its log."""

    def __init__(self, daemon: Daemon, path: Path, lines: list[dict[str, Any]], raw: list[bytes]) -> None:
        self.daemon = daemon
        self.path = path
        self.lines = lines
        self.raw = raw

    @property
    def url(self) -> str:
        return self.daemon.doors[0].url

    def client(self, token: str | None = None, **arguments: Any) -> ServiceClient:
        return ServiceClient(self.url, token, **arguments)

    def write(self, text: str) -> None:
        self.path.write_text(text)

    def calls(self) -> list[dict[str, Any]]:
        """Return the lines of calls."""
        return [line for line in self.lines if "method" in line]


@asynccontextmanager
async def running(
    folder: Path, text: str = HOUSE + TCP, gateway: Any = None, make_gateway: Callable[..., Any] | None = None
) -> AsyncIterator[Running]:
    """Run a daemon over a scripted gateway, or over what `make_gateway` makes."""
    path = folder / "config.toml"
    path.write_text(text)
    lines: list[dict[str, Any]] = []
    raw: list[bytes] = []

    def keep(octets: bytes) -> None:
        raw.append(octets)
        lines.append(json.loads(octets))

    def load(listeners: Sequence[Any] = ()) -> Any:
        return load_setup(path, listeners=listeners)

    scripted = gateway if gateway is not None else ScriptedGateway(*["an answer"] * 100)
    daemon = Daemon(
        load(), load, make_gateway=make_gateway or (lambda _, reuse=None: scripted), log=CallLog("json", write=keep)
    )
    await daemon.start()
    try:
        yield Running(daemon, path, lines, raw)
    finally:
        if not daemon.is_draining:
            daemon.stop(0)
        await daemon.ended.wait()


@asynccontextmanager
async def channel_of(url: str) -> AsyncIterator[Any]:
    """Open a channel without our client."""
    target = url.removeprefix("http://")
    async with grpc.aio.insecure_channel(target, [("grpc.enable_http_proxy", 0)]) as channel:
        yield channel


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {token}"),)


class Process:
    """`ratd` as a process; its log is read by a thread."""

    command: ClassVar[Sequence[str]] = (sys.executable, "-m", "ratatoskr.service.daemon.ratd")

    def __init__(self, arguments: Sequence[str], environment: dict[str, str]) -> None:
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            [*self.command, *arguments],
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            env=environment,
        )
        self.lines: list[str] = []
        self._new: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._new.put(line.decode())
        self._new.put(None)

    def wait_for(self, word: str, seconds: float = 30.0) -> dict[str, Any]:
        """Return the next line of the log with a word."""
        until = time.monotonic() + seconds
        while True:
            line = self._new.get(timeout=max(until - time.monotonic(), 0.01))
            assert line is not None, f"ended without {word!r}: {self.lines}"
            self.lines.append(line)
            if word in line:
                found: dict[str, Any] = json.loads(line) if line.startswith("{") else {"message": line}
                return found

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait(self, seconds: float = 30.0) -> int:
        return self.process.wait(seconds)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        self._reader.join(10)
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()


@contextmanager
def process(folder: Path, text: str, *arguments: str, **variables: str) -> Iterator[Process]:
    """Start `ratd` with a configuration; kill it at the end if it still runs."""
    path = folder / "config.toml"
    path.write_text(text)
    made = Process(["--config", str(path), *arguments], environment(folder, **variables))
    try:
        yield made
    finally:
        made.close()


def environment(folder: Path, **variables: str) -> dict[str, str]:
    """Return an environment without keys and without anyone's files."""
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "LANG") if name in os.environ}
    return {**kept, "HOME": str(folder), "SSL_CERT_FILE": "", "OLLAMA_HOST": "", **variables}
