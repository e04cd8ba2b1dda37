"""The deeds that send far too much: lines without an end, deep nesting, bombs."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

from ratatoskr.testing.faults.body import say
from ratatoskr.testing.faults.context import FaultContext
from ratatoskr.testing.reply import Piece, Reply

_BLOCK = 64 * 1024
_MIB = 1024 * 1024


def endless(scene: FaultContext) -> Reply:
    """Send a line or an event of `size` bytes, or without an end."""
    size, what = scene.options["size"], scene.options["what"]
    reply = scene.right()
    reply.framing, reply.length = "chunked", None
    opening, end = scene.dialect.event_line() if scene.asked.stream else (b'{"text": "', b'"}')
    block, prefix = b"x" * _BLOCK, opening
    if what == "event" and scene.asked.stream:
        block, prefix = (opening + b"x" * 1000 + end) * 60, b""
    elif what == "empty" and scene.asked.stream:
        block, prefix = opening.rstrip() + end, b""
        block *= _BLOCK // len(block)
    reply.body = _repeated(prefix, block, end, size)
    return reply


def _repeated(prefix: bytes, block: bytes, end: bytes, size: float) -> Iterable[Piece]:
    yield prefix or block
    sent = 0
    while sent < size:
        yield block
        sent += len(block)
    yield end


def deep_json(scene: FaultContext) -> Reply:
    """Nest arrays far too deep."""
    depth = scene.options["depth"]
    scene.options = {**scene.options, "text": b'{"deep":' + b"[" * depth + b"]" * depth + b"}"}
    return say(scene)


def bomb(scene: FaultContext) -> Reply:
    """Send a few bytes that unpack to very many, once or twice over."""
    reply = scene.right()
    body: Iterable[bytes] = _spaces_gzipped(scene.options["size"])
    for _ in range(scene.options["layers"] - 1):
        body = _gzipped(body)
    reply.headers["content-encoding"] = ", ".join(["gzip"] * scene.options["layers"])
    reply.body, reply.framing = body, "chunked"
    return reply


def gzipped(scene: FaultContext) -> Reply:
    """Send the right body packed, though nobody asked for it."""
    reply = scene.right()
    reply.headers["content-encoding"] = scene.options["encoding"]
    if scene.options["encoding"] == "gzip":
        reply.body = list(_gzipped([reply.content]))
    return reply


def _gzipped(body: Iterable[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    for piece in body:
        if packed := packer.compress(piece):
            yield packed
    yield packer.flush()


def _spaces_gzipped(size: int) -> Iterator[bytes]:
    """Yield gzip of `size` spaces: one block packed once and repeated, so that it costs the sender nothing.

    The checksum at the end is wrong: nobody should come so far.
    """
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(b" " * _MIB) + packer.flush(zlib.Z_FULL_FLUSH)
    yield b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
    for _ in range(size // _MIB):
        yield block
    yield b"\x03\x00" + bytes(4) + (size & 0xFFFFFFFF).to_bytes(4, "little")
