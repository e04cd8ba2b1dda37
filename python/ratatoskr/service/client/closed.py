"""What a closed client still answers, as a closed gateway of this process does: what it was told, and prices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from ratatoskr.types.model import Health
from ratatoskr.types.query import GetCapabilities, GetCost, GetHealth

if TYPE_CHECKING:
    from ratatoskr.types.query import Query

__all__ = ["KEPT", "WHILE_CLOSED", "answer_closed"]

KEPT: Final = frozenset({GetHealth, GetCapabilities})
"""Questions whose last answer is kept."""
WHILE_CLOSED: Final = KEPT | {GetCost}
"""Questions that a closed client answers."""


def answer_closed(query: Query[Any], told: Mapping[type[Any], Any]) -> Any:
    """Return the answer to a question of `WHILE_CLOSED`.

    Args:
        query: the question.
        told: the daemon's last answers to those of `KEPT`.
    """
    health: Health | None = told.get(GetHealth)
    if isinstance(query, GetCost):
        from ratatoskr.config.prices import cost_here

        return cost_here(query, None if health is None else [provider.name for provider in health.providers])
    if isinstance(query, GetCapabilities):
        return told.get(GetCapabilities, frozenset())
    if health is not None:
        return replace(health, healthy=False)
    from ratatoskr.version import VERSION  # on use: it reads the metadata of the installed package

    return Health(False, VERSION)
