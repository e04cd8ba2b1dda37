"""A daemon in a thread of this process, so that the suite can be asked of a gateway over each kind of connection."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from pathlib import Path
from typing import Any

import grpc
import trustme

from ratatoskr.service.client.client import ServiceClient
from ratatoskr.service.server.call import Call, Caller, ServerHooks
from ratatoskr.service.server.listen import add_listener, make_server
from ratatoskr.service.server.service import Service

WAYS = ("tcp", "unix", "mtls")
TOKEN = "a-token-of-the-tests-5c1f"


class AdminHooks(ServerHooks):
    """Knows one caller, who may do everything."""

    def authenticate(self, call: Call) -> Caller:
        """Return the administrator."""
        return Caller("admin", admin=True)


class Daemon:
    """Serves a backend until it is stopped.

    Args:
        backend: of the gateway to serve.
        way: `tcp`, `unix` or `mtls`.
        hooks: an administrator's, unless they are given.
    """

    def __init__(self, backend: Any, way: str = "tcp", hooks: ServerHooks | None = None) -> None:
        self.service = Service(backend, hooks or AdminHooks())
        self._way = way
        self._folder = tempfile.TemporaryDirectory(prefix="ratd")
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._ended = asyncio.Event()
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        server = make_server(self.service)
        self.socket = f"unix:{self._folder.name}/s"
        address = self.socket if self._way == "unix" else "127.0.0.1:0"
        self.port = add_listener(server, address, _server_credentials() if self._way == "mtls" else None)
        await server.start()
        self._ready.set()
        await self._ended.wait()
        await server.stop(None)

    @property
    def url(self) -> str:
        """Its address."""
        scheme = {"tcp": "http", "mtls": "https"}.get(self._way)
        return self.socket if scheme is None else f"{scheme}://127.0.0.1:{self.port}"

    def client(self, **arguments: Any) -> ServiceClient:
        """Return a client of it."""
        if self._way == "mtls":
            folder = Path(self._folder.name)
            for name, part in zip(("ca", "cert", "key"), _client_files(), strict=True):
                (folder / name).write_bytes(part)
                arguments[name] = folder / name
        return ServiceClient(self.url, **arguments)

    def stop(self) -> None:
        """Stop it and wait for it."""
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(10)
        self._folder.cleanup()


_authority: trustme.CA | None = None


def _ca() -> trustme.CA:
    global _authority
    if _authority is None:
        _authority = trustme.CA()
    return _authority


def _server_credentials() -> Any:
    mine = _ca().issue_cert("localhost", "127.0.0.1")
    pair = (mine.private_key_pem.bytes(), b"".join(one.bytes() for one in mine.cert_chain_pems))
    return grpc.ssl_server_credentials([pair], _ca().cert_pem.bytes(), require_client_auth=True)


def _client_files() -> tuple[bytes, bytes, bytes]:
    mine = _ca().issue_cert("a-client.test")
    chain = b"".join(one.bytes() for one in mine.cert_chain_pems)
    return _ca().cert_pem.bytes(), chain, mine.private_key_pem.bytes()


started: list[Daemon] = []
"""The daemons of the present test."""


def start(backend: Any, way: str) -> Daemon:
    """Start a daemon, which is stopped at the end of the test."""
    daemon = Daemon(backend, way)
    started.append(daemon)
    return daemon
