"""The deeds that happen before a body: statuses, redirects, silence, broken heads."""

from __future__ import annotations

import math
from dataclasses import replace
from email.utils import formatdate
from time import time

from ratatoskr.testing.faults.context import FaultContext
from ratatoskr.testing.reply import Ending, Piece, Reply


def tell_status(scene: FaultContext) -> Reply:
    """Answer with an error in the dialect's shape; with a hint when to come back, if the options say so."""
    options, problem, headers = scene.options, scene.problem(), dict(scene.options.get("headers", {}))
    if (seconds := options.get("hint")) is not None:
        hinted, in_body = scene.dialect.rate_hint(seconds)
        headers |= hinted
        problem = replace(problem, retry_after=in_body)
    if (seconds := options.get("date")) is not None:
        headers["retry-after"] = formatdate(time() + seconds, usegmt=True)
    reply = scene.dialect.refuse(problem, scene.asked.provider, scene.ids)
    reply.headers |= headers
    if reply.status == 304:  # the one status here that may have no body
        reply.body = ()
    return reply


def redirect(scene: FaultContext) -> Reply:
    """Send the client to another host; by default that is this server under its other name, where it would work."""
    location = scene.options.get("location") or f"http://localhost:{scene.port}{scene.path}"
    headers = {"location": location, "content-type": "text/html"}
    return Reply(scene.options["status"], headers, [b"<html>Moved.</html>"])


def break_off(scene: FaultContext) -> Reply:
    """Leave before the head."""
    return Reply(None, framing="none", ending=scene.options["ending"])


def stall_before_head(scene: FaultContext) -> Reply:
    """Read the request and say nothing."""
    return Reply(None, framing="none", body=[math.inf])


def cut_head(scene: FaultContext) -> Reply:
    """End the connection within the head."""
    return Reply(head=scene.right().head_bytes()[: scene.options["at"]], framing="none", ending="end")


def garbage_head(scene: FaultContext) -> Reply:
    """Speak another protocol."""
    return Reply(head=b"SSH-2.0-OpenSSH_9.6\r\n\r\n", framing="none", ending="end")


def huge_head(scene: FaultContext) -> Reply:
    """Send a head that is far too long."""
    reply = scene.right()
    reply.headers["x-padding"] = "x" * scene.options["size"]
    return reply


def drip_head(scene: FaultContext) -> Reply:
    """Send the head byte by byte and never come to its end."""
    head = scene.right().head_bytes()[:-2]
    drops: list[Piece] = [bytes([byte]) for byte in head]
    return Reply(None, framing="none", body=[*drops, math.inf], pace=scene.options["seconds"])


def interim(scene: FaultContext) -> Reply:
    """Send interim responses before the right one."""
    reply = scene.right()
    reply.prelude = b"HTTP/1.1 103 Early Hints\r\nlink: </style.css>\r\n\r\n" * 2
    return reply


def leave(scene: FaultContext) -> Reply:
    """Answer rightly, and close the connection afterwards, said or unsaid."""
    reply = scene.right()
    ending: Ending = scene.options["ending"]
    reply.ending, reply.close = ending, ending == "clean"
    return reply
