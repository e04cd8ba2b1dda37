"""The deeds that make right answers hard to read, and those that say things twice."""

from __future__ import annotations

from dataclasses import replace

from ratatoskr.testing.faults.context import FaultContext
from ratatoskr.testing.reply import Reply

_STRANGE = "\ufffc"  # stands for what is put in its place once the text is bytes


def strange_text(scene: FaultContext) -> Reply:
    """Put strange bytes into the middle of the text."""
    reply = scene.right(replace(scene.turn, text=f"Before {_STRANGE} after.", tool_calls=(), deltas=1))
    reply.body = [event.replace(_STRANGE.encode(), scene.options["text"]) for event in reply.events]
    return reply


def said(scene: FaultContext) -> Reply:
    """Answer with the text of the options, which is the hard part."""
    return scene.right(replace(scene.turn, text=scene.options["text"], tool_calls=()))


def split_characters(scene: FaultContext) -> Reply:
    """Send text of characters of two to four bytes, every byte on its own."""
    reply = said(scene)
    reply.body = [bytes([byte]) for byte in reply.content]
    return reply


def byte_order_mark(scene: FaultContext) -> Reply:
    """Begin the body with a byte order mark."""
    reply = scene.right()
    reply.body = [b"\xef\xbb\xbf", *reply.events]
    return reply


def line_ends(scene: FaultContext) -> Reply:
    """End lines in another way; NDJSON knows only LF and CRLF."""
    end: bytes = scene.options["text"]
    reply = scene.right()
    if scene.asked.stream and not (end == b"\r" and scene.dialect.stream_type == "application/x-ndjson"):
        reply.body = [event.replace(b"\n", end) for event in reply.events]
    return reply


def repeat(scene: FaultContext) -> Reply:
    """Send the first or the last events twice, or content after the end."""
    reply = scene.right()
    if scene.asked.stream:
        events, first, last = reply.events, reply.first, reply.last
        extra = {"start": events[:first], "end": events[last:], "content": events[first : first + 1]}
        what = scene.options["what"]
        reply.body = [*extra["start"], *events] if what == "start" else [*events, *extra[what]]
    return reply


def between(scene: FaultContext) -> Reply:
    """Put something before every event: keep-alives, or events that nobody knows."""
    reply = scene.right()
    if scene.asked.stream:
        extra = scene.dialect.unknown_event() if scene.options["what"] == "unknown" else scene.dialect.keep_alive
        reply.body = [piece for event in reply.events for piece in (extra, event)]
    return reply
