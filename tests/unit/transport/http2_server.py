"""An HTTP/2 server on TLS, on top of the server of raw bytes."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable

import h2.config
import h2.connection
import h2.events
import trustme

from unit.transport.raw_server import Peer, RawServer

SSE = [(":status", "200"), ("content-type", "text/event-stream")]
JSON = [(":status", "200"), ("content-type", "application/json")]


class Http2:
    """The server's side of one connection; `answer` is called with the path once a request is whole."""

    def __init__(self, peer: Peer, answer: Callable[[Http2, int, str], Awaitable[None]]) -> None:
        self.peer = peer
        self.answer = answer
        self.state = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        self.resets: list[int] = []
        self.paths: dict[int, str] = {}

    async def flush(self) -> None:
        await self.peer.send(self.state.data_to_send())

    async def whole(self, stream: int, body: bytes = b"{}") -> None:
        self.state.send_headers(stream, JSON)
        self.state.send_data(stream, body, end_stream=True)
        await self.flush()

    async def part(self, stream: int, data: bytes) -> None:
        if stream not in self.resets:
            self.state.send_data(stream, data)
            await self.flush()

    async def serve(self) -> None:
        self.state.initiate_connection()
        await self.flush()
        tasks: list[asyncio.Future[None]] = []
        try:
            while data := await self.peer.reader.read(65536):
                for event in self.state.receive_data(data):
                    if isinstance(event, h2.events.RequestReceived):
                        self.paths[event.stream_id] = dict(event.headers)[b":path"].decode()
                    elif isinstance(event, h2.events.DataReceived):
                        self.state.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                    elif isinstance(event, h2.events.StreamReset):
                        self.resets.append(event.stream_id)
                    elif isinstance(event, h2.events.StreamEnded):
                        path = self.paths[event.stream_id]
                        tasks.append(asyncio.ensure_future(self.answer(self, event.stream_id, path)))
                await self.flush()
                self.peer.server.note(lambda: None)
        finally:
            for task in tasks:
                task.cancel()


class Upstream(RawServer):
    """An HTTP/2 server on TLS."""

    def __init__(self, authority: trustme.CA, answer: Callable[[Http2, int, str], Awaitable[None]]) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        context.set_alpn_protocols(["h2", "http/1.1"])
        self.connections: list[Http2] = []

        async def script(peer: Peer) -> None:
            connection = Http2(peer, answer)
            self.note(lambda: self.connections.append(connection))
            await connection.serve()

        super().__init__(script, tls=context)
