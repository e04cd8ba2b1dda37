"""Faults before the body: statuses, redirects, silence, broken heads."""

from __future__ import annotations

import math
from dataclasses import replace
from email.utils import formatdate
from time import time

from ratatoskr.testing.faults.context import FaultContext
from ratatoskr.testing.reply import Ending, Piece, Reply


def send_status(context: FaultContext) -> Reply:
    """Send an error in the dialect's shape, with a retry delay if the options have one."""
    options, problem, headers = context.options, context.make_problem(), dict(context.options.get("headers", {}))
    if (seconds := options.get("hint")) is not None:
        hinted, in_body = context.dialect.retry_hint(seconds)
        headers |= hinted
        problem = replace(problem, retry_after=in_body)
    if (seconds := options.get("date")) is not None:
        headers["retry-after"] = formatdate(time() + seconds, usegmt=True)
    reply = context.dialect.error_reply(problem, context.request.provider, context.ids)
    reply.headers |= headers
    if reply.status == 304:  # a response with this status must not have a body
        reply.body = ()
    return reply


def redirect(context: FaultContext) -> Reply:
    """Redirect to another host; by default to this server by its other name, where a client would succeed."""
    location = context.options.get("location") or f"http://localhost:{context.port}{context.path}"
    headers = {"location": location, "content-type": "text/html"}
    return Reply(context.options["status"], headers, [b"<html>Moved.</html>"])


def break_off(context: FaultContext) -> Reply:
    """End the connection before the head."""
    return Reply(None, framing="none", ending=context.options["ending"])


def stall_before_head(context: FaultContext) -> Reply:
    """Read the request and send nothing."""
    return Reply(None, framing="none", body=[math.inf])


def cut_head(context: FaultContext) -> Reply:
    """End the connection within the head."""
    return Reply(head=context.correct_reply().head_bytes()[: context.options["at"]], framing="none", ending="end")


def send_garbage(context: FaultContext) -> Reply:
    """Send another protocol than HTTP."""
    return Reply(head=b"SSH-2.0-OpenSSH_9.6\r\n\r\n", framing="none", ending="end")


def pad_head(context: FaultContext) -> Reply:
    """Send a head that is too long."""
    reply = context.correct_reply()
    reply.headers["x-padding"] = "x" * context.options["size"]
    return reply


def drip_head(context: FaultContext) -> Reply:
    """Send the head byte by byte without ever completing it."""
    head = context.correct_reply().head_bytes()[:-2]
    drops: list[Piece] = [bytes([byte]) for byte in head]
    return Reply(None, framing="none", body=[*drops, math.inf], pace=context.options["seconds"])


def send_interim(context: FaultContext) -> Reply:
    """Send interim responses before the correct one."""
    reply = context.correct_reply()
    reply.prelude = b"HTTP/1.1 103 Early Hints\r\nlink: </style.css>\r\n\r\n" * 2
    return reply


def close_after(context: FaultContext) -> Reply:
    """Send the correct response and close the connection afterwards, announced or not."""
    reply = context.correct_reply()
    ending: Ending = context.options["ending"]
    reply.ending, reply.close = ending, ending == "clean"
    return reply
