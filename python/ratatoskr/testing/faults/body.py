"""Faults of the body: another one than the correct one, or not all of it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from ratatoskr.testing.faults.context import FaultContext
from ratatoskr.testing.reply import Piece, Reply
from ratatoskr.testing.turns import encode_json

_HTML = b"<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>\n"


def send_html(context: FaultContext) -> Reply:
    """Send an HTML page."""
    return Reply(context.options["status"], {"content-type": "text/html; charset=utf-8"}, [_HTML])


def send_empty_body(context: FaultContext) -> Reply:
    """Send the correct head and an empty body."""
    reply = context.correct_reply()
    reply.body, reply.framing = (), "length"
    return reply


def send_no_content(context: FaultContext) -> Reply:
    """Send status 204."""
    return Reply(204, framing="none")


def relabel(context: FaultContext) -> Reply:
    """Send the correct body with a wrong content type."""
    reply = context.correct_reply()
    reply.headers |= context.options["headers"]
    return reply


def swap_form(context: FaultContext) -> Reply:
    """Send a document instead of a stream, and a stream instead of a document."""
    return replace(context, request=replace(context.request, stream=not context.request.stream)).correct_reply()


def replace_json(context: FaultContext) -> Reply:
    """Send the bytes of the options as an event, or as the document."""
    text: bytes = context.options["text"]
    reply = context.correct_reply()
    if not context.request.stream:
        reply.body = [text]
    else:
        at = reply.first + 1 if context.options.get("late") else 0
        events = reply.events
        reply.body = [*events[:at], context.dialect.frame(text), *events[at:]]
    return reply


def send_error_in_200(context: FaultContext) -> Reply:
    """Send an error with status 200: at once, or after the first content."""
    problem, reply = context.make_problem(529), context.correct_reply()
    if not context.request.stream:
        reply.body = [encode_json(context.dialect.error_body(problem, context.request.provider, context.ids))]
        return reply
    begun = reply.events[: reply.first + 1] if context.options.get("late") else []
    reply.body = [*begun, context.dialect.stream_error(problem, context.request, context.ids)]
    return reply


def cut(context: FaultContext) -> Reply:
    """Send a part of the body, and end the connection as the options say."""
    reply, ending, at = context.correct_reply(), context.options["ending"], context.options.get("at")
    size = len(reply.content)
    if (events := context.options.get("events")) is not None:
        at = len(b"".join(reply.events[:events]))
    reply.cut = size // 2 if at is None else at
    reply.ending = ending
    if ending == "clean" and reply.framing == "length":
        reply.length = reply.cut if reply.cut >= 0 else max(0, size + reply.cut)
    return reply


def omit_end(context: FaultContext) -> Reply:
    """Send everything except the end of the dialect's stream or document."""
    reply = context.correct_reply()
    reply.body = reply.events[: reply.last] if context.request.stream else [reply.content[:-1]]
    return reply


def truncate_json(context: FaultContext) -> Reply:
    """Send truncated JSON in correct framing."""
    reply = context.correct_reply()
    if not context.request.stream:
        reply.body = [reply.content[: len(reply.content) // 2]]
        return reply
    events = reply.events
    event = events[reply.first + 1 if reply.first + 1 < reply.last else reply.first].rstrip(b"\n")
    lines = context.dialect.frame(b"").rpartition(b"\n\n")[1] or b"\n"
    reply.body = [*events[: reply.first + 1], event[: -len(event) // 4] + lines]
    return reply


def stall(context: FaultContext) -> Reply:
    """Stop sending within the body, or after the head."""
    reply = context.correct_reply()
    events = reply.events if context.request.stream else [reply.content[: len(reply.content) // 2]]
    reply.framing = reply.framing if context.request.stream else "length"
    reply.length = None if context.request.stream else len(reply.content)
    reply.body = [*(events[: reply.first + 1] if context.options["late"] else []), math.inf]
    return reply


def send_keep_alives(context: FaultContext) -> Reply:
    """Send keep-alives without end: comments, pings or white space."""
    reply = context.correct_reply()
    begun = reply.events[: reply.first + 1] if context.options["late"] and context.request.stream else []
    sign = context.dialect.keep_alive if context.request.stream else b" "
    reply.framing, reply.length = "chunked", None

    def endless() -> Iterator[Piece]:
        yield from begun
        while True:
            yield sign
            yield context.options["seconds"]

    reply.body = endless()
    return reply


def drip(context: FaultContext) -> Reply:
    """Send the correct body in small writes, with a pause between them if the options have one."""
    reply, size = context.correct_reply(), context.options["size"]
    content = reply.content
    reply.body = [content[at : at + size] for at in range(0, len(content), size)]
    reply.pace = context.options.get("seconds", 0.0)
    return reply


def misstate_length(context: FaultContext) -> Reply:
    """Send a wrong content length."""
    reply = context.correct_reply()
    size = len(reply.content)
    reply.framing = "length"
    reply.length = size + 100 if context.options["more"] else size // 2
    reply.ending, reply.close = ("end", False) if context.options["more"] else ("clean", True)
    return reply


def send_bad_chunk(context: FaultContext) -> Reply:
    """Send a chunk whose size is not a number."""
    reply = context.correct_reply()
    reply.headers["transfer-encoding"] = "chunked"
    head = b"" if not context.request.stream else reply.events[0]
    reply.framing, reply.ending = "none", "end"
    reply.body = [b"%x\r\n%b\r\n" % (len(head), head)] * bool(head) + [b"ZZ\r\nhello\r\n0\r\n\r\n"]
    return reply


def add_trailers(context: FaultContext) -> Reply:
    """Send trailers after the correct body."""
    reply = context.correct_reply()
    reply.framing, reply.trailers = "chunked", {"x-trailer": "late", "content-length": "5"}
    return reply
