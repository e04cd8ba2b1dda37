"""A response to send: its head, the pieces of its body, and what a fault may change in them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Literal

Piece = bytes | float
"""Bytes that are written and flushed, or seconds to wait; `math.inf` waits until the client closes."""

Ending = Literal["clean", "stale", "end", "reset", "hold"]
"""What happens to the connection after the response: it is kept (`clean`), closed unannounced (`stale`), closed before
the end of the body (`end`), reset (`reset`), or kept open without sending anything (`hold`)."""


@dataclass(slots=True)
class Reply:
    """One response.

    Attributes:
        status: The status code; `None` in a `Reply` that has no head.
        headers: The headers, with names in lower case; `head_bytes` adds those of the framing.
        body: The pieces, each written separately; any iterable, so that it may be endless.
        framing: `chunked`, `length` (counted from the body), `close` (the body ends with the connection) or `none`.
        length: A `content-length` to send instead of the correct one.
        first: The index in `body` of the first piece with content.
        last: The index in `body` of the first piece after the content.
        pace: Seconds before each piece after the first.
        delay: Seconds before the head.
        cut: The number of bytes of the body that are sent before `ending`; a negative number counts from its end.
        ending: What happens to the connection then, or after the complete body.
        prelude: Bytes before the head, such as an interim response.
        head: Raw bytes that replace the head.
        trailers: The trailers, sent after the last chunk.
        gated: Whether each piece after the first waits for `release()` of the upstream.
        close: Whether the connection is closed afterwards, which the head announces.
    """

    status: int | None = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: Iterable[Piece] = ()
    framing: Literal["chunked", "length", "close", "none"] = "length"
    length: int | None = None
    first: int = 0
    last: int = 0
    pace: float = 0.0
    delay: float = 0.0
    cut: int | None = None
    ending: Ending = "clean"
    prelude: bytes = b""
    head: bytes | None = None
    trailers: dict[str, str] = field(default_factory=dict)
    gated: bool = False
    close: bool = False

    @property
    def events(self) -> list[bytes]:
        """The pieces of the body that are bytes, as a new list."""
        return [piece for piece in self.body if isinstance(piece, bytes)]

    @property
    def content(self) -> bytes:
        """The complete body."""
        return b"".join(self.events)

    def head_bytes(self) -> bytes:
        """Return the head with the framing headers; empty if the response has no head."""
        if self.head is not None:
            return self.head
        if self.status is None:
            return b""
        lines = [f"HTTP/1.1 {self.status} {_PHRASES.get(self.status, 'Unknown')}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        if self.length is not None:
            lines.append(f"content-length: {self.length}")
        elif self.framing == "chunked":
            lines.append("transfer-encoding: chunked")
        elif self.framing == "length":
            lines.append(f"content-length: {sum(map(len, self.events))}")
        if self.close or self.framing == "close":
            lines.append("connection: close")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def pieces(self) -> Iterable[Piece]:
        """Return the pieces of the body up to `cut`."""
        if self.cut is None:
            return self.body
        return _cut(self.body, self.cut if self.cut >= 0 else max(0, len(self.content) + self.cut))


_PHRASES = {status.value: status.phrase for status in HTTPStatus}


def _cut(body: Iterable[Piece], left: int) -> Iterable[Piece]:
    for piece in body:
        if isinstance(piece, bytes):
            if len(piece) >= left:
                if left:
                    yield piece[:left]
                return
            left -= len(piece)
        yield piece
