"""What callers may rely on: one Protocol per capability, and all of them together."""

from __future__ import annotations

from typing import Protocol

from ratatoskr.gateway.chat import Chat, Generate
from ratatoskr.gateway.embed import Embed
from ratatoskr.gateway.inspect import Inspect
from ratatoskr.gateway.tokens import Tokens

__all__ = ["Chat", "Embed", "Generate", "Inspect", "ModelGateway", "Tokens"]


class ModelGateway(Chat, Generate, Embed, Tokens, Inspect, Protocol):
    """Everything that a gateway does, in this process or elsewhere."""

    async def aclose(self) -> None:
        """Close every connection; every call and open stream ends with `GatewayClosed`."""
        ...
