"""What callers may rely on: one Protocol per capability, and all of them together."""

from __future__ import annotations

from typing import Protocol

from ratatoskr.gateway.chat import Chat, Generate
from ratatoskr.gateway.classify import Classify
from ratatoskr.gateway.embed import Embed
from ratatoskr.gateway.inspect import Inspect
from ratatoskr.gateway.nli import Nli
from ratatoskr.gateway.rerank import Rerank
from ratatoskr.gateway.stance import Stance
from ratatoskr.gateway.tokens import Tokens

__all__ = ["Chat", "Classify", "Embed", "Generate", "Inspect", "ModelGateway", "Nli", "Rerank", "Stance", "Tokens"]


class ModelGateway(Chat, Generate, Embed, Nli, Classify, Stance, Rerank, Tokens, Inspect, Protocol):
    """Everything that a gateway does, in this process or elsewhere."""

    async def aclose(self) -> None:
        """Close every connection; every call and open stream ends with `GatewayClosed`."""
        ...
