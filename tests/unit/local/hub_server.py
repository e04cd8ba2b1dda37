"""A hub on loopback: lists and serves a model's files as the real one does, and misbehaves on demand."""

from __future__ import annotations

import hashlib
import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from ratatoskr.local import ModelStore

COMMIT = "0123456789abcdef0123456789abcdef01234567"
WEIGHTS = "model.safetensors"
LARGE = {WEIGHTS}
BGE = "BAAI/bge-small-en-v1.5"
CUSTOM = "somebody/custom"


class Hub(ThreadingHTTPServer):
    """Serves folders by repository.

    Attributes:
        faults: file name to what goes wrong with it: `wrong`, `cut`, `cut-always`, `missing`, `silent`, `elsewhere`,
            `moved`, `long`, `drip`, a status, or `to ADDRESS` for a redirect there.
        requests: path and headers of every request, in order.
        drops: with `drip`, acquired once for each byte that is sent.
    """

    daemon_threads = True

    def __init__(self, repositories: dict[str, Path]) -> None:
        super().__init__(("127.0.0.1", 0), _Door)
        self.repositories = repositories
        self.faults: dict[str, str] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.drops = threading.Semaphore(0)
        self.stop_waiting = threading.Event()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing for clients that disconnect in the middle: some are killed."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def asked_for(self, name: str) -> list[dict[str, str]]:
        """Return the headers of the requests for a file."""
        return [headers for path, headers in self.requests if path.endswith(name)]


class _Door(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Print nothing."""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.server.requests.append((path, {name.lower(): value for name, value in self.headers.items()}))
        repository = next((name for name in self.server.repositories if f"/{name}" in path), None)
        if repository is None:
            self._answer(404, b'{"error":"Repository not found"}', {"x-error-code": "RepoNotFound"})
        elif path.startswith("/api/models/"):
            self._answer(200, json.dumps(self._info(repository)).encode(), {"content-type": "application/json"})
        else:
            self._file(self.server.repositories[repository], path.split(f"/resolve/{COMMIT}/", 1)[-1], path)

    def _info(self, repository: str) -> dict[str, Any]:
        folder = self.server.repositories[repository]
        siblings = []
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            data = path.read_bytes()
            entry: dict[str, Any] = {"rfilename": str(path.relative_to(folder)), "size": len(data)}
            entry["blobId"] = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
            if path.name in LARGE:
                entry["lfs"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
            siblings.append(entry)
        return {"id": repository, "modelId": repository, "sha": COMMIT, "siblings": siblings, "tags": []}

    def _file(self, folder: Path, name: str, path: str) -> None:
        fault = self.server.faults.get(name, "")
        if fault == "missing":
            return self._answer(404, b"not found")
        if fault.isdigit():
            return self._answer(int(fault), b"refused", {"retry-after": "17"})
        if fault == "elsewhere":
            return self._answer(302, b"", {"location": "http://192.0.2.1/file"})
        if fault.startswith("to "):
            return self._answer(302, b"", {"location": fault[3:]})
        if fault == "moved" and not path.startswith("/moved"):
            return self._answer(302, b"", {"location": f"/moved{path}"})
        data = (folder / name).read_bytes()
        if fault == "wrong":
            data = data[:-1] + bytes([data[-1] ^ 1])
        elif fault == "long":
            data += b"more"
        start = int(self.headers.get("range", "bytes=0-")[6:-1])
        rest = data[start:]
        head = {"content-range": f"bytes {start}-{len(data) - 1}/{len(data)}"} if start else {}
        cut = fault == "cut-always" or (fault == "cut" and not start)
        sent = rest[: len(rest) // 2] if cut or fault == "silent" else rest
        if fault == "drip":
            return self._drip(data)
        self._answer(206 if start else 200, sent, head, length=len(rest))
        if fault == "silent":
            self.server.stop_waiting.wait(20)
        if cut or fault == "silent":
            self.close_connection = True
        return None

    def _drip(self, data: bytes) -> None:
        """Send byte after byte, each after `drops` is released."""
        self._answer(200, b"", length=len(data))
        for byte in data:
            if not self.server.drops.acquire(timeout=20):
                self.close_connection = True
                return
            self.wfile.write(bytes([byte]))
            self.wfile.flush()

    def _answer(self, status: int, body: bytes, head: dict[str, str] | None = None, length: int | None = None) -> None:
        self.send_response(status)
        for name, value in (head or {}).items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()


@contextmanager
def hub(repositories: dict[str, Path]) -> Iterator[Hub]:
    """Run a hub for the block."""
    server = Hub(repositories)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.stop_waiting.set()
        server.shutdown()
        thread.join()
        server.server_close()


def nothing_in(store: ModelStore) -> bool:
    """Return whether the store holds no file at all."""
    left = [path for path in store.root.rglob("*") if path.is_file()] if store.root.is_dir() else []
    return store.list() == [] and left == []
