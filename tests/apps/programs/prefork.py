"""A synchronous view in a pre-forking server: every worker uses the gateway that was created before the fork.

Run as `python prefork.py MODEL WORKERS`; it prints its port, and stops its workers at the end of standard input.
"""

import os
import signal
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import parse_qs
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from ratatoskr import Ratatoskr, RatatoskrError, RateLimited, SyncGateway

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


def make_view(gateway: SyncGateway, model: str) -> "WSGIApplication":
    """Return a WSGI application that asks a model."""

    def view(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Stream the answer; a failure before the first word has its own status."""
        question = parse_qs(environ["QUERY_STRING"]).get("question", [""])[0]
        worker = ("X-Worker", str(os.getpid()))
        try:
            stream = gateway.chat_stream(question, model)
        except RateLimited as error:
            start_response("429 Too Many Requests", [worker, ("Retry-After", f"{error.retry_after or 1:.0f}")])
            return [b"too many questions\n"]
        except RatatoskrError as error:
            start_response("502 Bad Gateway", [worker])
            return [f"{error.code}\n".encode()]
        start_response("200 OK", [worker, ("Content-Type", "text/plain; charset=utf-8")])
        with stream:
            return [text.encode() for text in stream.text()]

    return view


class Quiet(WSGIRequestHandler):
    """Writes no line for each request."""

    def log_message(self, format: str, *args: object) -> None:
        """Write nothing."""


def work(server: WSGIServer) -> None:
    """Serve until SIGTERM; a request in progress is answered first."""
    ended: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: ended.append(number))
    server.timeout = 0.1
    while not ended:
        server.handle_request()


def main(model: str, workers: int) -> None:
    """Create the gateway and the socket, fork, serve, and stop the workers at the end of the input."""
    gateway = Ratatoskr.from_env().sync()
    with WSGIServer(("127.0.0.1", 0), Quiet) as server:
        server.set_app(make_view(gateway, model))
        server.socket.setblocking(False)  # another worker may accept first
        children = []
        for _ in range(workers):
            child = os.fork()
            if child == 0:
                work(server)
                sys.exit(0)
            children.append(child)
        print(server.server_port, flush=True)
        sys.stdin.read()
    for child in children:
        os.kill(child, signal.SIGTERM)
        _, status = os.waitpid(child, 0)
        if status:
            sys.exit(f"worker {child} ended with {os.waitstatus_to_exitcode(status)}")
    gateway.close()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
