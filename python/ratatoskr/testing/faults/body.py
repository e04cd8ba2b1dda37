"""The deeds that send another body than the right one, or not all of it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from ratatoskr.testing.faults.context import FaultContext
from ratatoskr.testing.reply import Piece, Reply
from ratatoskr.testing.turns import encode_json

_HTML = b"<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>\n"


def html(scene: FaultContext) -> Reply:
    """Send a page for people."""
    return Reply(scene.options["status"], {"content-type": "text/html; charset=utf-8"}, [_HTML])


def empty(scene: FaultContext) -> Reply:
    """Send a right head and no body."""
    reply = scene.right()
    reply.body, reply.framing = (), "length"
    return reply


def no_content(scene: FaultContext) -> Reply:
    """Answer 204."""
    return Reply(204, framing="none")


def relabel(scene: FaultContext) -> Reply:
    """Send the right body under a wrong label."""
    reply = scene.right()
    reply.headers |= scene.options["headers"]
    return reply


def other_form(scene: FaultContext) -> Reply:
    """Send a document where a stream was asked for, and a stream where a document was."""
    return replace(scene, asked=replace(scene.asked, stream=not scene.asked.stream)).right()


def say(scene: FaultContext) -> Reply:
    """Send other bytes than JSON of the right shape: as the first event, or as the whole document."""
    text: bytes = scene.options["text"]
    reply = scene.right()
    if not scene.asked.stream:
        reply.body = [text]
    else:
        at = reply.first + 1 if scene.options.get("late") else 0
        events = reply.events
        reply.body = [*events[:at], scene.dialect.frame(text), *events[at:]]
    return reply


def error_in_200(scene: FaultContext) -> Reply:
    """Tell an error under status 200: first thing, or after the first piece of content."""
    problem, reply = scene.problem(529), scene.right()
    if not scene.asked.stream:
        reply.body = [encode_json(scene.dialect.error(problem, scene.asked.provider, scene.ids))]
        return reply
    begun = reply.events[: reply.first + 1] if scene.options.get("late") else []
    reply.body = [*begun, scene.dialect.stream_error(problem, scene.asked, scene.ids)]
    return reply


def cut(scene: FaultContext) -> Reply:
    """Send part of the body, and end as the options say."""
    reply, ending, at = scene.right(), scene.options["ending"], scene.options.get("at")
    size = len(reply.content)
    if (events := scene.options.get("events")) is not None:
        at = len(b"".join(reply.events[:events]))
    reply.cut = size // 2 if at is None else at
    reply.ending = ending
    if ending == "clean" and reply.framing == "length":
        reply.length = reply.cut if reply.cut >= 0 else max(0, size + reply.cut)
    return reply


def no_end(scene: FaultContext) -> Reply:
    """Send everything but the dialect's end."""
    reply = scene.right()
    reply.body = reply.events[: reply.last] if scene.asked.stream else [reply.content[:-1]]
    return reply


def truncated_json(scene: FaultContext) -> Reply:
    """Send JSON that stops in the middle, in right framing."""
    reply = scene.right()
    if not scene.asked.stream:
        reply.body = [reply.content[: len(reply.content) // 2]]
        return reply
    events = reply.events
    event = events[reply.first + 1 if reply.first + 1 < reply.last else reply.first].rstrip(b"\n")
    lines = scene.dialect.frame(b"").rpartition(b"\n\n")[1] or b"\n"
    reply.body = [*events[: reply.first + 1], event[: -len(event) // 4] + lines]
    return reply


def stall(scene: FaultContext) -> Reply:
    """Fall silent within the body, or right after the head."""
    reply = scene.right()
    events = reply.events if scene.asked.stream else [reply.content[: len(reply.content) // 2]]
    reply.framing = reply.framing if scene.asked.stream else "length"
    reply.length = None if scene.asked.stream else len(reply.content)
    reply.body = [*(events[: reply.first + 1] if scene.options["late"] else []), math.inf]
    return reply


def only_keep_alives(scene: FaultContext) -> Reply:
    """Go on for ever without getting on: comments, pings, white space."""
    reply = scene.right()
    begun = reply.events[: reply.first + 1] if scene.options["late"] and scene.asked.stream else []
    sign = scene.dialect.keep_alive if scene.asked.stream else b" "
    reply.framing, reply.length = "chunked", None

    def endless() -> Iterator[Piece]:
        yield from begun
        while True:
            yield sign
            yield scene.options["seconds"]

    reply.body = endless()
    return reply


def drip(scene: FaultContext) -> Reply:
    """Send the right body in bits, each its own write, with a pause between them if the options say so."""
    reply, size = scene.right(), scene.options["size"]
    content = reply.content
    reply.body = [content[at : at + size] for at in range(0, len(content), size)]
    reply.pace = scene.options.get("seconds", 0.0)
    return reply


def wrong_length(scene: FaultContext) -> Reply:
    """State another length than the body has."""
    reply = scene.right()
    size = len(reply.content)
    reply.framing = "length"
    reply.length = size + 100 if scene.options["more"] else size // 2
    reply.ending, reply.close = ("end", False) if scene.options["more"] else ("clean", True)
    return reply


def bad_chunk(scene: FaultContext) -> Reply:
    """Send a chunk whose size is no number."""
    reply = scene.right()
    reply.headers["transfer-encoding"] = "chunked"
    head = b"" if not scene.asked.stream else reply.events[0]
    reply.framing, reply.ending = "none", "end"
    reply.body = [b"%x\r\n%b\r\n" % (len(head), head)] * bool(head) + [b"ZZ\r\nhello\r\n0\r\n\r\n"]
    return reply


def with_trailers(scene: FaultContext) -> Reply:
    """Send trailers after the body."""
    reply = scene.right()
    reply.framing, reply.trailers = "chunked", {"x-trailer": "late", "content-length": "5"}
    return reply
