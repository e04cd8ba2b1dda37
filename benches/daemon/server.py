"""A server of the bench in a process of its own: the daemon over a constant provider, or an echo of the same octets.

`python -m daemon.server ratd`, or `python -m daemon.server echo ANSWER EVENT` with both in hexadecimal. Both print
their port, serve on uvloop on the first core, and end with their standard input.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import grpc
import uvloop

from daemon.load import EVENTS, PACE, SERVER_CORE, pin
from ratatoskr.backend.direct import DirectBackend
from ratatoskr.backend.settings import Settings
from ratatoskr.gateway.embedded import EmbeddedGateway
from ratatoskr.service.daemon.call_log import CallLog
from ratatoskr.service.daemon.daemon import Daemon
from ratatoskr.service.daemon.setup import Setup, load_setup
from ratatoskr.service.methods import SERVICE
from ratatoskr.service.server.listen import SERVER_OPTIONS
from ratatoskr.types.accumulator import ResponseBuilder
from ratatoskr.types.chat import ChatRequest, ChatResponse
from ratatoskr.types.event import ChatEvent, ContentDelta, Done
from ratatoskr.types.message import Message
from ratatoskr.types.part import TextPart
from ratatoskr.types.usage import Usage

TEXT = (
    "The squirrel carries messages up and down the ash, from the eagle to the wyrm, and it does so all day long "
    "without rest, in rain and snow. "
) * 4
CONFIG = """
[providers.house]
base_url = "http://127.0.0.1:9/v1"
[[listeners]]
address = "127.0.0.1:0"
[server.limits]
streams = 512
client_streams = 512
"""
ANSWER: ChatResponse[Any] = ChatResponse(
    Message("assistant", (TextPart(TEXT),)),
    usage=Usage(input_tokens=12, output_tokens=34),
    finish_reason="stop",
    native_finish_reason="stop",
    provider="house",
    model="m-2026-01-01",
    request_id="req_0123456789abcdef",
)
DELTA = ContentDelta(" squirrel")
LARGE = ContentDelta("squirrel" * 1024)


class _Source:
    """The events of one stream: at once, or one every `PACE` seconds; `runs` of them come together."""

    provider = "house"
    request_id = "req_0123456789abcdef"

    def __init__(self, event: ContentDelta, count: float, together: int, pace: float) -> None:
        self._batch: list[ChatEvent] = [event] * together
        self._left = count
        self._together = together
        self._pace = pace
        self._builder = ResponseBuilder()
        self._builder.provider = self.provider
        self._due = asyncio.get_running_loop().time()

    async def batch(self) -> list[ChatEvent]:
        if self._left <= 0:
            done = Done("stop")
            self._builder.add(done)
            return [done]
        if self._pace:
            self._due += self._pace
            await asyncio.sleep(self._due - asyncio.get_running_loop().time())
        else:
            await asyncio.sleep(0)
        self._left -= self._together
        return self._batch

    def response(self) -> ChatResponse[Any]:
        return self._builder.response()

    def close(self) -> None: ...


STREAMS: dict[str, tuple[ContentDelta, float, int, float]] = {
    "alone": (DELTA, EVENTS, 1, 0.0),
    "tens": (DELTA, EVENTS, 10, 0.0),
    "paced": (DELTA, EVENTS, 1, PACE),
    "endless": (LARGE, float("inf"), 1, 0.0),
}
"""The models that stream."""


class _Constant:
    """A provider that has its answer already."""

    name = "house"

    async def chat(self, request: ChatRequest, call: Any) -> ChatResponse[Any]:
        return ANSWER

    async def open(self, request: ChatRequest, call: Any) -> _Source:
        return _Source(*STREAMS[call.model])


class _NoTransport:
    loop_bound = False

    async def aclose(self) -> None: ...


def _gateway(_: Any, reuse: Any = None) -> EmbeddedGateway:
    return EmbeddedGateway(DirectBackend({"house": _Constant()}, _NoTransport(), Settings()))  # type: ignore[dict-item,arg-type]  # what these need


def load(listeners: Any = ()) -> Setup:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "config.toml")
        path.write_text(CONFIG)
        return load_setup(path, listeners=listeners)


async def serve_daemon() -> int:
    daemon = Daemon(load(), load, make_gateway=_gateway, log=CallLog("json"))
    await daemon.start()
    gc.set_threshold(50_000)  # as `ratd` does
    gc.freeze()
    return daemon.doors[0].port


async def serve_echo(answer: bytes, event: bytes) -> int:
    async def unary(request: bytes, context: Any) -> bytes:
        return answer

    async def stream(request: bytes, context: Any) -> None:
        for _ in range(EVENTS):
            await context.write(event)

    async def paced(request: bytes, context: Any) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        for _ in range(EVENTS):
            due += PACE
            await asyncio.sleep(due - loop.time())
            await context.write(event)

    server = grpc.aio.server(options=list(SERVER_OPTIONS.items()))
    handlers = {
        "Chat": grpc.unary_unary_rpc_method_handler(unary),
        "ChatStream": grpc.unary_stream_rpc_method_handler(stream),
        "Paced": grpc.unary_stream_rpc_method_handler(paced),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    port = int(server.add_insecure_port("127.0.0.1:0"))
    await server.start()
    _keep.append(server)
    return port


_keep: list[Any] = []


async def main() -> None:
    kind, *octets = sys.argv[1:]
    port = await (serve_daemon() if kind == "ratd" else serve_echo(*map(bytes.fromhex, octets)))
    print(port, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    os._exit(0)


if __name__ == "__main__":
    pin(SERVER_CORE)
    uvloop.run(main())
