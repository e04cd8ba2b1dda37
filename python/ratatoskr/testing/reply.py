"""A response on its way out: head, body in pieces, and everything a fault may do to them. No dialect, no socket."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Literal

Piece = bytes | float
"""Bytes that are written and flushed, or seconds to wait; `math.inf` waits until the other side closes."""

Ending = Literal["clean", "stale", "end", "reset", "hold"]
"""How the connection is left: usable; closed after a whole answer that did not say so; closed without the body's end;
reset; or open and silent for ever."""


@dataclass(slots=True)
class Reply:
    """One response.

    Attributes:
        status: of the head; `None` in a `Reply` that breaks before any head.
        headers: names in lower case; framing headers are added by `head_bytes`.
        body: pieces, each its own write; any iterable, so that it may be endless.
        framing: `chunked`, `length` (known from the body), `close` (the connection's end is the body's end), `none`.
        length: a `content-length` to state instead of the true one.
        first: index in `body` of the first piece that carries content.
        last: index in `body` of the first piece that belongs to the end.
        pace: seconds before each piece after the first.
        delay: seconds before the head.
        cut: how many bytes of the body are sent before `ending`; negative counts from its end.
        ending: what happens then, or after the whole body.
        prelude: bytes before the head, such as an interim response.
        head: raw bytes instead of the head that status and headers make.
        trailers: sent after the last chunk.
        gated: whether each piece after the first waits for `release()` of the upstream.
        close: whether the connection is closed afterwards, as the head says.
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
        """The pieces of the body that are bytes, as a list of its own."""
        return [piece for piece in self.body if isinstance(piece, bytes)]

    @property
    def content(self) -> bytes:
        """The whole body."""
        return b"".join(self.events)

    def head_bytes(self) -> bytes:
        """Return the head, framing headers included; nothing where the response breaks before it."""
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
        """Return the body as far as `cut` lets it through."""
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
