"""What a call is checked by before it is sent: the window of its model, and the day on which the model retires."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from ratatoskr.errors import ContextLengthExceeded
from ratatoskr.models.metadata import RETIRES_SOON
from ratatoskr.models.pricing import estimate_tokens
from ratatoskr.types.attempt import Notice

if TYPE_CHECKING:
    from ratatoskr.models.catalogue import Catalogue
    from ratatoskr.types.chat import ChatRequest

__all__ = ["FITS", "CountPrompt", "ModelKnowledge", "current_day"]

FITS: Final = 4_096
"""Bytes of a request that fit the window of every model: no tokeniser makes more tokens than bytes."""

CountPrompt = Callable[["ChatRequest", str, str], int | None]
"""Returns the exact number of tokens of a request's prompt for a provider and a model; `None` if only an estimate is
possible."""


def current_day() -> date:
    """Return the day, in UTC."""
    return datetime.now(UTC).date()


class ModelKnowledge:
    """Checks requests by the catalogue.

    Args:
        catalogue: of models.
        count: counts prompts; `None` leaves it at estimates.
        today: returns the day; `None` for that of the clock, in UTC.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        count: CountPrompt | None = None,
        today: Callable[[], date] | None = None,
    ) -> None:
        self._catalogue = catalogue
        self._count = count
        self._today = today

    def check_window(self, request: ChatRequest, provider: str, model: str, size: int) -> list[Notice]:
        """Return a warning if a prompt is probably longer than the model's window.

        Args:
            request: to be sent.
            provider: to which.
            model: its name there.
            size: bytes of the encoded request.

        Raises:
            ContextLengthExceeded: the prompt is longer, by an exact count.
        """
        entry = self._catalogue.find(provider, model)
        window = None if entry is None else entry.max_input_tokens or entry.context_window
        if window is None or size <= window:
            return []
        exact = None if self._count is None else self._count(request, provider, model)
        if exact is not None:
            if exact <= window:
                return []
            message = f"the prompt has {exact:,} tokens; this model takes {window:,}"
            raise ContextLengthExceeded(message, field="messages", provider=provider, model=model)
        estimate = estimate_tokens(request)
        if estimate <= window:
            return []
        message = f"the prompt has about {estimate:,} tokens, estimated; this model takes {window:,}"
        return [Notice("context_length_estimated", message, "messages")]

    def tell_of_retirement(self, provider: str, model: str) -> list[Notice]:
        """Return a warning if a model retires soon or has retired, once in this process."""
        entry = self._catalogue.find(provider, model)
        retires = None if entry is None else entry.retires_as(model)
        if retires is None:
            return []
        today = (self._today or current_day)()
        if retires > today + timedelta(days=RETIRES_SOON):
            return []
        mine = object()
        if _told.setdefault((provider, model), mine) is not mine:
            return []
        word = "retires" if retires > today else "has retired: the date was"
        return [Notice("model_retires", f"{provider}:{model} {word} {retires.isoformat()}", "model")]


_told: dict[tuple[str, str], object] = {}
"""The models of which a caller was told that they retire; those of the catalogue alone, so it stays small."""
