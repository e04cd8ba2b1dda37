"""What requests have in common that share a cached prompt: the same key of the provider should carry them all."""

from __future__ import annotations

import json
from hashlib import blake2b
from itertools import takewhile

from ratatoskr.types.chat import ChatRequest
from ratatoskr.types.tool import ToolDefinition

__all__ = ["prompt_affinity"]


def prompt_affinity(request: ChatRequest) -> bytes | None:
    """Return a digest of the system text and the tools of a request whose prompt is to be cached; `None` for others.

    Where there are neither, it is one of the first message, so that unrelated conversations do not share a key.
    """
    if not request.options.cache_prompt and not _has_marks(request):
        return None
    system = [message.text for message in takewhile(lambda one: one.role == "system", request.messages)]
    tools = [
        [tool.name, tool.description, tool.parameters]
        if isinstance(tool, ToolDefinition)
        else [tool.provider, tool.definition]
        for tool in request.tools
    ]
    shared = [system, tools] if any(system) or tools else [message.text for message in request.messages[:1]]
    text = json.dumps(shared, default=dict)  # the mapping of a schema may be of any type
    return blake2b(text.encode(), digest_size=16).digest()


def _has_marks(request: ChatRequest) -> bool:
    in_messages = any(part.cache for message in request.messages for part in message.content)
    return in_messages or any(isinstance(tool, ToolDefinition) and tool.cache for tool in request.tools)
