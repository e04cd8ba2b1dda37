"""A scripted upstream in a process of its own, so that what is measured here is the client alone.

`Served` starts this file as a program and tells it, line by line in JSON, what to do.
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
from ratatoskr.testing.upstream import Decider, Step

KINDS = ("compatible", "openai", "anthropic", "google", "ollama", "openrouter", "huggingface")


@dataclass(frozen=True, slots=True)
class Told:
    """A request as the upstream saw it; times are of the machine's monotonic clock, which all processes share."""

    prompt: str
    started_at: float
    closed_at: float | None
    finished: bool


class Served:
    """Runs while its block does.

    Args:
        script: a name in `SCRIPTS`; left out, everything is answered sensibly.
        keep: how many requests it remembers for `requests()`.
    """

    def __init__(self, script: str = "", keep: int = 0) -> None:
        self._arguments = [script, str(keep)]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, __file__, *self._arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._addresses: dict[str, Any] = self._hear()
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
        """Return what to give a client as the base URL of a provider."""
        return str(self._addresses[provider])

    @property
    def mute(self) -> str:
        """An https address that takes connections and never says a word."""
        return str(self._addresses["mute"])

    def _hear(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())

    def _ask(self, **what: Any) -> Any:
        assert self._process.stdin is not None
        print(json.dumps(what), file=self._process.stdin, flush=True)
        return self._hear()

    def fault(self, name: str, text: str = "", **options: Any) -> None:
        """Let every request from now on meet a fault; nothing lets all be answered."""
        self._ask(do="fault", name=name, text=text, options=options)

    def state(self) -> dict[str, int]:
        """Return how many requests there were, and how many connections are open, muted ones too."""
        found: dict[str, int] = self._ask(do="state")
        return found

    def requests(self) -> list[Told]:
        """Return the requests that are remembered."""
        return [Told(*one) for one in self._ask(do="requests")]

    def mute_closed(self) -> list[float]:
        """Return when each connection to the mute address was closed."""
        found: list[float] = self._ask(do="mute")
        return found

    async def until(self, holds: Callable[[dict[str, int]], bool], patience: float = 10.0) -> dict[str, int]:
        """Wait until something holds of its state; return the state, whether or not it does."""
        ends = time.monotonic() + patience
        while True:
            state = self.state()
            if holds(state) or time.monotonic() > ends:
                return state
            await asyncio.sleep(0.01)


# in the process of its own

_STAGES: dict[str, Step] = {
    "slow": ScriptedTurn([f"{number} " for number in range(24)], delay=0.015, pace=0.002),
    "stall": fault("stall_before_head", times=None),
    "later": fault("status_429", times=None, headers={"retry-after": "20"}),
    "unknown": fault("unknown_model", times=None),
}


def _stages(request: Received) -> Step:
    """Answer as the model's name says."""
    assert request.asked is not None
    return _STAGES[request.asked.model]


def _numbered(request: Received) -> Step:
    """Answer with so many deltas, each with its number, so long and so far apart as the prompt says."""
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
_lot = random.Random(20261123)
_SHORT = ScriptedTurn("It carries words up and down.", deltas=6)


def _wild(request: Received) -> Step:
    """Let one request of twenty meet a fault."""
    if _lot.random() < 1 / 20:
        return fault(_lot.choice(_FAULTS), turn=_SHORT)
    return _SHORT


SCRIPTS: dict[str, Decider] = {"stages": _stages, "numbered": _numbered, "wild": _wild}


class _Mute(asyncio.Protocol):
    """A connection on which nothing is ever said."""

    closed: list[float] = []  # noqa: RUF012  # one log for all of them
    open = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        _Mute.open += 1

    def connection_lost(self, exc: Exception | None) -> None:
        _Mute.open -= 1
        _Mute.closed.append(time.monotonic())


class _Program:
    def __init__(self, upstream: ScriptedUpstream) -> None:
        self.upstream = upstream

    async def serve(self, mute: int) -> None:
        _say({kind: self.upstream.base_url(kind) for kind in KINDS} | {"mute": f"https://127.0.0.1:{mute}"})
        lines = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
        while line := await lines.readline():
            order = json.loads(line)
            _say(await getattr(self, order.pop("do"))(**order))

    async def fault(self, name: str, text: str, options: dict[str, Any]) -> None:
        made: Fault | None = None
        if name:
            turn = ScriptedTurn(text, deltas=16) if text else None
            options = {key: math.inf if value is None else value for key, value in options.items()}
            made = fault(name, times=None, turn=turn, **options)
        await self.upstream.use(made if made is not None else ())

    async def state(self) -> dict[str, int]:
        return {"count": self.upstream.count, "open": self.upstream.open_connections + _Mute.open}

    async def requests(self) -> list[Any]:
        return [
            (one.asked.prompt if one.asked is not None else "", one.started_at, one.closed_at, one.finished)
            for one in self.upstream.requests
        ]

    async def mute(self) -> list[float]:
        return sorted(_Mute.closed)


def _say(what: Any) -> None:
    print(json.dumps(what), flush=True)


async def _main(script: str, keep: int) -> None:
    quiet = await asyncio.get_running_loop().create_server(_Mute, "127.0.0.1", 0, backlog=1024)
    async with ScriptedUpstream(SCRIPTS.get(script, ()), keep=keep) as upstream:
        await _Program(upstream).serve(quiet.sockets[0].getsockname()[1])
    quiet.close()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], int(sys.argv[2])))
