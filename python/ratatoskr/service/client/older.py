"""What a daemon that knows only the listed fields is not told of a request, as a notice in its answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from ratatoskr.service.address import Address
from ratatoskr.types.attempt import Notice
from ratatoskr.types.chat import ChatRequest
from ratatoskr.types.part import Part, ReasoningPart, TextPart, ToolCall, ToolResult
from ratatoskr.types.tool import ProviderTool

__all__ = ["is_listed", "left_out"]

_LISTED: Final = (TextPart, ReasoningPart, ToolCall)
_OPTIONS: Final = ("logprobs", "user", "service_tier", "metadata")
"""Options without a listed field."""
_NEWER: Final = 50
"""The least number of a field that is not listed."""


def left_out(request: ChatRequest, address: Address) -> tuple[Notice, ...]:
    """Return a notice that names what such a daemon has not read; none if it has read everything."""
    names = dict.fromkeys(_parts(part for message in request.messages for part in message.content))
    names |= dict.fromkeys(name for name in _OPTIONS if getattr(request.options, name) is not None)
    if any(isinstance(tool, ProviderTool) for tool in request.tools):
        names["provider tools"] = None
    if not names:
        return ()
    text = f"the daemon at {address.url} is older than this client and has not read: {', '.join(names)}"
    return (Notice("not_read_by_daemon", text, "messages"),)


def is_listed(message: Any) -> bool:
    """Return whether a message has no newer field, as those of an older daemon; each of ours names its provider."""
    return not message.provider and all(field.number < _NEWER for field, _ in message.ListFields())


def _parts(parts: Iterable[Part]) -> Iterator[str]:
    for part in parts:
        if isinstance(part, ToolResult):
            yield from _parts(part.content)
        elif not isinstance(part, _LISTED):
            yield part.type.removesuffix("_part").replace("_", " ")
