"""Faults that send too much: endless lines, deep nesting, compression bombs."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

from ratatoskr.testing.faults.body import replace_json
from ratatoskr.testing.faults.context import FaultContext
from ratatoskr.testing.reply import Piece, Reply

_BLOCK = 64 * 1024
_MIB = 1024 * 1024


def send_endless(context: FaultContext) -> Reply:
    """Send a line or an event of `size` bytes, which may be infinite."""
    size, what = context.options["size"], context.options["what"]
    reply = context.correct_reply()
    reply.framing, reply.length = "chunked", None
    opening, end = context.dialect.event_line() if context.request.stream else (b'{"text": "', b'"}')
    block, prefix = b"x" * _BLOCK, opening
    if what == "event" and context.request.stream:
        block, prefix = (opening + b"x" * 1000 + end) * 60, b""
    elif what == "empty" and context.request.stream:
        block, prefix = opening.rstrip() + end, b""
        block *= _BLOCK // len(block)
    reply.body = _repeat(prefix, block, end, size)
    return reply


def _repeat(prefix: bytes, block: bytes, end: bytes, size: float) -> Iterable[Piece]:
    yield prefix or block
    sent = 0
    while sent < size:
        yield block
        sent += len(block)
    yield end


def nest_json(context: FaultContext) -> Reply:
    """Send arrays that are nested too deeply."""
    depth = context.options["depth"]
    context.options = {**context.options, "text": b'{"deep":' + b"[" * depth + b"]" * depth + b"}"}
    return replace_json(context)


def send_bomb(context: FaultContext) -> Reply:
    """Send a small body that decompresses to a huge one, compressed `layers` times."""
    reply = context.correct_reply()
    body: Iterable[bytes] = _gzip_spaces(context.options["size"])
    for _ in range(context.options["layers"] - 1):
        body = _gzip(body)
    reply.headers["content-encoding"] = ", ".join(["gzip"] * context.options["layers"])
    reply.body, reply.framing = body, "chunked"
    return reply


def compress(context: FaultContext) -> Reply:
    """Send the correct body compressed, although the request does not accept that."""
    reply = context.correct_reply()
    reply.headers["content-encoding"] = context.options["encoding"]
    if context.options["encoding"] == "gzip":
        reply.body = list(_gzip([reply.content]))
    return reply


def _gzip(body: Iterable[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    for piece in body:
        if packed := packer.compress(piece):
            yield packed
    yield packer.flush()


def _gzip_spaces(size: int) -> Iterator[bytes]:
    """Yield `size` spaces in gzip: one block, compressed once and repeated, which costs the sender little.

    The checksum at the end is wrong: no client should read so far.
    """
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(b" " * _MIB) + packer.flush(zlib.Z_FULL_FLUSH)
    yield b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
    for _ in range(size // _MIB):
        yield block
    yield b"\x03\x00" + bytes(4) + (size & 0xFFFFFFFF).to_bytes(4, "little")
