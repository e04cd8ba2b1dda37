"""A scripted upstream in its own process, so that measurements of this process are of the client alone.

`UpstreamProcess` starts this file as a program and sends it commands, one JSON object a line.
"""

from __future__ import annotations

import asyncio
import json
import math
import random
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from ratatoskr.testing import ScriptedTurn, ScriptedUpstream, fault
from ratatoskr.testing.connection import Received
from ratatoskr.testing.faults.table import Fault
from ratatoskr.testing.upstream import Step, StepFunction

KINDS = ("compatible", "openai", "anthropic", "google", "ollama", "openrouter", "huggingface")


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """A request as the upstream received it; the times are of the monotonic clock, which all processes share."""

    prompt: str
    started_at: float
    closed_at: float | None
    finished: bool


class UpstreamProcess:
    """Runs within its `with` block.

    Args:
        script: A name in `SCRIPTS`; default: the default turn answers every request.
        keep: The number of requests that it keeps for `requests()`.
    """

    def __init__(self, script: str = "", keep: int = 0) -> None:
        self._arguments = [script, str(keep)]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, __file__, *self._arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._addresses: dict[str, Any] = self._read_line()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        status = self._process.wait(30)
        self._process.stdout.close()
        assert kind is not None or status == 0, "the upstream's script failed; see above"

    def base_url(self, provider: str) -> str:
        """Return the base URL of a provider, for a client."""
        return str(self._addresses[provider])

    @property
    def silent(self) -> str:
        """An https address that accepts connections and never sends anything."""
        return str(self._addresses["silent"])

    def _read_line(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())

    def _command(self, **fields: Any) -> Any:
        assert self._process.stdin is not None
        print(json.dumps(fields), file=self._process.stdin, flush=True)
        return self._read_line()

    def fault(self, name: str, text: str = "", **options: Any) -> None:
        """Answer every request with a fault from now on; "" answers them normally."""
        self._command(do="fault", name=name, text=text, options=options)

    def state(self) -> dict[str, int]:
        """Return the number of requests and of open connections, silent ones included."""
        found: dict[str, int] = self._command(do="state")
        return found

    def requests(self) -> list[SeenRequest]:
        """Return the requests that were kept."""
        return [SeenRequest(*one) for one in self._command(do="requests")]

    def silent_closed_at(self) -> list[float]:
        """Return when each connection to the silent address was closed."""
        found: list[float] = self._command(do="silent")
        return found

    async def until(self, holds: Callable[[dict[str, int]], bool], patience: float = 10.0) -> dict[str, int]:
        """Wait until `holds(state)` is true or `patience` has passed; return the state."""
        ends = time.monotonic() + patience
        while True:
            state = self.state()
            if holds(state) or time.monotonic() > ends:
                return state
            await asyncio.sleep(0.01)


# in the other process

_STAGES: dict[str, Step] = {
    "slow": ScriptedTurn([f"{number} " for number in range(24)], delay=0.015, pace=0.002),
    "stall": fault("stall_before_head", times=None),
    "later": fault("status_429", times=None, headers={"retry-after": "20"}),
    "unknown": fault("unknown_model", times=None),
}


def _answer_by_model(request: Received) -> Step:
    """Answer as the name of the model says."""
    assert request.asked is not None
    return _STAGES[request.asked.model]


def _answer_with_numbers(request: Received) -> Step:
    """Answer with numbered deltas; the prompt has their count, their length and the pause between them."""
    assert request.asked is not None
    count, size, pace = request.asked.prompt.split()
    return ScriptedTurn([f"{number} ".ljust(int(size), ".") for number in range(int(count))], pace=float(pace))


_FAULTS = (
    "server_error",
    "rate_limited_zero",
    "accept_reset",
    "reset_before_head",
    "end_before_head",
    "garbage_head",
    "cut_head",
    "cut_reset",
    "cut_end",
    "cut_clean",
    "bad_json",
    "bad_json_late",
    "truncated_json",
    "error_in_200",
    "error_in_stream",
    "bad_request",
    "html",
    "unasked_gzip",
    "bad_chunk",
    "stale",
    "close_after",
)
_chance = random.Random(20261123)
_SHORT = ScriptedTurn("It carries words up and down.", deltas=6)


def _answer_with_faults(request: Received) -> Step:
    """Answer one request in twenty with a fault."""
    if _chance.random() < 1 / 20:
        return fault(_chance.choice(_FAULTS), turn=_SHORT)
    return _SHORT


SCRIPTS: dict[str, StepFunction] = {
    "stages": _answer_by_model,
    "numbered": _answer_with_numbers,
    "faulty": _answer_with_faults,
}


class _SilentConnection(asyncio.Protocol):
    """A connection on which nothing is ever sent."""

    closed: list[float] = []  # noqa: RUF012  # shared by all connections
    open = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        _SilentConnection.open += 1

    def connection_lost(self, exc: Exception | None) -> None:
        _SilentConnection.open -= 1
        _SilentConnection.closed.append(time.monotonic())


class _UpstreamProgram:
    def __init__(self, upstream: ScriptedUpstream) -> None:
        self.upstream = upstream

    async def serve(self, silent_port: int) -> None:
        _write_line(
            {kind: self.upstream.base_url(kind) for kind in KINDS} | {"silent": f"https://127.0.0.1:{silent_port}"}
        )
        lines = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
        while line := await lines.readline():
            command = json.loads(line)
            _write_line(await getattr(self, command.pop("do"))(**command))

    async def fault(self, name: str, text: str, options: dict[str, Any]) -> None:
        made: Fault | None = None
        if name:
            turn = ScriptedTurn(text, deltas=16) if text else None
            options = {key: math.inf if value is None else value for key, value in options.items()}
            made = fault(name, times=None, turn=turn, **options)
        await self.upstream.use(made if made is not None else ())

    async def state(self) -> dict[str, int]:
        return {"count": self.upstream.count, "open": self.upstream.open_connections + _SilentConnection.open}

    async def requests(self) -> list[Any]:
        return [
            (one.asked.prompt if one.asked is not None else "", one.started_at, one.closed_at, one.finished)
            for one in self.upstream.requests
        ]

    async def silent(self) -> list[float]:
        return sorted(_SilentConnection.closed)


def _write_line(fields: Any) -> None:
    print(json.dumps(fields), flush=True)


async def _main(script: str, keep: int) -> None:
    silent = await asyncio.get_running_loop().create_server(_SilentConnection, "127.0.0.1", 0, backlog=1024)
    async with ScriptedUpstream(SCRIPTS.get(script, ()), keep=keep) as upstream:
        await _UpstreamProgram(upstream).serve(silent.sockets[0].getsockname()[1])
    silent.close()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], int(sys.argv[2])))
