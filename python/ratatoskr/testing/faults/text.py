"""Faults that make correct answers hard to parse, and those that repeat events."""

from __future__ import annotations

from dataclasses import replace

from ratatoskr.testing.faults.context import FaultContext
from ratatoskr.testing.reply import Reply

_STRANGE = "\ufffc"  # a placeholder, replaced after the text has been encoded


def insert_bytes(context: FaultContext) -> Reply:
    """Insert bytes into the middle of the text."""
    reply = context.correct_reply(replace(context.turn, text=f"Before {_STRANGE} after.", tool_calls=(), deltas=1))
    reply.body = [event.replace(_STRANGE.encode(), context.options["text"]) for event in reply.events]
    return reply


def send_text(context: FaultContext) -> Reply:
    """Answer with the text of the options."""
    return context.correct_reply(replace(context.turn, text=context.options["text"], tool_calls=()))


def split_characters(context: FaultContext) -> Reply:
    """Send characters of two to four bytes, every byte in its own write."""
    reply = send_text(context)
    reply.body = [bytes([byte]) for byte in reply.content]
    return reply


def prepend_bom(context: FaultContext) -> Reply:
    """Begin the body with a byte order mark."""
    reply = context.correct_reply()
    reply.body = [b"\xef\xbb\xbf", *reply.events]
    return reply


def replace_line_ends(context: FaultContext) -> Reply:
    """Use other line ends; NDJSON has only LF and CRLF."""
    end: bytes = context.options["text"]
    reply = context.correct_reply()
    if context.request.stream and not (end == b"\r" and context.dialect.stream_type == "application/x-ndjson"):
        reply.body = [event.replace(b"\n", end) for event in reply.events]
    return reply


def repeat_events(context: FaultContext) -> Reply:
    """Send the first or the last events twice, or content after the end."""
    reply = context.correct_reply()
    if context.request.stream:
        events, first, last = reply.events, reply.first, reply.last
        extra = {"start": events[:first], "end": events[last:], "content": events[first : first + 1]}
        what = context.options["what"]
        reply.body = [*extra["start"], *events] if what == "start" else [*events, *extra[what]]
    return reply


def interleave_events(context: FaultContext) -> Reply:
    """Insert a keep-alive or an unknown event before every event."""
    reply = context.correct_reply()
    if context.request.stream:
        extra = context.dialect.unknown_event() if context.options["what"] == "unknown" else context.dialect.keep_alive
        reply.body = [piece for event in reply.events for piece in (extra, event)]
    return reply
