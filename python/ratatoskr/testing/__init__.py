"""Tools for testing applications: a scripted gateway, a scripted provider on loopback, faults and replays.

    from ratatoskr.testing import ScriptedTurn, ScriptedUpstream, fault

    async with ScriptedUpstream([fault("overloaded"), ScriptedTurn("Hello")]) as upstream:
        gateway = Ratatoskr.builder().openai("key", base_url=upstream.base_url("openai")).build()

Names are imported on first use: importing this package imports nothing else.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ratatoskr.testing.chaos import load_script, serve
    from ratatoskr.testing.connection import Received
    from ratatoskr.testing.faults.table import FAULTS, Fault, fault
    from ratatoskr.testing.network import NetworkUsed, no_network
    from ratatoskr.testing.replay import Replay, load_recordings
    from ratatoskr.testing.reply import Reply
    from ratatoskr.testing.scripted import ScriptedGateway
    from ratatoskr.testing.thread import ThreadedUpstream
    from ratatoskr.testing.turns import ParsedRequest, ScriptedToolCall, ScriptedTurn, TokenCounts
    from ratatoskr.testing.upstream import ScriptedUpstream

__all__ = [
    "FAULTS",
    "Fault",
    "NetworkUsed",
    "ParsedRequest",
    "Received",
    "Replay",
    "Reply",
    "ScriptedGateway",
    "ScriptedToolCall",
    "ScriptedTurn",
    "ScriptedUpstream",
    "ThreadedUpstream",
    "TokenCounts",
    "fault",
    "load_recordings",
    "load_script",
    "no_network",
    "serve",
]

_MODULES = {
    "FAULTS": "faults.table",
    "Fault": "faults.table",
    "NetworkUsed": "network",
    "ParsedRequest": "turns",
    "Received": "connection",
    "Replay": "replay",
    "Reply": "reply",
    "ScriptedGateway": "scripted",
    "ScriptedToolCall": "turns",
    "ScriptedTurn": "turns",
    "ScriptedUpstream": "upstream",
    "ThreadedUpstream": "thread",
    "TokenCounts": "turns",
    "fault": "faults.table",
    "load_recordings": "replay",
    "load_script": "chaos",
    "no_network": "network",
    "serve": "chaos",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
