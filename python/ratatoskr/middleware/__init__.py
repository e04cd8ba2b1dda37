"""What stands around every call, or around every try at a provider: `Middleware`, and those that are included."""

from __future__ import annotations

from ratatoskr.backend.stream import OpenStream
from ratatoskr.middleware.base import AskChat, AskEmbed, AskEmbedWindows, AskStream, Middleware
from ratatoskr.middleware.bind import bind, bind_all
from ratatoskr.middleware.observe import Hooks, Log
from ratatoskr.middleware.redact import Redact
from ratatoskr.middleware.watch import watch
from ratatoskr.providers.protocol import CallOptions

__all__ = [
    "AskChat",
    "AskEmbed",
    "AskEmbedWindows",
    "AskStream",
    "CallOptions",
    "Hooks",
    "Log",
    "Middleware",
    "OpenStream",
    "Redact",
    "bind",
    "bind_all",
    "watch",
]
